//! The command line as a postmaster uses it, on a stopped and on a running server.

use crate::harness::process::said;
use crate::harness::server::{cli, entries};
use crate::harness::{Client, Server, template};

const TO_NOWHERE: &str = "[relay]\nfrom = [\"127.0.0.0/8\"]\n[delivery]\nsmarthost = \"127.0.0.1:9\"";

/// What the listing says about these addresses.
fn has(listing: &serde_json::Value, address: &str) -> bool {
    entries(listing).iter().any(|entry| entry["address"] == address)
}

#[test]
fn accounts_on_a_running_server() {
    let server = Server::start("");
    let add = |arguments: &[&str]| cli(&server.config(), arguments, b"secret-9\n");
    let added = add(&["account", "add", "new@example.com", "--password-stdin", "--quota", "1GiB"]);
    assert!(added.status.success(), "{}", said(&added));
    // Taken: 1, and the message says what to do.
    let again = add(&["account", "add", "new@example.com", "--password-stdin"]);
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    assert!(has(&server.cli_json(&["account", "list"]), "new@example.com"));
    let shown = server.cli_json(&["account", "show", "new@example.com"]);
    assert!(shown.to_string().contains("1073741824"), "{shown}");
    assert!(!shown.to_string().contains("SCRAM-SHA-256$"), "a password verifier is shown: {shown}");

    let login = |password: &str| {
        let mut client = Client::starttls(server.address("submission"), template::certificate_der());
        use base64::Engine;
        let token = base64::engine::general_purpose::STANDARD.encode(format!("\0new@example.com\0{password}"));
        client.command(&format!("AUTH PLAIN {token}")).code
    };
    assert_eq!(login("secret-9"), 235);
    let changed = cli(&server.config(), &["account", "passwd", "new@example.com", "--password-stdin"], b"other-8\n");
    assert!(changed.status.success(), "{}", said(&changed));
    assert_eq!(login("secret-9"), 501);
    assert_eq!(login("other-8"), 235);
    server.cli_ok(&["account", "set", "new@example.com", "--disabled"]);
    assert_eq!(login("other-8"), 501);
    server.cli_ok(&["account", "remove", "new@example.com"]);
    assert_eq!(server.cli(&["account", "show", "new@example.com"]).status.code(), Some(1));
    assert_eq!(server.cli(&["account", "remove", "new@example.com"]).status.code(), Some(1));
}

#[test]
fn aliases_and_lists_on_a_running_and_a_stopped_server() {
    let mut server = Server::start("");
    for run in ["running", "stopped"] {
        let (alias, list) = (format!("a-{run}@example.com"), format!("l-{run}@example.com"));
        server.cli_ok(&["alias", "add", &alias, "alice@example.com"]);
        server.cli_ok(&["list", "add", &list, "--members-only", "alice@example.com", "bob@example.com"]);
        assert!(has(&server.cli_json(&["alias", "list"]), &alias));
        assert!(has(&server.cli_json(&["list", "list"]), &list));
        let shown = server.cli_json(&["list", "show", &list]).to_string();
        assert!(shown.contains("bob@example.com") && shown.contains("true"), "{shown}");
        server.cli_ok(&["alias", "remove", &alias]);
        assert!(!has(&server.cli_json(&["alias", "list"]), &alias));
        assert_eq!(server.cli(&["alias", "show", &alias]).status.code(), Some(1));
        if !server.ended() {
            server.stop();
        }
    }
}

#[test]
fn the_queue_is_listed_held_released_and_emptied() {
    let server = Server::start(TO_NOWHERE);
    let mut client = server.connect("mx");
    client.ehlo();
    for recipient in ["one@elsewhere.example", "two@other.example"] {
        assert_eq!(client.message("bob@example.org", recipient, "Subject: queued\r\n\r\ntext\r\n").code, 250);
    }
    server.wait_queued(2);
    let listed = entries(&server.cli_json(&["queue", "list"]));
    let id = listed.iter().find(|entry| entry.to_string().contains("one@elsewhere")).expect("the first")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let shown = server.cli_ok(&["queue", "show", &id]);
    assert!(shown.contains("one@elsewhere.example") && shown.contains("bob@example.org"), "{shown}");
    assert_eq!(entries(&server.cli_json(&["queue", "list", "--domain", "other.example"])).len(), 1);

    server.cli_ok(&["queue", "hold", "--domain", "other.example"]);
    assert!(server.cli_json(&["queue", "list", "--domain", "other.example"]).to_string().contains("held"));
    server.cli_ok(&["queue", "release", "--domain", "other.example"]);
    assert!(!server.cli_json(&["queue", "list", "--domain", "other.example"]).to_string().contains("held"));
    server.cli_ok(&["queue", "retry", "--domain", "other.example"]);
    server.cli_ok(&["queue", "remove", "--domain", "other.example", "--dry-run"]);
    assert_eq!(server.queued(), 2);
    crate::harness::wait_for("the removal, between two tries", || {
        server.cli(&["queue", "remove", "--domain", "other.example"]);
        (server.queued() == 1).then_some(())
    });
    assert_eq!(server.cli(&["queue", "show", "no-such-id"]).status.code(), Some(1));
}

#[test]
fn check_names_every_error_at_once() {
    let server = Server::prepare("");
    assert!(server.cli(&["check"]).status.success(), "{}", said(&server.cli(&["check"])));
    server.write_config(
        "hostnme = \"mx.example.com\"\n\n[smtp]\nreplies = \"marek\"\nmax-message-size = \"many\"\n\n\
         [[listener]]\nname = \"mx\"\nbind = [\"nowhere\"]\nrole = \"max\"\n\n[relay]\nfrom = [\"10.0.0.0/40\"]\n",
    );
    let output = server.cli(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    let text = said(&output);
    for (line, words) in [
        (1, ["hostnme", "hostname"]),
        (4, ["replies", "merak"]),
        (5, ["max-message-size", "many"]),
        (9, ["bind", "nowhere"]),
        (10, ["role", "max"]),
        (13, ["from", "10.0.0.0/40"]),
    ] {
        let found = text.lines().any(|said| {
            said.contains(&format!("postwarden.toml:{line}:")) && words.iter().all(|word| said.contains(word))
        });
        assert!(found, "nothing about line {line} {words:?} in\n{text}");
    }
}

#[test]
fn explain_knows_every_row() {
    let server = Server::prepare("");
    let rows = std::fs::read_to_string(peer_file("all-rows.txt")).unwrap();
    let mut count = 0;
    for row in rows.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (key, text) = (cells[1], cells[2]);
        let spellings = [
            text.to_owned(),
            format!("{text} [01ARZ3NDEKTSV4RRFFQ69G5FAV]"),
            format!(
                "Nov 23 10:00:00 host postfix/smtp[7]: A1: to=<x@example.com>, status=bounced (host mx said: {text} (in reply to end of DATA command))"
            ),
        ];
        for spelling in spellings {
            let output = server.cli(&["explain", &spelling]);
            assert!(output.status.success(), "{spelling}: {}", said(&output));
            let answer = String::from_utf8_lossy(&output.stdout);
            assert!(answer.contains(key), "{spelling} is not explained as {key}: {answer}");
        }
        count += 1;
    }
    assert_eq!(count, 35);
    assert_eq!(server.cli(&["explain", "all is well"]).status.code(), Some(1));
}

fn peer_file(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts").join(name)
}

#[test]
fn history_tells_what_happened() {
    let server = Server::start("");
    let mut client = server.connect("mx");
    client.ehlo();
    assert_eq!(client.message("bob@example.org", "alice@example.com", "Subject: noted\r\n\r\n").code, 250);
    server.wait_mails("alice@example.com", 1);
    server.wait_queued(0);
    let text = server.cli_json(&["history", "find"]).to_string();
    assert!(text.contains("bob@example.org") && text.contains("delivered"), "{text}");
}

#[test]
fn help_teaches_and_completions_are_made() {
    let server = Server::prepare("");
    let help = server.cli_ok(&["--help"]);
    for command in ["serve", "dev", "check", "reload", "account", "alias", "list", "queue", "explain", "completions"] {
        assert!(help.contains(command), "--help does not name {command}");
        assert!(server.cli(&[command, "--help"]).status.success(), "{command} --help");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(server.cli_ok(&["completions", shell]).contains("postwarden"), "{shell}");
    }
    // A mistyped command is a usage error that names the nearest.
    let output = server.cli(&["acount", "list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("account"), "{}", said(&output));
}

/// The server that keeps its accounts in `accounts.toml`.
#[test]
fn accounts_in_a_file() {
    let server = Server::prepare("[accounts]\nbackend = \"file\"");
    let added = cli(&server.config(), &["account", "add", "zoe@example.com", "--password-stdin"], b"wonderland-7\n");
    assert!(added.status.success(), "{}", said(&added));
    let mut server = server;
    server.launch();
    let mut client = server.submit_as("zoe@example.com");
    assert_eq!(client.message("zoe@example.com", "zoe@example.com", "Subject: to myself\r\n\r\n").code, 250);
    server.wait_mails("zoe@example.com", 1);
}
