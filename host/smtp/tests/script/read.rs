//! From text to steps.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postwarden_smtp::session::Profile;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Client(Vec<u8>),
    Reply(String),
    Question(String),
    Answer(String),
    Body(Vec<u8>),
    Action(String),
    Clock(Duration),
    Tls(String),
    Shutdown,
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) profile: Profile,
    /// `@` lines: name and value.
    pub(crate) settings: Vec<(String, String)>,
    /// Line number and step.
    pub(crate) steps: Vec<(usize, Step)>,
}

impl Script {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.settings.iter().any(|(key, _)| key == name)
    }
}

/// All scripts below a folder, for each of their profiles.
pub(crate) fn all(folder: &Path) -> Vec<Script> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    files.iter().flat_map(|file| one(folder, file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "smtp") {
            files.push(path);
        }
    }
}

fn one(folder: &Path, file: &Path) -> Vec<Script> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = file.strip_prefix(folder).unwrap().display().to_string();
    let profiles = match text.lines().find_map(|line| line.strip_prefix("@profile ")) {
        Some("merak") => vec![Profile::Merak],
        Some("rfc") => vec![Profile::Rfc],
        Some(other) => panic!("{name}: profile {other}"),
        None => vec![Profile::Merak, Profile::Rfc],
    };
    profiles.into_iter().map(|profile| parse(&name, &text, profile)).collect()
}

fn parse(name: &str, text: &str, profile: Profile) -> Script {
    let mut script = Script { name: format!("{name} ({profile:?})"), profile, settings: vec![], steps: vec![] };
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(setting) = line.strip_prefix('@') {
            let (key, value) = setting.split_once(' ').unwrap_or((setting, ""));
            script.settings.push((key.to_owned(), value.to_owned()));
            continue;
        }
        if let Some(time) = line.strip_prefix('+') {
            script.steps.push((number, Step::Clock(duration(time))));
            continue;
        }
        let (tag, value) = line.split_once(':').unwrap_or_else(|| panic!("{name}:{number}: {line}"));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let (tag, only) = match tag.split_once('[') {
            Some((tag, only)) => (tag, Some(only.trim_end_matches(']'))),
            None => (tag, None),
        };
        if only.is_some_and(|only| only != format!("{profile:?}").to_lowercase()) {
            continue;
        }
        let step = match tag {
            "C" => Step::Client([bytes(value), b"\r\n".to_vec()].concat()),
            "B" => Step::Client(bytes(value)),
            "S" => Step::Reply(String::from_utf8(bytes(value)).unwrap()),
            "?" => Step::Question(value.to_owned()),
            "!" => Step::Answer(value.to_owned()),
            "=" => Step::Body(bytes(value)),
            ">" => Step::Action(value.to_owned()),
            "T" => Step::Tls(value.to_owned()),
            "X" => Step::Shutdown,
            _ => panic!("{name}:{number}: {line}"),
        };
        script.steps.push((number, step));
    }
    script
}

pub(crate) fn duration(text: &str) -> Duration {
    match text.strip_suffix('m') {
        Some(minutes) => Duration::from_secs(60 * minutes.parse::<u64>().unwrap()),
        None => Duration::from_secs(text.trim_end_matches('s').parse().unwrap()),
    }
}

fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        let (escape, tail) = after.split_at(1);
        rest = tail;
        match escape {
            "r" => out.push(b'\r'),
            "n" => out.push(b'\n'),
            "t" => out.push(b'\t'),
            "\\" => out.push(b'\\'),
            "x" => {
                out.push(u8::from_str_radix(&tail[..2], 16).unwrap());
                rest = &tail[2..];
            }
            "*" => {
                let (count, tail) = tail.strip_prefix('{').unwrap().split_once('}').unwrap();
                let c = tail.chars().next().unwrap();
                out.extend(c.to_string().repeat(count.parse().unwrap()).as_bytes());
                rest = &tail[c.len_utf8()..];
            }
            other => panic!("escape \\{other}"),
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
