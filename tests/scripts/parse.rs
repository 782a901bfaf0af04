//! Reads a script; what the lines mean stands in `README.md`.

use std::path::Path;

#[derive(Debug)]
pub struct Script {
    pub name: String,
    pub rows: Vec<String>,
    /// Only this profile.
    pub profile: Option<String>,
    pub config: String,
    pub cli: Vec<String>,
    pub listener: String,
    /// Mailbox and bytes.
    pub fill: Vec<(String, usize)>,
    pub steps: Vec<Numbered>,
}

#[derive(Debug)]
pub struct Numbered {
    pub line: usize,
    pub what: Step,
}

#[derive(Debug)]
pub enum Step {
    Send { profile: Option<String>, bytes: Vec<u8> },
    Filler(usize),
    Line { profile: Option<String>, pattern: String },
    Whole { code: u16 },
    With(String),
    Without(String),
    Tls,
    Connect(String),
    Closed,
    Mail { address: String, count: usize },
    Has(Vec<u8>),
    Lacks(Vec<u8>),
    Queue(usize),
}

pub fn script(file: &Path) -> Script {
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(file).expect("a script");
    let mut script = Script {
        name,
        rows: Vec::new(),
        profile: None,
        config: String::new(),
        cli: Vec::new(),
        listener: "mx".to_owned(),
        fill: Vec::new(),
        steps: Vec::new(),
    };
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(directive) = line.strip_prefix('%') {
            head(&mut script, directive, number);
            continue;
        }
        let Some(what) = step(line) else { panic!("{}:{number}: not a step: {line}", script.name) };
        script.steps.push(Numbered { line: number, what });
    }
    script
}

fn head(script: &mut Script, directive: &str, number: usize) {
    let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
    match word {
        "row" => script.rows.push(rest.trim().to_owned()),
        "profile" => script.profile = Some(rest.trim().to_owned()),
        "config" => {
            script.config.push_str(rest);
            script.config.push('\n');
        }
        "cli" => script.cli.push(rest.to_owned()),
        "listener" => script.listener = rest.trim().to_owned(),
        "fill" => {
            let (address, bytes) = rest.split_once(' ').expect("%fill ADDRESS BYTES");
            script.fill.push((address.to_owned(), bytes.trim().parse().expect("bytes")));
        }
        _ => panic!("{}:{number}: unknown directive %{word}", script.name),
    }
}

fn step(line: &str) -> Option<Step> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let only = |profile: &str| Some(profile.to_owned());
    let crlf = |text: &str| format!("{text}\r\n").into_bytes();
    Some(match word {
        "C:" => Step::Send { profile: None, bytes: crlf(rest) },
        "Cm:" => Step::Send { profile: only("merak"), bytes: crlf(rest) },
        "Cr:" => Step::Send { profile: only("rfc"), bytes: crlf(rest) },
        "C|" => Step::Send { profile: None, bytes: unescape(rest) },
        "C64:" => {
            use base64::Engine;
            let encoded = base64::engine::general_purpose::STANDARD.encode(unescape(rest));
            Step::Send { profile: None, bytes: crlf(&encoded) }
        }
        "BYTES" => Step::Filler(rest.trim().parse().ok()?),
        "LONG" => Step::Send { profile: None, bytes: crlf(&"x".repeat(rest.trim().parse().ok()?)) },
        "S:" => Step::Line { profile: None, pattern: rest.to_owned() },
        "Sm:" => Step::Line { profile: only("merak"), pattern: rest.to_owned() },
        "Sr:" => Step::Line { profile: only("rfc"), pattern: rest.to_owned() },
        "S*" => Step::Whole { code: rest.trim().parse().ok()? },
        "S+" => Step::With(rest.to_owned()),
        "S-" => Step::Without(rest.to_owned()),
        "TLS" => Step::Tls,
        "CONNECT" => Step::Connect(rest.trim().to_owned()),
        "EOF" => Step::Closed,
        "MAIL" => {
            let (address, count) = rest.split_once(' ')?;
            Step::Mail { address: address.to_owned(), count: count.trim().parse().ok()? }
        }
        "HAS" => Step::Has(unescape(rest)),
        "LACKS" => Step::Lacks(unescape(rest)),
        "QUEUE" => Step::Queue(rest.trim().parse().ok()?),
        _ => return None,
    })
}

/// `\r \n \t \0 \\ \xHH`; everything else is itself.
pub fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        match bytes.get(at + 1) {
            Some(b'r') => out.push(b'\r'),
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'0') => out.push(0),
            Some(b'x') => {
                out.push(u8::from_str_radix(&text[at + 2..at + 4], 16).expect("two hex digits"));
                at += 2;
            }
            Some(other) => out.push(*other),
            None => panic!("a lone backslash in {text:?}"),
        }
        at += 2;
    }
    out
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("250 ok", "250 ok", true),
        ("250 ok", "250 ok then", false),
        ("250 *", "250 ok", true),
        ("250*", "250", true),
        ("550 a*b*c", "550 a1b2c", true),
        ("550 a*b*c", "550 a1c2b", false),
        ("550 a*a", "550 a", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
    }
    assert_eq!(unescape(r"a\r\n\x41\\\0"), b"a\r\nA\\\0");
}
