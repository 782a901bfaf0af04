//! Hot reload with a real component: by a changed file, by command, by SIGHUP; broken files, rollback, restarts.

use std::path::PathBuf;

use rustix::process::Signal;

use crate::harness::{Server, wait_for};

/// A filter that rejects; what it does stands in its settings.
const FILTER: &str = r#"
[[filter]]
name = "puppet"
component = "puppet.wasm"
grants = ["dns", "state", { connect = ["127.0.0.1:1"] }]
deadline = "20s"
cpu = "20s"
settings = { on-message = [["if-text", "cheap pills", [["reject", "spam"]]]] }
"#;

/// The component with a note in it, so that each number is a version of its own.
fn component(number: u8) -> Vec<u8> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/frozen/0.1/puppet.wasm");
    let mut bytes = std::fs::read(file).unwrap();
    bytes.extend([0, 3, 1, b'n', number]);
    bytes
}

/// As a build does: beside, then in place.
fn put(server: &Server, bytes: &[u8]) {
    let new = server.dir.path().join("puppet.new");
    std::fs::write(&new, bytes).unwrap();
    std::fs::rename(new, server.dir.path().join("puppet.wasm")).unwrap();
}

fn start() -> Server {
    let mut server = Server::prepare(FILTER);
    put(&server, &component(1));
    server.launch();
    server
}

/// Component, and whether it was compiled for this load.
fn stands(server: &Server) -> (String, String) {
    let version = server.cli_json(&["filter", "show", "puppet"])["versions"][0].clone();
    let text = |key: &str| version[key].as_str().expect(key).to_owned();
    (text("component"), text("compiled"))
}

fn wait_for_another(server: &Server, old: &str) -> String {
    wait_for("another version", || Some(stands(server).0).filter(|component| component != old))
}

/// The reply codes to a clean message and to a bad one.
fn replies(server: &Server) -> (u16, u16) {
    let ask = |subject: &str| {
        let mut client = server.connect("mx");
        client.ehlo();
        let message = format!("Subject: {subject}\r\n\r\nhello\r\n");
        client.message("someone@example.org", "alice@example.com", &message).code
    };
    (ask("hello"), ask("cheap pills"))
}

#[test]
fn filters_change_while_the_server_runs() {
    let mut server = start();
    let (first, compiled) = stands(&server);
    assert_eq!(compiled, "now");
    assert_eq!(replies(&server), (250, 554));

    // A changed file; a conversation that began before goes on.
    let mut open = server.connect("mx");
    open.ehlo();
    put(&server, &component(2));
    let second = wait_for_another(&server, &first);
    assert_eq!(open.message("someone@example.org", "alice@example.com", "Subject: cheap pills\r\n\r\n").code, 554);

    // A broken one changes nothing and says why: in the log, to the command, in `show`, at SIGHUP.
    put(&server, b"no component at all");
    let output = server.cli(&["filter", "reload", "puppet"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing was changed") && said.contains("puppet.wasm"), "{said}");
    server.signal(Signal::HUP);
    wait_for("the refused reload", || server.logs().contains("was not reloaded").then_some(()));
    assert_eq!(stands(&server).0, second);
    assert!(server.cli_ok(&["filter", "show", "puppet"]).contains("last load failed"));
    assert_eq!(replies(&server), (250, 554));

    // By command, where the file's change was not waited for; then nothing is new.
    put(&server, &component(3));
    server.cli_ok(&["filter", "reload", "puppet"]);
    let third = wait_for_another(&server, &second);
    assert!(server.cli_ok(&["filter", "reload", "puppet"]).contains("has not changed"));

    // Other settings are another version of the same component.
    let config = std::fs::read_to_string(server.config()).unwrap();
    server.write_config(&config.replace("cheap pills", "free money"));
    server.signal(Signal::HUP);
    wait_for("other settings", || (replies(&server) == (250, 250)).then_some(()));
    assert_eq!(stands(&server).0, third);
    server.cli_ok(&["filter", "rollback", "puppet"]);
    assert_eq!(replies(&server), (250, 554));

    // What was rolled back stays away over a restart, and nothing is compiled again.
    server.stop();
    server.launch();
    assert_eq!(stands(&server), (third.clone(), "cached".to_owned()));
    assert_eq!(replies(&server), (250, 554));
    server.cli_ok(&["filter", "rollback", "puppet", "--to", &first[..12]]);
    assert_eq!(stands(&server).0, first);

    // A start with a broken file: the version before stands in.
    put(&server, b"no component at all");
    server.stop();
    server.launch();
    assert_eq!(stands(&server).0, first);
    let history = server.cli_ok(&["filter", "history", "puppet"]);
    for event in ["loaded", "refused", "rolled-back"] {
        assert!(history.contains(event), "{history}");
    }
    assert!(server.cli_ok(&["filter", "list"]).contains("last load failed"));
    server.stop();
}

#[test]
fn a_filter_that_never_loaded_stops_the_start() {
    let server = Server::prepare(FILTER);
    let file: PathBuf = server.dir.path().join("puppet.wasm");
    std::fs::write(file, b"no component at all").unwrap();
    let output = server.cli(&["serve"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("\"puppet\"") && said.contains("puppet.wasm"), "{said}");
}
