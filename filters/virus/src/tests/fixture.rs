//! Reads the fixture: sets of signature lines with files that they must find and must not find.

/// Signature lines by format, and files with what is expected.
#[derive(Default)]
pub(super) struct Set {
    pub(super) lines: Vec<(String, String)>,
    /// Is it found, and its bytes.
    pub(super) files: Vec<(bool, Vec<u8>)>,
}

impl Set {
    /// Names and contents of signature files.
    pub(super) fn signature_files(&self) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = Vec::new();
        for (format, line) in &self.lines {
            let name = format!("test.{format}");
            match files.iter_mut().find(|(known, _)| *known == name) {
                Some((_, text)) => text.push_str(&format!("{line}\n")),
                None => files.push((name, format!("{line}\n"))),
            }
        }
        files
    }
}

pub(super) fn sets() -> Vec<Set> {
    let mut sets = Vec::new();
    let mut set = Set::default();
    for line in include_str!("signatures.txt").lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            (">", text) => {
                let (format, text) = text.split_once(' ').unwrap();
                set.lines.push((format.to_owned(), text.to_owned()));
            }
            (sign @ ("+" | "-"), data) => set.files.push((sign == "+", bytes(data))),
            ("=", _) => sets.push(std::mem::take(&mut set)),
            _ => assert!(line.is_empty() || line.starts_with('#'), "{line}"),
        }
    }
    assert!(set.lines.is_empty(), "the last set has no end");
    sets
}

fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((inside, behind)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            let (times, text) = inside.split_once('*').unwrap();
            bytes.extend(self::bytes(text).repeat(times.parse().unwrap()));
            rest = behind;
        } else if let Some(hex) = rest.strip_prefix("\\x") {
            bytes.push(u8::from_str_radix(&hex[..2], 16).unwrap());
            rest = &hex[2..];
        } else if let Some(behind) = rest.strip_prefix("\\n") {
            bytes.push(b'\n');
            rest = behind;
        } else {
            bytes.extend(first.to_string().as_bytes());
            rest = &rest[first.len_utf8()..];
        }
    }
    bytes
}
