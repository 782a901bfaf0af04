//! Each notification as a text file in `tests/fixtures/dsn`. With `POSTWARDEN_BLESS=1` the files are
//! written anew; read them before they are committed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;

const ORIGINAL: &[u8] = b"Received: from client.example ([192.0.2.7]) by mx.example.com with ESMTP id 0aaa;\r\n\tMon, 23 Nov 2026 22:46:10 +0000\r\nFrom: alice@example.com\r\nMessage-ID: <m1@client.example>\r\nSubject: lunch\r\n\r\nAt noon?\r\n.\r\n--=_0bbb\r\n";

fn failed<'a>() -> Recipient<'a> {
    Recipient {
        original: Some("rfc822;Bob@Example.net"),
        address: "bob@example.net",
        action: Action::Failed,
        status: "5.1.1",
        remote: Some("mx.example.net"),
        diagnostic: Some("550 5.1.1 No such user here, see https://example.net/help for the reasons why this may be"),
        last_attempt: Some(1_795_474_000_000),
        retry_until: None,
    }
}

fn report<'a>(recipients: &'a [Recipient<'a>]) -> Report<'a> {
    Report {
        hostname: "mx.example.com",
        id: "0bbb",
        original_id: "0aaa",
        to: "alice@example.com",
        date: 1_795_474_000_000,
        arrived: 1_795_473_970_000,
        envid: Some("order 17"),
        recipients,
        original: ORIGINAL,
        complete: true,
        full: false,
        smtputf8: false,
    }
}

/// Compares with the fixture and checks what is true of all notifications.
fn check(name: &str, report: &Report) -> Notification {
    let made = notification(report);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dsn").join(name);
    let text = String::from_utf8(made.bytes.clone()).unwrap();
    assert_shape(&text);
    // The fixture has LF line ends, as text files have; all line ends of a notification are CRLF.
    let plain = text.replace("\r\n", "\n");
    if std::env::var_os("POSTWARDEN_BLESS").is_some() {
        std::fs::write(&path, &plain).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(plain, wanted, "differs from {}", path.display());
    made
}

fn assert_shape(text: &str) {
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "a bare line end");
    assert!(text.lines().all(|line| line.len() < 998));
    let names: Vec<String> =
        header::fields(text.as_bytes()).map(|f| String::from_utf8_lossy(f.name).into_owned()).collect();
    for name in ["Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"] {
        assert_eq!(names.iter().filter(|n| *n == name).count(), 1, "{name}");
    }
}

#[test]
fn failed_with_the_header() {
    let made = check("failed-header.eml", &report(&[failed()]));
    assert!(!made.eight_bit && !made.smtputf8);
}

#[test]
fn failed_with_the_whole_message() {
    let recipients = [failed()];
    let made = check("failed-full.eml", &Report { full: true, ..report(&recipients) });
    // The original holds the first boundary that comes to mind.
    assert!(String::from_utf8(made.bytes).unwrap().ends_with("\r\n--=_0bbbx--\r\n"));
}

#[test]
fn several_at_once() {
    let recipients = [
        Recipient { action: Action::Delivered, status: "2.0.0", remote: None, diagnostic: None, ..failed() },
        Recipient {
            status: "5.2.2",
            address: "full@example.com",
            original: None,
            remote: None,
            diagnostic: Some("554 5.2.2 Maximum size exceeded."),
            ..failed()
        },
        Recipient {
            action: Action::Relayed,
            status: "2.0.0",
            address: "carol@example.org",
            diagnostic: Some("250 2.0.0 Ok"),
            ..failed()
        },
        Recipient {
            action: Action::Expanded,
            status: "2.0.0",
            address: "list@example.com",
            remote: None,
            diagnostic: None,
            ..failed()
        },
    ];
    check("mixed.eml", &report(&recipients));
}

#[test]
fn delayed() {
    let recipients = [Recipient {
        action: Action::Delayed,
        status: "4.4.1",
        remote: None,
        diagnostic: Some("cannot connect to mx.example.net:25: connection refused"),
        retry_until: Some(1_795_800_000_000),
        ..failed()
    }];
    check("delayed.eml", &report(&recipients));
}

#[test]
fn beyond_ascii() {
    let recipients =
        [Recipient { address: "jörg@müller.example", original: Some("utf-8;jörg@müller.example"), ..failed() }];
    let original = "Subject: Grüße\r\n\r\nja\r\n".as_bytes();
    let made = check("utf8.eml", &Report { smtputf8: true, full: true, original, ..report(&recipients) });
    assert!(made.eight_bit && made.smtputf8);
}

#[test]
fn eight_bit_original_without_smtputf8() {
    let recipients = [failed()];
    let made = notification(&Report { full: true, original: b"A: b\r\n\r\n\xff\xfe\r\n", ..report(&recipients) });
    assert!(made.eight_bit && !made.smtputf8);
    assert!(memchr::memmem::find(&made.bytes, b"Content-Transfer-Encoding: 8bit").is_some());
    assert!(memchr::memmem::find(&made.bytes, b"\xff\xfe").is_some());
}

#[test]
fn big_cut_and_binary_originals_come_back_as_headers() {
    let recipients = [failed()];
    let big = [b"A: b\r\n\r\n".to_vec(), b"x".repeat(FULL_BYTES_MAX)].concat();
    let wide = b"A: b\r\n".repeat(FULL_BYTES_MAX / 4);
    for (original, complete) in [(&big[..], true), (ORIGINAL, false), (b"A: b\r\n\r\n\0\r\n", true), (&wide, true)] {
        let made = notification(&Report { full: true, complete, original, ..report(&recipients) });
        assert!(memchr::memmem::find(&made.bytes, b"text/rfc822-headers").is_some());
        assert!(made.bytes.len() < HEADERS_BYTES_MAX + 8192);
        assert!(!made.bytes.contains(&0));
    }
}

#[test]
fn hostile_strings_stay_in_their_fields() {
    let evil = "x\r\n\r\n--=_0bbb\r\nBcc: v@example.net\0\u{1b}[1mü";
    for smtputf8 in [false, true] {
        let recipients = [Recipient {
            original: Some("rfc822;x\r\nAction: delivered"),
            address: evil,
            action: Action::Failed,
            status: evil,
            remote: Some(evil),
            diagnostic: Some(evil),
            last_attempt: Some(i64::MAX),
            retry_until: None,
        }];
        let made = notification(&Report {
            hostname: evil,
            id: evil,
            original_id: evil,
            to: evil,
            envid: Some(evil),
            original: b"Message-ID: <x\r\n Bcc: y>\r\n\r\n",
            smtputf8,
            ..report(&recipients)
        });
        let text = String::from_utf8(made.bytes).unwrap();
        assert_shape(&text);
        assert!(!text.contains("\nBcc:") && !text.contains("\nAction: delivered"), "{text}");
        assert!(!text.chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t')));
        assert_eq!(smtputf8, !text.is_ascii());
    }
}
