//! Start, stop, reload, kill: what a running server promises to its operator.

use rustix::process::Signal;

use crate::harness::{Server, config, wait_for};

const TO_NOWHERE: &str = "[relay]\nfrom = [\"127.0.0.0/8\"]\n[delivery]\nsmarthost = \"127.0.0.1:9\"";

#[test]
fn kill_and_restart_keep_the_queue() {
    let mut server = Server::start(TO_NOWHERE);
    let mut client = server.connect("mx");
    client.ehlo();
    for number in 0..5 {
        let content = format!("Subject: number {number}\r\n\r\n");
        assert_eq!(client.message("bob@example.org", "someone@elsewhere.example", &content).code, 250);
    }
    server.kill();
    server.launch();
    server.wait_queued(5);
}

#[test]
fn a_graceful_stop_finishes_the_message_in_progress() {
    let mut server = Server::start(TO_NOWHERE);
    let mut idle = server.connect("mx");
    idle.ehlo();
    let mut busy = server.connect("mx");
    busy.ehlo();
    for command in ["MAIL FROM:<bob@example.org>", "RCPT TO:<someone@elsewhere.example>"] {
        busy.send(command);
        busy.expect(250);
    }
    busy.send("DATA");
    busy.expect(354);
    busy.bytes(b"Subject: in progress\r\n\r\nhalf\r\n").unwrap();
    server.signal(Signal::TERM);
    // The idle session is told at once.
    assert_eq!(idle.reply().code, 421);
    assert!(idle.closed());
    busy.bytes(b"the other half\r\n.\r\n").unwrap();
    assert_eq!(busy.reply().code, 250);
    wait_for("the server's end", || server.ended().then_some(()));
    server.launch();
    server.wait_queued(1);
}

#[test]
fn a_stopping_server_takes_no_new_session() {
    let mut server = Server::start("");
    let address = server.address("mx");
    server.stop();
    assert!(crate::harness::Client::raw(address).is_err());
}

#[test]
fn a_reload_with_a_broken_file_changes_nothing() {
    let mut server = Server::start("[smtp]\nmax-recipients = 1");
    let good = std::fs::read_to_string(server.config()).unwrap();
    server.write_config(&good.replace("max-recipients = 1", "max-recipient = 7\nreplies = \"none\""));
    let output = server.cli(&["reload"]);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{said}");
    // All errors at once, with the nearest known name.
    assert!(said.contains("max-recipients") && said.contains("replies"), "{said}");
    assert_eq!(limit_of(&server), 1);
    server.signal(Signal::HUP);
    assert_eq!(limit_of(&server), 1);
    assert!(!server.ended());

    // And a good one counts for new sessions, without a restart.
    server.write_config(&good.replace("max-recipients = 1", "max-recipients = 2"));
    let output = server.cli(&["reload"]);
    assert!(output.status.success(), "{}", crate::harness::process::said(&output));
    assert_eq!(limit_of(&server), 2);

    server.write_config(&good.replace("max-recipients = 1", "max-recipients = 3"));
    server.signal(Signal::HUP);
    wait_for("SIGHUP's reload", || (limit_of(&server) == 3).then_some(()));
}

/// RCPTMAX of a new session.
fn limit_of(server: &Server) -> usize {
    let mut client = server.connect("mx");
    let reply = client.ehlo();
    let limits = reply.lines.iter().find(|line| line.starts_with("LIMITS")).expect("LIMITS");
    let word = limits.split_whitespace().find_map(|word| word.strip_prefix("RCPTMAX=")).expect("RCPTMAX");
    word.parse().expect("a number")
}

#[test]
fn a_server_with_a_broken_file_does_not_start_and_says_why() {
    let server = Server::prepare("");
    server.write_config(&config::text("", 0).replace("hostname", "hostnam"));
    let output = server.cli(&["serve"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("hostnam") && said.contains("hostname"), "{said}");
    assert!(said.contains("postwarden.toml:"), "{said}");
}

#[test]
fn sessions_of_one_address_are_limited() {
    let server = Server::start("[smtp]\nmax-sessions-per-ip = 2");
    let first = server.connect("mx");
    let _second = server.connect("mx");
    let mut third = crate::harness::Client::raw(server.address("mx")).unwrap();
    assert_eq!(third.reply().code, 421);
    assert!(third.closed());
    drop(first);
    wait_for("the place of the first", || {
        let mut client = crate::harness::Client::raw(server.address("mx")).ok()?;
        (client.try_reply().ok()?.code == 220).then_some(())
    });
}

#[test]
fn failed_logins_block_an_address() {
    let server = Server::start("[auth]\nmax-failures-per-ip = { count = 3, within = \"10m\", block-for = \"30m\" }");
    let mut refused = false;
    for _ in 0..6 {
        let mut client = crate::harness::Client::starttls_try(&server);
        let Some(client) = client.as_mut() else {
            refused = true;
            break;
        };
        let reply = client.command("AUTH PLAIN AGFsaWNlQGV4YW1wbGUuY29tAHdyb25n");
        if reply.code == 421 {
            refused = true;
            break;
        }
        assert!(matches!(reply.code, 501 | 535), "{}", client.transcript);
    }
    assert!(refused, "six wrong passwords from one address and no end");
}
