//! What the log says: one summary record a message, JSON where asked for, and no password anywhere.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::harness::process::Guard;
use crate::harness::{Client, Server, template, wait_for};

/// All log lines as JSON; lines that are none (the ready line) are left out.
fn records(server: &Server) -> Vec<Value> {
    server.logs().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// A field of a record, wherever the log format puts it.
fn field<'a>(record: &'a Value, name: &str) -> Option<&'a Value> {
    record.get(name).or_else(|| record.get("fields")?.get(name))
}

fn summaries(server: &Server) -> Vec<Value> {
    records(server).into_iter().filter(|record| field(record, "target").is_some_and(|t| t == "message")).collect()
}

#[test]
fn one_summary_record_for_each_message() {
    let server = Server::start("[log]\nformat = \"json\"\nlevel = \"info\"\n[smtp]\nmax-hops = 1");
    let mut client = server.connect("mx");
    client.ehlo();
    assert_eq!(client.message("bob@example.org", "alice@example.com", "Subject: one\r\n\r\ntext\r\n").code, 250);
    let looped = "Received: a\r\nReceived: b\r\nReceived: c\r\nSubject: two\r\n\r\n";
    assert_eq!(client.message("bob@example.org", "alice@example.com", looped).code, 554);
    let summaries = wait_for("two summary records", || {
        let found = summaries(&server);
        (found.len() >= 2).then_some(found)
    });
    assert_eq!(summaries.len(), 2, "{summaries:?}");
    for name in ["id", "client", "sender", "recipients", "size", "reply", "fate", "microseconds"] {
        for record in &summaries {
            assert!(field(record, name).is_some(), "no {name} in {record}");
        }
    }
    assert!(field(&summaries[0], "sender").unwrap().to_string().contains("bob@example.org"));
    assert!(field(&summaries[0], "client").unwrap().to_string().contains("127.0.0.1"));
    // The id is the one the client saw.
    let id = field(&summaries[0], "id").unwrap().as_str().unwrap().to_owned();
    assert!(client.transcript.contains(&id), "{id} in {}", client.transcript);
}

#[test]
fn no_password_is_ever_logged() {
    let server = Server::start("[log]\nlevel = \"trace\"");
    let mut client = Client::starttls(server.address("submission"), template::certificate_der());
    let token = STANDARD.encode(format!("\0alice@example.com\0{}", template::PASSWORD));
    assert_eq!(client.command(&format!("AUTH PLAIN {token}")).code, 235);
    let mut client = Client::starttls(server.address("submission"), template::certificate_der());
    client.send("AUTH LOGIN");
    client.expect(334);
    client.send(&STANDARD.encode("alice@example.com"));
    client.expect(334);
    client.send(&STANDARD.encode(template::PASSWORD));
    client.expect(235);
    client.send("QUIT");
    client.expect(221);
    let log = ["server.out", "server.err"]
        .map(|name| std::fs::read_to_string(server.dir.path().join(name)).unwrap_or_default())
        .concat();
    assert!(log.contains("AUTH"), "the log at trace shows commands");
    for secret in [template::PASSWORD.to_owned(), token, STANDARD.encode(template::PASSWORD)] {
        assert!(!log.contains(&secret), "{secret} stands in the log");
    }
}

#[test]
fn the_service_manager_is_told() {
    let server = Server::prepare("");
    let path = server.dir.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = Command::new(crate::harness::server::BINARY);
    command.arg("serve").arg("--config").arg(server.config()).env("NOTIFY_SOCKET", &path);
    let mut process = Guard::start(command, "server", server.dir.path());
    let hear = |word: &str| {
        for _ in 0..20 {
            let mut buffer = [0; 4096];
            let length = socket.recv(&mut buffer).expect("a notification");
            if String::from_utf8_lossy(&buffer[..length]).contains(word) {
                return;
            }
        }
        panic!("no {word}");
    };
    hear("READY=1");
    process.signal(rustix::process::Signal::TERM);
    hear("STOPPING=1");
    let status = wait_for("the end", || process.ended());
    assert!(status.success(), "{status}");
}
