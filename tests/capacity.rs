//! Counted resources: memory of many idle sessions and of one large message. No time is measured.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::{Client, Server, process};

const SESSIONS: usize = 10_000;
const SESSIONS_MEMORY_MAX_KB: u64 = 100 * 1000;
/// Descriptors besides the sessions, on the larger of both sides.
const SPARE_DESCRIPTORS: u64 = 500;

const MESSAGE_BYTES: usize = 50 * 1024 * 1024;
const MESSAGE_GROWTH_MAX_KB: u64 = 16 * 1024;

/// Raises the soft limit on descriptors (a child inherits it); how many sessions that allows.
fn sessions_allowed() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = SESSIONS as u64 + SPARE_DESCRIPTORS;
    let possible = limit.maximum.map_or(wanted, |hard| hard.min(wanted));
    if limit.current.is_some_and(|soft| soft < possible) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum: limit.maximum });
    }
    let now = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
    usize::try_from(now.saturating_sub(SPARE_DESCRIPTORS)).unwrap_or(0).min(SESSIONS)
}

#[test]
fn ten_thousand_idle_sessions_fit_in_100_mb() {
    let count = sessions_allowed();
    if count < SESSIONS {
        println!("the hard limit on descriptors allows {count} sessions, not {SESSIONS}");
    }
    let server = Server::start(
        "[smtp]\nmax-sessions = 20000\nmax-sessions-per-ip = 0\ncommand-timeout = \"30m\"\n[log]\nlevel = \"warn\"",
    );
    let address = server.address("mx");
    let before = process::status_kb(server.pid(), "VmRSS");
    let mut idle: Vec<TcpStream> = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("session {number}: {error}"));
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        until(&mut stream, b"220 ", number);
        stream.write_all(b"EHLO idle.example.org\r\n").unwrap();
        until(&mut stream, b"250 ", number);
        idle.push(stream);
    }
    let after = process::status_kb(server.pid(), "VmRSS");
    println!(
        "{count} idle sessions: {after} kB resident, {} bytes for each session",
        (after.saturating_sub(before)) * 1024 / count as u64
    );
    assert!(after < SESSIONS_MEMORY_MAX_KB, "{after} kB for {count} sessions");
    // The next client is served, and so is the first.
    let mut client = server.connect("mx");
    client.ehlo();
    assert_eq!(client.message("bob@example.org", "alice@example.com", "Subject: next\r\n\r\n").code, 250);
    server.wait_mails("alice@example.com", 1);
    idle[0].write_all(b"NOOP\r\n").unwrap();
    until(&mut idle[0], b"250 ", 0);
}

/// Reads until a line begins with this.
fn until(stream: &mut TcpStream, start: &[u8], number: usize) {
    let mut said = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        let count = stream.read(&mut chunk).unwrap_or_else(|error| panic!("session {number}: {error}"));
        assert!(count > 0, "session {number} was closed: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&chunk[..count]);
        let last = said.split(|byte| *byte == b'\n').any(|line| line.starts_with(start));
        if last && said.ends_with(b"\r\n") {
            return;
        }
    }
}

fn large_message(client: &mut Client) {
    for command in ["MAIL FROM:<bob@example.org>", "RCPT TO:<alice@example.com>"] {
        client.send(command);
        client.expect(250);
    }
    client.send("DATA");
    client.expect(354);
    let line = format!("{}\r\n", "y".repeat(76));
    let chunk = line.repeat(1000);
    client.bytes(b"Subject: large\r\n\r\n").unwrap();
    for _ in 0..MESSAGE_BYTES / chunk.len() {
        client.bytes(chunk.as_bytes()).unwrap();
        client.transcript.clear();
    }
    client.bytes(b".\r\n").unwrap();
    client.expect(250);
}

#[test]
fn a_50_mb_message_passes_in_16_mb() {
    let server = Server::start("[smtp]\nmax-message-size = \"60MiB\"\n[log]\nlevel = \"warn\"");
    let mut client = server.connect("mx");
    client.ehlo();
    // A first message, so that what is made once is there.
    assert_eq!(client.message("bob@example.org", "bob@example.com", "Subject: small\r\n\r\n").code, 250);
    server.wait_mails("bob@example.com", 1);
    // 5: the high-water mark starts anew.
    std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
    let before = process::status_kb(server.pid(), "VmHWM");
    large_message(&mut client);
    let mails = server.wait_mails("alice@example.com", 1);
    server.wait_queued(0);
    let after = process::status_kb(server.pid(), "VmHWM");
    println!("a message of {MESSAGE_BYTES} bytes: from {before} kB to {after} kB at most");
    assert!(mails[0].len() > MESSAGE_BYTES * 9 / 10, "{} bytes delivered", mails[0].len());
    assert!(after.saturating_sub(before) < MESSAGE_GROWTH_MAX_KB, "grew from {before} kB to {after} kB");
}
