//! Reads the sources and manifests and checks what the architecture promises in writing.

use std::path::{Path, PathBuf};

/// A source file longer than this has two subjects.
const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

/// All Rust files below a folder, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push((path.clone(), std::fs::read_to_string(&path).expect("a source file")));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.components().any(|folder| folder.as_os_str() == "tests")
}

/// What stands before the tests of a file: these may quote, read fixtures and look at the clock.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or("")
}

/// Lines with one of the words, comments aside, as `file:line: text`.
fn naming(sources: &[(PathBuf, String)], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| !is_test(path)) {
        for (index, line) in product(text).lines().enumerate() {
            let code = line.trim_start();
            if !code.starts_with("//") && words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}:{}: {code}", path.display(), index + 1));
            }
        }
    }
    found
}

fn none(found: &[String], promise: &str) {
    assert!(found.is_empty(), "{promise}:\n{}", found.join("\n"));
}

const SOCKETS_AND_CLOCKS: &[&str] = &[
    "tokio",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "Instant::now",
    "SystemTime",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
];

#[test]
fn protocol_and_message_code_does_no_io_and_knows_no_clock() {
    for folder in ["host/smtp/src", "host/mail/src"] {
        none(&naming(&sources(folder), SOCKETS_AND_CLOCKS), "bytes and time in, actions out");
    }
    for manifest in ["host/smtp/Cargo.toml", "host/mail/Cargo.toml"] {
        let text = std::fs::read_to_string(root().join(manifest)).expect("a manifest");
        for name in ["tokio", "rustls", "hickory", "rusqlite", "socket2"] {
            assert!(!text.contains(name), "{manifest} names {name}");
        }
    }
}

#[test]
fn siblings_do_not_import_each_other() {
    for name in ["smtp", "mail", "store"] {
        let text = std::fs::read_to_string(root().join(format!("host/{name}/Cargo.toml"))).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("TOML");
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(toml::Value::Table(dependencies)) = manifest.get(section) else { continue };
            let own: Vec<&String> = dependencies.keys().filter(|key| key.starts_with("postwarden")).collect();
            assert!(own.is_empty(), "host/{name} depends on {own:?}");
        }
    }
}

#[test]
fn replies_are_written_in_one_table() {
    let mut all = sources("host/smtp/src");
    all.extend(sources("host/server/src"));
    all.extend(sources("host/mail/src"));
    all.retain(|(path, _)| !path.to_string_lossy().contains("smtp/src/reply") && !is_test(path));
    let mut found = Vec::new();
    for (path, text) in &all {
        for (index, line) in product(text).lines().enumerate() {
            // The example of `postwarden explain` quotes one.
            let quoted = line.trim_start().starts_with("//") || line.contains(" explain ");
            if !quoted && line.split('"').skip(1).step_by(2).any(is_reply) {
                found.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    none(&found, "a reply literal outside the reply table");
}

/// `ddd d.d.d` or `ddd-d.d.d` at the start.
fn is_reply(text: &str) -> bool {
    let shape = b"ddd d.d.d";
    let bytes = text.as_bytes();
    bytes.len() >= shape.len()
        && shape.iter().zip(bytes).all(|(shape, byte)| match shape {
            b'd' => byte.is_ascii_digit(),
            b' ' => matches!(byte, b' ' | b'-'),
            other => byte == other,
        })
}

#[test]
fn a_reply_literal_is_noticed() {
    assert!(is_reply("250 2.1.0 ok"));
    assert!(is_reply("550-5.7.1 no"));
    assert!(!is_reply("5.7.1 no"));
    assert!(!is_reply("2501 2.1.0"));
}

#[test]
fn every_source_file_says_what_it_does_and_is_short() {
    let mut all = sources("host");
    all.extend(sources("tests"));
    for (path, text) in &all {
        let first = text.lines().next().unwrap_or("");
        assert!(first.starts_with("//!"), "{} does not begin with `//!`", path.display());
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines, more than {LINES_MAX}", path.display());
    }
}

#[test]
fn only_the_sandbox_may_name_its_engine() {
    let mut all = sources("host");
    all.retain(|(path, _)| !path.to_string_lossy().contains("host/sandbox/"));
    none(&naming(&all, &["wasmtime"]), "only the sandbox names wasmtime");
}
