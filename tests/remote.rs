//! Mail for other hosts: kept, tried by way of a smarthost, and returned to its sender when time is up.

use crate::harness::lmtp_sink::Sink;
use crate::harness::{Server, mail, wait_for};

#[test]
fn a_smarthost_takes_what_is_not_ours() {
    let sink = Sink::start();
    let server = Server::start(&format!("[delivery]\nsmarthost = \"{}\"", sink.address));
    let mut client = server.submit_as("alice@example.com");
    let content = "Subject: onwards\r\n\r\n..dot\r\n...two dots\r\nGr\u{fc}\u{df}e\r\n";
    client.send("MAIL FROM:<alice@example.com> BODY=8BITMIME");
    client.expect(250);
    for recipient in ["one@elsewhere.example", "two@other.example", "bob@example.com"] {
        client.send(&format!("RCPT TO:<{recipient}>"));
        client.expect(250);
    }
    client.send("DATA");
    client.expect(354);
    client.bytes(format!("{content}.\r\n").as_bytes()).unwrap();
    client.expect(250);
    wait_for("both at the smarthost", || (sink.taken().len() == 2).then_some(()));
    server.wait_mails("bob@example.com", 1);
    server.wait_queued(0);
    for taken in sink.taken() {
        assert_eq!(taken.sender, "alice@example.com");
        let text = String::from_utf8_lossy(&taken.content).into_owned();
        assert!(text.ends_with("\r\n\r\n.dot\r\n..two dots\r\nGr\u{fc}\u{df}e\r\n"), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "a bare CR or LF");
        assert!(text.contains("by mx.example.com"), "{text}");
    }
}

#[test]
fn mail_that_cannot_leave_returns_to_its_sender() {
    let config = "[delivery]\nsmarthost = \"127.0.0.1:9\"\nretry = [\"1s\"]\nexpire = \"3s\"\nwarn-after = \"0s\"";
    let server = Server::start(config);
    let mut client = server.submit_as("alice@example.com");
    let content = "Subject: comes back\r\n\r\nthe text\r\n";
    assert_eq!(client.message("alice@example.com", "someone@elsewhere.example", content).code, 250);
    let mails = server.wait_mails("alice@example.com", 1);
    let text = String::from_utf8_lossy(&mails[0]).into_owned();
    let header = mail::header(&mails[0]);
    assert!(header.contains("Return-Path: <>"), "{header}");
    assert!(header.contains("multipart/report"), "{header}");
    assert!(
        text.contains("Final-Recipient: rfc822;someone@elsewhere.example")
            || text.contains("rfc822; someone@elsewhere.example"),
        "{text}"
    );
    assert!(text.contains("Action: failed"), "{text}");
    server.wait_queued(0);
}

/// B13: what bounces is never answered by a bounce of its own.
#[test]
fn the_null_sender_gets_no_bounce() {
    let config =
        "[relay]\nfrom = [\"127.0.0.0/8\"]\n[delivery]\nsmarthost = \"127.0.0.1:9\"\nretry = [\"1s\"]\nexpire = \"2s\"";
    let server = Server::start(config);
    let mut client = server.connect("mx");
    client.ehlo();
    assert_eq!(client.message("", "someone@elsewhere.example", "Subject: a bounce\r\n\r\n").code, 250);
    server.wait_queued(0);
    assert!(server.mails("alice@example.com").is_empty(), "the postmaster's mailbox");
}
