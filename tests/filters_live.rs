//! Filters in the real server: what they decide, what they may not do, and changing them while mail flows.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::harness::client::Reply;
use crate::harness::server::entries;
use crate::harness::{Client, Server, wait_for};

/// Everything that needs no further detail, and the one detail that the test filter imports.
const GRANTS: &str = r#"["dns", "state", "accept", "discard", "edit", "recipients", "custom-replies",
    { connect = ["127.0.0.1:9"] }]"#;

/// A `[[filter]]` of the test filter with these settings, in TOML. Test machines are busy: time is generous.
fn filter(name: &str, component: &str, keys: &str, settings: &str) -> String {
    format!(
        "[[filter]]\nname = \"{name}\"\ncomponent = \"{component}\"\ngrants = {GRANTS}\ndeadline = \"20s\"\ncpu = \"10s\"\n\
         {keys}\n[filter.settings]\n{settings}\n"
    )
}

/// The server with the test filter's component beside its configuration.
fn server(text: &str) -> Server {
    let mut server = Server::prepare(text);
    copy(&server, "puppet", "puppet.wasm");
    server.launch();
    server
}

fn copy(server: &Server, guest: &str, name: &str) {
    // As a build does: a new file in the place of the old one.
    let new = server.dir.path().join(format!("{name}.new"));
    std::fs::copy(postwarden_artifacts::guest(guest), &new).unwrap();
    std::fs::rename(new, server.dir.path().join(name)).unwrap();
}

/// One message to alice; the reply to its content.
fn say(client: &mut Client, subject: &str) -> Reply {
    for (line, code) in [("MAIL FROM:<bob@example.org>", 250), ("RCPT TO:<alice@example.com>", 250), ("DATA", 354)] {
        client.send(line);
        client.expect(code);
    }
    client.send(&format!("From: bob@example.org\r\nSubject: {subject}\r\n\r\nHello\r\n."));
    client.reply()
}

fn session(server: &Server) -> Client {
    let mut client = server.connect("mx");
    client.ehlo();
    client
}

#[test]
fn a_filter_reads_the_parts_and_changes_the_header() {
    let settings = r#"on-message = [["facts"], ["add-header", "X-Seen", "Grüße"], ["replace-header", "Subject", 0, "changed"],
        ["remove-header", "X-Old"], ["add-recipient", "bob@example.com"], ["score", "SEEN", 1.5]]"#;
    let server = server(&filter("puppet", "puppet.wasm", "", settings));
    let mut client = session(&server);
    for line in ["MAIL FROM:<bob@example.org>", "RCPT TO:<alice@example.com>"] {
        client.send(line);
        client.expect(250);
    }
    client.send("DATA");
    client.expect(354);
    client.send(
        "From: bob@example.org\r\nX-Old: 1\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=page.html\r\n\r\nPGI+\r\n--b--\r\n.",
    );
    client.expect(250);
    for address in ["alice@example.com", "bob@example.com"] {
        let mail = String::from_utf8(server.wait_mails(address, 1).remove(0)).unwrap();
        assert!(mail.contains("\nSubject: changed\n") && !mail.contains("X-Old"), "{mail}");
        assert!(mail.contains("X-Seen: =?"), "{mail}");
    }
    let logs = server.logs();
    for line in ["subject [\\\"Grüße\\\"]", "part 2 text/html Some(\\\"page.html\\\") Some(\\\"<b>\\\")"] {
        assert!(logs.contains(line) || logs.contains(&line.replace("\\\"", "\"")), "no {line}");
    }
}

#[test]
fn a_held_message_is_released() {
    let server = server(&filter("puppet", "puppet.wasm", "", r#"on-message = [["quarantine", "spam", "looks odd"]]"#));
    let mut client = session(&server);
    assert_eq!(say(&mut client, "held").code, 250);
    let held = server.cli_json(&["quarantine", "list"]);
    let id = entries(&held)[0]["id"].as_str().unwrap().to_owned();
    assert!(held.to_string().contains("looks odd"), "{held}");
    assert!(server.mails("alice@example.com").is_empty());
    server.cli_ok(&["quarantine", "release", &id]);
    server.wait_mails("alice@example.com", 1);
}

#[test]
fn a_filter_that_fails_is_answered_for() {
    for (on_failure, code) in
        [("\"defer\"", 451), ("\"reject\"", 554), ("{ default = \"reject\", trap = \"pass\" }", 250)]
    {
        let keys = format!("on-failure = {on_failure}\nbreaker = {{ failures = 0 }}");
        let server = server(&filter("puppet", "puppet.wasm", &keys, r#"on-message = [["trap"]]"#));
        let mut client = session(&server);
        let reply = say(&mut client, "trap");
        assert_eq!(reply.code, code, "{on_failure}: {}", reply.text());
        let logs = wait_for("the failure's log line", || {
            let logs = server.logs();
            logs.contains("a filter failed").then_some(logs)
        });
        assert!(logs.contains("hook=\"on-message\"") && logs.contains("cause=\"trap\""), "{logs}");
        // The connection lives, and the next message is judged anew.
        assert_eq!(say(&mut client, "again").code, code);
    }
}

#[test]
fn a_start_without_the_filter_is_no_start() {
    let server = Server::prepare(&filter("puppet", "absent.wasm", "", ""));
    let output = server.cli(&["serve"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("filter \"puppet\"") && said.contains("absent.wasm"), "{said}");
}

#[test]
fn versions_change_while_mail_flows_and_stand_after_a_restart() {
    let mut server = server(&filter("puppet", "puppet.wasm", "", r#"on-message = [["reject", "content"]]"#));
    let mut client = session(&server);
    assert_eq!(say(&mut client, "one").code, 554);
    let version = |server: &Server| server.cli_json(&["filter", "show", "puppet"])["versions"][0]["id"].clone();
    let first = version(&server);

    // A broken file changes nothing and says why.
    std::fs::write(server.dir.path().join("puppet.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let refused = server.cli(&["filter", "reload", "puppet"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("core WebAssembly module"), "{said}");
    assert!(!server.cli(&["reload"]).status.success());
    assert_eq!(say(&mut client, "two").code, 554);

    // A changed file stands without a command, for the session that is open too.
    copy(&server, "scan", "puppet.wasm");
    wait_for("the changed filter", || (version(&server) != first).then_some(()));
    assert_eq!(say(&mut client, "three").code, 250);

    // Back, and it stays back over a restart, though the file is still the other one.
    server.cli_ok(&["filter", "rollback", "puppet"]);
    assert_eq!(version(&server), first);
    assert_eq!(say(&mut client, "four").code, 554);
    drop(client);
    server.stop();
    server.launch();
    assert_eq!(version(&server), first);
    assert!(server.logs().contains("compiled=\"before\""), "{}", server.logs());
    let mut client = session(&server);
    assert_eq!(say(&mut client, "five").code, 554);
    // Until the operator asks for it.
    server.cli_ok(&["filter", "reload", "puppet"]);
    assert_eq!(say(&mut client, "six").code, 250);
    let events = server.cli_json(&["filter", "history", "puppet"]).to_string();
    for event in ["loaded", "refused", "rolled-back"] {
        assert!(events.contains(event), "{events}");
    }
}

#[test]
fn a_canary_is_compared_promoted_and_dropped() {
    let keys = "canary = { component = \"candidate.wasm\", share = 1.0 }";
    let mut server = Server::prepare(&filter("puppet", "puppet.wasm", keys, r#"on-message = [["reject", "content"]]"#));
    copy(&server, "puppet", "puppet.wasm");
    copy(&server, "scan", "candidate.wasm");
    server.launch();
    let mut client = session(&server);
    assert_eq!(say(&mut client, "one").code, 554);
    let shown = server.cli_json(&["filter", "show", "puppet"]);
    assert_eq!(shown["totals"]["canary"]["disagreed"], 1, "{shown}");
    server.cli_ok(&["filter", "promote", "puppet"]);
    assert_eq!(say(&mut client, "two").code, 250);
    assert!(server.cli_json(&["filter", "show", "puppet"])["canary"].is_null());
    server.cli_ok(&["filter", "rollback", "puppet"]);
    assert_eq!(say(&mut client, "three").code, 554);
    server.cli_ok(&["reload"]);
    server.cli_ok(&["filter", "drop", "puppet"]);
    assert!(!server.cli(&["filter", "promote", "puppet"]).status.success());
    server.cli_ok(&["reload"]);
    assert!(server.cli_json(&["filter", "show", "puppet"])["canary"].is_null());
}

/// Reloads, good and broken, as fast as they go, while four clients send: every message is answered by one of the two
/// versions, and no session is dropped.
#[test]
fn reloads_under_load_drop_nothing() {
    const RELOADS: usize = 20;
    let chain = filter("puppet", "puppet.wasm", "", r#"on-message = [["reject", "content"]]"#);
    let server = Arc::new(server(&format!("[smtp]\nmax-errors = 0\n{chain}")));
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (server, stop, sent) = (Arc::clone(&server), Arc::clone(&stop), Arc::clone(&sent));
            std::thread::spawn(move || {
                let mut client = session(&server);
                let (mut refused, mut taken) = (0, 0);
                while !stop.load(Ordering::SeqCst) {
                    match say(&mut client, "load").code {
                        554 => refused += 1,
                        250 => taken += 1,
                        other => panic!("{other}: {}", client.transcript),
                    }
                    sent.fetch_add(1, Ordering::SeqCst);
                }
                client.send("QUIT");
                client.expect(221);
                (refused, taken)
            })
        })
        .collect();
    let path: PathBuf = server.dir.path().join("puppet.wasm");
    for round in 0..RELOADS {
        let before = sent.load(Ordering::SeqCst);
        match round % 3 {
            0 => copy(&server, "scan", "puppet.wasm"),
            1 => copy(&server, "puppet", "puppet.wasm"),
            _ => std::fs::write(&path, b"broken").unwrap(),
        }
        let done = server.cli(&["filter", "reload", "puppet"]).status.success();
        assert_eq!(done, round % 3 != 2, "round {round}");
        wait_for("mail to flow", || (sent.load(Ordering::SeqCst) > before + 8).then_some(()));
    }
    stop.store(true, Ordering::SeqCst);
    let (mut refused, mut taken) = (0, 0);
    for client in clients {
        let (more_refused, more_taken) = client.join().unwrap();
        refused += more_refused;
        taken += more_taken;
    }
    assert!(refused > 0 && taken > 0, "{refused} refused, {taken} taken");
    server.wait_mails("alice@example.com", taken);
    assert_eq!(server.mails("alice@example.com").len(), taken);
}

#[test]
fn what_a_filter_has_learned_is_in_its_next_model_and_no_new_version() {
    let mut server = Server::prepare(
        r#"
[[filter]]
name = "puppet"
component = "puppet.wasm"
grants = ["dns", { state = { "" = "64MiB" } }, { connect = ["127.0.0.1:1"] }]
deadline = "20s"
cpu = "20s"
refresh = "1s"
[filter.settings]
configure = [["read-state", "generation"]]
on-recipient = [["set-state", "generation", "seven"]]
on-message = [["learned"]]
"#,
    );
    std::fs::copy(postwarden_artifacts::guest("puppet"), server.dir.path().join("puppet.wasm")).unwrap();
    server.launch();
    let shown = |server: &Server| server.cli_json(&["filter", "show", "puppet"])["versions"][0].clone();
    let before = shown(&server);
    wait_for("a model of what was learned", || {
        let mut client = server.connect("mx");
        client.ehlo();
        assert_eq!(client.message("bob@example.org", "alice@example.com", "Subject: x\r\n\r\n").code, 250);
        server.logs().contains("learned seven").then_some(())
    });
    assert!(server.logs().contains("learned nothing"), "the first model knew nothing");
    let after = shown(&server);
    assert_eq!((&before["id"], before["loaded"] != after["loaded"]), (&after["id"], true));
    assert_ne!(before["state"], after["state"]);
    let show = server.cli_json(&["filter", "show", "puppet"]);
    assert_eq!(show["versions"].as_array().unwrap().len(), 1);
    assert_eq!(server.cli_json(&["filter", "history", "puppet"]).as_array().unwrap().len(), 1);
    // A restart finds the model of the last start or makes today's: never an old one.
    server.stop();
    server.launch();
    assert_eq!(shown(&server)["state"], after["state"]);
}

#[test]
fn a_filter_replaces_a_part_and_the_next_one_sees_it() {
    let strip = r#"on-message = [["replace-part", 2, "text/plain", "A virus was here.\n"], ["replace-part", 0, "a/b", ""],
        ["replace-part", 9, "a/b", ""], ["replace-part", 1, "multipart/mixed", ""], ["add-header", "X-Stripped", "1"]]"#;
    let look = filter(
        "second",
        "puppet.wasm",
        "",
        r#"on-message = [["facts"], ["attribute", "sender.local"],
        ["attribute", "domain.local:example.com"], ["attribute", "domain.local:example.org"]]"#,
    );
    let server = server(&(filter("first", "puppet.wasm", "", strip) + &look));
    let mut client = session(&server);
    for line in ["MAIL FROM:<bob@example.org>", "RCPT TO:<alice@example.com>"] {
        client.send(line);
        client.expect(250);
    }
    client.send("DATA");
    client.expect(354);
    let before = "From: bob@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nplain\r\n--b\r\n";
    let attachment = "Content-Type: application/x-dosexec\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=a.exe\r\n\r\nTVqQ\r\n--b--\r\n";
    client.send(&format!("{before}{attachment}."));
    client.expect(250);
    let mail = String::from_utf8(server.wait_mails("alice@example.com", 1).remove(0)).unwrap();
    let note = "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\nA virus was here.\n\n--b--\n";
    assert!(mail.contains("X-Stripped: 1\n") && mail.ends_with(&(before.replace("\r\n", "\n") + note)), "{mail}");
    let logs = server.logs();
    for line in [
        "part 2 text/plain None",
        "attribute None",
        "attribute Some",
        "edit refused: EditError::Invalid",
        "EditError::NotFound",
    ] {
        assert!(logs.contains(line), "no {line}: {logs}");
    }
    assert_eq!(logs.matches("edit refused").count(), 3, "{logs}");
}

#[test]
fn a_candidate_that_fails_its_self_test_does_not_stand() {
    let mut server = Server::prepare(&filter(
        "puppet",
        "puppet.wasm",
        "self-test = \"tests\"",
        r#"on-message = [["if-text", "cheap pills", [["set-state", "seen", "1"], ["reject", "spam"]]]]"#,
    ));
    copy(&server, "puppet", "puppet.wasm");
    let tests = server.dir.path().join("tests");
    std::fs::create_dir(&tests).unwrap();
    std::fs::write(tests.join("spam.eml"), "Subject: x\n\ncheap pills\n").unwrap();
    std::fs::write(tests.join("spam.toml"), "[expect]\nverdict = \"reject\"\nreason = \"spam\"\n").unwrap();
    server.launch();
    let version = |server: &Server| server.cli_json(&["filter", "show", "puppet"])["versions"][0]["id"].clone();
    let before = version(&server);
    // The component of another filter, which rejects nothing: it loads, and does not stand.
    let other = std::fs::read_to_string(server.config()).unwrap().replace("cheap pills", "dear pills");
    server.write_config(&other);
    let output = server.cli(&["reload"]);
    let told = crate::harness::process::said(&output);
    assert!(!output.status.success(), "{told}");
    for words in ["filter \"puppet\"", "self-test: 1 of 1 failed: spam:", "expected reject, it is pass"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(version(&server), before);
    assert!(crate::harness::process::said(&server.cli(&["check"])).contains("self-test: 1 of 1 failed"));
}
