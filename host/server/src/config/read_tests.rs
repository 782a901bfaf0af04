//! Walks `tests/config`: each `NAME.toml` is read, and what is said about it must equal `NAME.err`
//! (errors) or `NAME.warn` (it loads, with these warnings). `UPDATE_FIXTURES=1` writes them anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use super::read::{Problem, load, parse};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// Problems as text, with the folder of the fixtures taken out.
fn told(problems: &[Problem]) -> String {
    let folder = format!("{}/", folder().display());
    problems.iter().map(|problem| format!("{problem}\n").replace(&folder, "")).collect()
}

#[test]
fn fixtures() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    let mut files = Vec::new();
    for folder in [folder(), folder().join("without-certificate")] {
        files.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "toml")) {
        seen += 1;
        let (extension, text) = match load(file) {
            Ok(loaded) => ("warn", told(&loaded.warnings)),
            Err(errors) => ("err", told(&errors)),
        };
        let expected = file.with_extension(extension);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            for other in ["warn", "err"] {
                let _ = std::fs::remove_file(file.with_extension(other));
            }
            std::fs::write(&expected, &text).unwrap();
        } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(&text) {
            wrong.push(format!("{} should hold:\n{text}", expected.display()));
        }
    }
    assert!(seen >= 10, "only {seen} fixtures");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn defaults_are_those_of_the_reference() {
    // The reference shows every default; a file with only what is required must read the same.
    let least = parse("hostname = 'mx.example.com'", Path::new("/etc/postwarden/postwarden.toml")).unwrap().config;
    let reference = load(&folder().join("reference.toml")).unwrap().config;
    for (name, least, reference) in [
        ("listeners", format!("{:?}", least.listeners), format!("{:?}", reference.listeners)),
        ("smtp", format!("{:?}", least.smtp), format!("{:?}", reference.smtp)),
        ("security", format!("{:?}", least.security), format!("{:?}", reference.security)),
        ("auth", format!("{:?}", least.auth), format!("{:?}", reference.auth)),
        ("relay", format!("{:?}", least.relay_from), format!("{:?}", reference.relay_from)),
        ("scores", format!("{:?}", least.scores), format!("{:?}", reference.scores)),
        ("challenge", format!("{:?}", least.challenge), format!("{:?}", reference.challenge)),
        ("log", format!("{:?}", least.log), format!("{:?}", reference.log)),
        ("retry", format!("{:?}", least.delivery.retry), format!("{:?}", reference.delivery.retry)),
        ("store", format!("{:?}", least.store), format!("{:?}", reference.store)),
        ("data-dir", format!("{:?}", least.data_dir), format!("{:?}", reference.data_dir)),
    ] {
        assert_eq!(least, reference, "{name}");
    }
    let domain = reference.domains.get("example.com").unwrap();
    assert_eq!(format!("{:?}", domain.send_limit), format!("{:?}", super::SendLimit::default()));
}

#[test]
fn no_text_makes_it_panic() {
    // Every prefix of the reference, and the reference with each line left out.
    let text = std::fs::read_to_string(folder().join("reference.toml")).unwrap();
    for (end, _) in text.char_indices().step_by(7) {
        let _ = parse(text.get(..end).unwrap(), Path::new("x.toml"));
    }
    let lines: Vec<_> = text.lines().collect();
    for left_out in 0..lines.len() {
        let rest: Vec<_> =
            lines.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, line)| *line).collect();
        let _ = parse(&rest.join("\n"), Path::new("x.toml"));
    }
}
