//! The order of system calls: the store's log is synced before the 250 for the message is written.

use std::process::Command;

use crate::harness::process::Guard;
use crate::harness::{Server, peer, template, wait_for};

const MESSAGES: usize = 20;

/// What the checker has to say about a trace.
#[derive(Debug, Default, PartialEq)]
struct Order {
    /// Replies to a dot that came after a sync of the store.
    good: usize,
    /// Replies to a dot before which nothing was synced.
    early: usize,
}

/// Reads strace's lines in their order. A message begins with the read of its dot; the sync must
/// have returned 0 before the write of `250 2.` begins.
fn order(trace: &str) -> Order {
    let mut order = Order::default();
    let (mut waiting, mut synced) = (false, false);
    for line in trace.lines() {
        let call = |names: &[&str]| names.iter().any(|name| line.contains(&format!("{name}(")));
        let resumed = |names: &[&str]| names.iter().any(|name| line.contains(&format!("<... {name} resumed>")));
        const SYNCS: &[&str] = &["fsync", "fdatasync"];
        const READS: &[&str] = &["read", "recvfrom", "recvmsg", "readv"];
        const WRITES: &[&str] = &["write", "sendto", "sendmsg", "writev"];
        if (call(READS) || resumed(READS)) && line.contains(r"\r\n.\r\n") {
            (waiting, synced) = (true, false);
        } else if (call(SYNCS) || resumed(SYNCS)) && line.trim_end().ends_with("= 0") {
            synced = true;
        } else if waiting && call(WRITES) && line.contains("\"250 2.") {
            if synced {
                order.good += 1;
            } else {
                order.early += 1;
            }
            waiting = false;
        }
    }
    order
}

#[test]
fn the_checker_sees_an_early_reply() {
    let good = r#"
7 recvfrom(9, "Subject: x\r\n\r\n.\r\n", 8192, 0, NULL, NULL) = 17
8 fdatasync(5</d/store.db-wal> <unfinished ...>
8 <... fdatasync resumed>) = 0
7 sendto(9, "250 2.0.0 Ok", 12, 0, NULL, 0) = 12"#;
    assert_eq!(order(good), Order { good: 1, early: 0 });
    let early = r#"
7 recvfrom(9, "Subject: x\r\n\r\n.\r\n", 8192, 0, NULL, NULL) = 17
8 fdatasync(5</d/store.db-wal> <unfinished ...>
7 sendto(9, "250 2.0.0 Ok", 12, 0, NULL, 0) = 12
8 <... fdatasync resumed>) = 0"#;
    assert_eq!(order(early), Order { good: 0, early: 1 });
}

#[test]
fn the_reply_to_the_dot_comes_after_the_sync() {
    let Some(strace) = peer::need("strace") else { return };
    // Clear text, so that strace can read the replies; a release time of tomorrow, so that no
    // delivery syncs anything at the same time.
    let config = "[auth]\nallow-plaintext-without-tls = true\n[[listener]]\nname = \"submission\"\n\
                  bind = [\"127.0.0.1:0\"]\nrole = \"submission\"\ntls = \"off\"";
    let server = Server::start(config);
    let trace = server.dir.path().join("trace");
    let mut command = Command::new(strace);
    command.args([
        "-f",
        "-y",
        "-s",
        "200",
        "-e",
        "trace=fsync,fdatasync,read,recvfrom,recvmsg,readv,write,sendto,sendmsg,writev",
    ]);
    command.arg("-o").arg(&trace).arg("-p").arg(server.pid().to_string());
    let mut tracer = Guard::start(command, "strace", server.dir.path());
    wait_for("strace attaches", || {
        let said = std::fs::read_to_string(server.dir.path().join("strace.err")).unwrap_or_default();
        assert!(tracer.ended().is_none(), "strace ended: {said}");
        said.contains("attached").then_some(())
    });
    let mut client = server.connect("submission");
    client.ehlo();
    client.login("alice@example.com", template::PASSWORD);
    for number in 0..MESSAGES {
        for command in ["MAIL FROM:<alice@example.com> HOLDFOR=86400", "RCPT TO:<bob@example.com>"] {
            client.send(command);
            client.expect(250);
        }
        client.send("DATA");
        client.expect(354);
        client.bytes(format!("Subject: {number}\r\n\r\ntext\r\n.\r\n").as_bytes()).unwrap();
        client.expect(250);
    }
    assert_eq!(server.queued(), MESSAGES);
    tracer.signal(rustix::process::Signal::INT);
    wait_for("strace's end", || tracer.ended());
    let trace = std::fs::read_to_string(&trace).unwrap();
    assert_eq!(order(&trace), Order { good: MESSAGES, early: 0 });
}
