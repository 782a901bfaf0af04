//! No second message hides in a first: nine false ends of data, each at three timings, and the same
//! bytes where they are innocent (BDAT).

use std::time::Duration;

use crate::harness::{Client, Server};

/// Ends of data that other servers have been fooled by; ours is CRLF.CRLF alone.
const FALSE_ENDS: [&str; 9] =
    ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\r\n.\r\r\n", "\r\n.\r\r\n", "\r\n\0.\r\n"];

const SMUGGLED: &str =
    "MAIL FROM:<smuggler@example.org>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nhi";

/// How the bytes are cut.
#[derive(Clone, Copy, Debug)]
enum Timing {
    AtOnce,
    CutInsideTheEnd,
    ByteByByte,
}

fn write(client: &mut Client, text: &str, end: &str, timing: Timing) {
    let whole = format!("{text}{end}{SMUGGLED}\r\n.\r\n");
    let bytes = whole.as_bytes();
    match timing {
        Timing::AtOnce => client.bytes(bytes).unwrap(),
        Timing::CutInsideTheEnd => {
            let cut = text.len() + end.len().div_ceil(2);
            client.bytes(&bytes[..cut]).unwrap();
            std::thread::sleep(Duration::from_millis(30));
            client.bytes(&bytes[cut..]).unwrap();
        }
        Timing::ByteByByte => {
            for byte in bytes {
                client.bytes(&[*byte]).unwrap();
            }
        }
    }
}

#[test]
fn a_false_end_of_data_ends_nothing() {
    let server = Server::start("");
    for end in FALSE_ENDS {
        for timing in [Timing::AtOnce, Timing::CutInsideTheEnd, Timing::ByteByByte] {
            let mut client = server.connect("mx");
            client.ehlo();
            for command in ["MAIL FROM:<bob@example.org>", "RCPT TO:<alice@example.com>"] {
                client.send(command);
                client.expect(250);
            }
            client.send("DATA");
            client.expect(354);
            write(&mut client, "Subject: outer\r\n\r\ntext", end, timing);
            let about = format!("{end:?} {timing:?}");
            let reply = client.try_reply();
            // A NUL is content like any other; a bare CR or LF is refused.
            let fine = |code: u16| code >= 500 || (code == 250 && end.contains('\0'));
            assert!(reply.is_ok_and(|reply| fine(reply.code)), "{about}: {}", client.transcript);
            // Nothing inside was taken for a command: the next reply is the one to this line.
            client.send("VRFY marker");
            let next = client.reply();
            assert_eq!(next.code, 502, "{about}: {}", client.transcript);
        }
    }
    // A last honest message: when it has come, everything before it would have, too.
    let mut client = server.connect("mx");
    client.ehlo();
    assert_eq!(client.message("bob@example.org", "bob@example.com", "Subject: honest\r\n\r\n").code, 250);
    let mails = server.wait_mails("bob@example.com", 1);
    assert_eq!(mails.len(), 1);
    // The three with a NUL, each one message.
    let outer = server.wait_mails("alice@example.com", 3);
    assert_eq!(outer.len(), 3);
    assert!(outer.iter().all(|mail| String::from_utf8_lossy(mail).contains("Subject: outer")));
    server.wait_queued(0);
}

#[test]
fn in_a_chunk_the_same_bytes_are_content_or_refused() {
    let server = Server::start("");
    for end in FALSE_ENDS.iter().chain(["\r\n.\r\n"].iter()) {
        let mut client = server.connect("mx");
        client.ehlo();
        for command in ["MAIL FROM:<bob@example.org>", "RCPT TO:<alice@example.com>"] {
            client.send(command);
            client.expect(250);
        }
        let chunk = format!("Subject: outer\r\n\r\ntext{end}{SMUGGLED}\r\n.\r\n");
        client.bytes(format!("BDAT {} LAST\r\n{chunk}", chunk.len()).as_bytes()).unwrap();
        let reply = client.reply();
        assert!(matches!(reply.code, 250 | 500..=599), "{end:?}: {}", client.transcript);
        client.send("VRFY marker");
        assert_eq!(client.reply().code, 502, "{end:?}: {}", client.transcript);
    }
    assert!(server.mails("bob@example.com").is_empty());
}

/// Dots at line starts survive, doubled on the wire and single in the Maildir.
#[test]
fn dots_are_unstuffed_once() {
    let server = Server::start("");
    let mut client = server.connect("mx");
    client.ehlo();
    let content = "Subject: dots\r\n\r\n..\r\n...\r\n..one\r\nin.side\r\n";
    assert_eq!(client.message("bob@example.org", "alice@example.com", content).code, 250);
    let mails = server.wait_mails("alice@example.com", 1);
    let text = String::from_utf8_lossy(&mails[0]).replace("\r\n", "\n");
    assert!(text.ends_with("\n\n.\n..\n.one\nin.side\n"), "{text}");
}
