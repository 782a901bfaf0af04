//! The workbench of those who write filters: `filter run`, without a server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::Server;
use crate::harness::process::{run_within, said};
use crate::harness::server::BINARY;

const PUPPET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/frozen/0.1/puppet.wasm");
const GRANTS: &[&str] = &["--grant", "dns", "--grant", "state", "--grant", "edit", "--grant", "connect=127.0.0.1:1"];

/// The puppet with time enough, since tests share two processors.
const PATIENT: &str = concat!(
    "hostname = 'mx.example.com'\n[[filter]]\nname = 'puppet'\ndeadline = '20s'\ncpu = '20s'\ncomponent = '",
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/frozen/0.1/puppet.wasm'\n"
);

/// A compiler that builds its C library first, an interpreter that is compiled, beside other tests.
const BUILD_MAX: Duration = Duration::from_secs(600);

/// A folder to work in.
pub struct Bench(pub TempDir);

impl Bench {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        filter(self.0.path(), arguments)
    }

    /// Its standard output; it must have done what it should.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "filter {arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it complains about.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "filter {arguments:?}: {}", said(&output));
        String::from_utf8(output.stderr).unwrap()
    }
}

/// `postwarden filter …` in this folder.
pub fn filter(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("filter").args(arguments).current_dir(folder);
    command.env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache")).env_remove("POSTWARDEN_CONFIG");
    run_within(BUILD_MAX, command, b"")
}

#[test]
fn one_message_is_told_whole() {
    let bench = Bench::new();
    bench.put("mail.eml", "From: eve@example.org\nTo: bob@example.net\nSubject: hello\n\ncheap pills\n");
    let settings = r#"{"on-message": [["score", "PILLS", 2.5], ["log", "seen"], ["add-header", "X-Seen", "yes"],
        ["replace-header", "Subject", 0, "[x] hello"], ["add-recipient", "carol@example.net"],
        ["if-text", "cheap pills", [["reject", "content", "pills"]]]]}"#;
    bench.put("postwarden.toml", PATIENT);
    let arguments = [&["run", "puppet", "mail.eml", "--settings", settings, "--grant", "recipients"], GRANTS].concat();
    let text = bench.ok(&arguments);
    for piece in [
        "mail.eml: reject (content): pills, score 2.5",
        "554 5.7.1 Message cannot be accepted, content filter rejection   (row 28, content-rejected)",
        "on-connect",
        "+2.5 PILLS",
        "info: seen",
        "+ X-Seen: yes",
        "- Subject: hello",
        "+ Subject: [x] hello",
        "envelope  + carol@example.net",
    ] {
        assert!(text.contains(piece), "{piece:?} is missing:\n{text}");
    }
    let one: Value = serde_json::from_str(&bench.ok(&[arguments.as_slice(), &["--json"]].concat())).unwrap();
    assert_eq!(
        (&one["verdict"], &one["row"], &one["score"]),
        (&"reject".into(), &"content-rejected".into(), &2.5.into())
    );
    assert_eq!(one["symbols"][0]["symbol"], "PILLS");
    assert!(one["microseconds"].as_u64().unwrap() > 0 && one["bytes-read"].as_u64().unwrap() > 0, "{one}");
}

#[test]
fn many_messages_are_summed_up_and_flags_change_the_facts() {
    let bench = Bench::new();
    bench.put("mail/a.eml", "Subject: a\n\nhello\n");
    bench.put("mail/b.eml", "Subject: b\n\nhello\n");
    bench.put("mail/b.toml", "to = ['bob@example.net', 'eve@example.net']\nscore = 9");
    bench.put("box", "From a@b Mon Jan 1\nSubject: c\n\nhello\n\nFrom d@e Mon Jan 1\nSubject: d\n\nhello\n");
    let settings = r#"{"on-recipient": [["if-recipient", "eve@example.net", [["reject", "access"]]]],
        "on-message": [["score", "ONE", 1]]}"#;
    bench.put("postwarden.toml", PATIENT);
    let all = [&["run", "puppet", "mail", "box", "--settings", settings], GRANTS].concat();
    let text = bench.ok(&all);
    assert!(text.contains("4 messages: 3 pass, 1 reject; p50 "), "{text}");
    // The file's score and the filter's reach the limit; eve is refused, bob would get it.
    assert!(text.contains("mail/b.eml: reject: the score 10.0 reaches 10.0"), "{text}");
    let eve = bench.ok(&[all.as_slice(), &["--to", "eve@example.net", "--json"]].concat());
    let lines: Vec<Value> = eve.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line["hook"] == "on-recipient" && line["row"] == "access-denied"), "{eve}");
}

#[test]
fn a_filter_of_a_configuration_and_a_stock_one_are_tried_alike() {
    let bench = Bench::new();
    bench.put("mail.eml", "Subject: a\n\nhello\n");
    bench.put("lists/black.txt", "i:192.0.2.9\n");
    let config = "hostname = 'mx.example.com'\n[[filter]]\nname = 'lists'\ncomponent = 'builtin:access'\n\
        settings = { black = 'lists/black.txt' }\n";
    bench.put("postwarden.toml", config);
    let by_name = ["run", "lists", "mail.eml", "--client", "192.0.2.9", "--quiet"];
    assert_eq!(bench.ok(&by_name), "");
    let told = bench.ok(&["run", "lists", "mail.eml", "--client", "192.0.2.9"]);
    assert!(told.contains("row 19, access-denied"), "{told}");
    let settings = r#"{"black": "lists/black.txt"}"#;
    let stock = ["run", "builtin:access", "mail.eml", "--settings", settings, "--client", "192.0.2.8"];
    assert!(bench.ok(&stock).starts_with("mail.eml: pass, "));
    assert!(bench.refused(&["run", "list", "mail.eml"]).contains("it has: lists"));
}

#[test]
fn what_does_not_load_says_what_to_do() {
    let bench = Bench::new();
    bench.put("mail.eml", "Subject: a\n\nhello\n");
    let ungranted = bench.refused(&["run", PUPPET, "mail.eml"]);
    assert!(ungranted.contains("\"dns\"") && ungranted.contains("connect"), "{ungranted}");
    bench.put("core.wasm", "\0asm\x01\0\0\0");
    assert!(bench.refused(&["run", "core.wasm", "mail.eml"]).contains("wasm-tools component new"));
    assert!(bench.refused(&["run", "none.wasm", "mail.eml"]).contains("build it first"));
    assert!(bench.refused(&["run", PUPPET, "mail.eml", "--grant", "dsn"]).contains("no grant \"dsn\""));
    let missing = bench.refused(&[&["run", PUPPET, "none.eml"], GRANTS].concat());
    assert!(missing.contains("none.eml"), "{missing}");
    bench.put("mail.toml", "form = 'eve@example.org'");
    let misspelt = bench.refused(&[&["run", PUPPET, "mail.eml"], GRANTS].concat());
    assert!(misspelt.contains("mail.toml") && misspelt.contains("form"), "{misspelt}");
}

#[test]
fn a_candidate_is_compared_over_files_and_over_held_mail() {
    let bench = Bench::new();
    bench.put("mail.eml", "Subject: a\n\nhello\n");
    bench.put("mail.toml", "client = '192.0.2.9'\n");
    bench.put("black.txt", "i:192.0.2.9\n");
    let grants = "grants = ['dns', 'state', { connect = ['127.0.0.1:1'] }]";
    let time = "deadline = '20s'\ncpu = '20s'\n";
    let config = "hostname = 'mx.example.com'\n[[filter]]\nname = 'lists'\ncomponent = 'builtin:access'\n";
    bench.put("postwarden.toml", &format!("{config}{time}{grants}\nsettings = {{ black = 'black.txt' }}\n"));
    let differ = bench.run(&["replay", "lists", PUPPET, "mail.eml"]);
    let told = said(&differ);
    assert_eq!(differ.status.code(), Some(1), "{told}");
    for piece in ["- mail.eml: reject (access)", "+ mail.eml: pass", "1 message: 0 as before, 1 differ"] {
        assert!(told.contains(piece), "{piece}: {told}");
    }

    let filter =
        format!("[[filter]]\nname = 'holds'\ncomponent = '{PUPPET}'\n{grants}\ndeadline = '20s'\ncpu = '20s'\n");
    let server = Server::start(&format!("{filter}settings = {{ on-message = [['quarantine', 'content']] }}\n"));
    let mut client = server.connect("mx");
    client.ehlo();
    assert_eq!(client.message("eve@example.org", "alice@example.com", "Subject: held\r\n\r\n").code, 250);
    let same = server.cli_ok(&["filter", "replay", "holds", PUPPET, "--since", "1d"]);
    assert!(same.contains("1 message: 1 as before, 0 differ"), "{same}");
}
