//! Conversations of the sending side. `S:` comes from the server, `C:` is what we must have sent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use super::*;

fn settings(protocol: Protocol, tls: TlsWish) -> Settings {
    Settings { helo: "mx.example.com".into(), protocol, tls, timeouts: Timeouts::default() }
}

fn envelope(recipients: &[&str]) -> Envelope {
    let recipient = |address: &&str| Recipient { address: (*address).into(), ..Recipient::default() };
    Envelope {
        sender: "a@example.com".into(),
        size: 10,
        recipients: recipients.iter().map(recipient).collect(),
        ..Envelope::default()
    }
}

struct Talk {
    client: Client,
    now: Time,
    log: Vec<String>,
    finished: Vec<Outcome>,
}

impl Talk {
    fn new(protocol: Protocol, tls: TlsWish) -> Self {
        let now = Duration::ZERO;
        Self { client: Client::new(settings(protocol, tls), now), now, log: Vec::new(), finished: Vec::new() }
    }

    /// The server says `text`; returns what the client did, one entry an action.
    fn server(&mut self, text: &str) -> Vec<String> {
        self.client.handle_input(self.now, text.as_bytes());
        self.drain()
    }

    fn drain(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(action) = self.client.poll_action() {
            done.push(match action {
                Action::Send(bytes) => String::from_utf8(bytes).unwrap(),
                Action::Finished(outcomes) => {
                    self.finished = outcomes;
                    "finished".into()
                }
                Action::Failed(failure) => format!("failed: {failure}"),
                other => format!("{other:?}"),
            });
        }
        self.log.extend(done.iter().cloned());
        done
    }

    fn start(&mut self, envelope: Envelope) -> Vec<String> {
        self.client.start(self.now, envelope);
        self.drain()
    }

    fn content(&mut self, bytes: &[u8]) -> Vec<String> {
        self.client.content(self.now, bytes);
        self.client.content_end(self.now);
        self.drain()
    }

    fn ready(protocol: Protocol) -> Self {
        let mut talk = Self::new(protocol, TlsWish::Never);
        talk.server("220 next\r\n");
        assert_eq!(talk.server("250-next\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 DSN\r\n"), ["Ready"]);
        talk
    }
}

#[test]
fn one_message_and_the_next_on_the_same_connection() {
    let mut talk = Talk::ready(Protocol::Smtp);
    assert_eq!(
        talk.start(envelope(&["b@x.example", "c@x.example"])),
        ["MAIL FROM:<a@example.com> SIZE=10\r\nRCPT TO:<b@x.example>\r\nRCPT TO:<c@x.example>\r\n"]
    );
    assert_eq!(talk.server("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n"), ["DATA\r\n"]);
    assert_eq!(talk.server("354 go\r\n"), ["SendContent"]);
    assert_eq!(talk.content(b"Subject: x\r\n\r\n.dot\r\nend").concat(), "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\n");
    assert_eq!(talk.server("250 2.0.0 taken\r\n"), ["finished", "Ready"]);
    assert!(
        matches!(&talk.finished[..], [Outcome::Accepted(_), Outcome::Refused(no)] if no.enhanced() == Some("5.1.1"))
    );
    assert_eq!(talk.start(envelope(&["b@x.example"])).len(), 1);
}

#[test]
fn without_pipelining_one_command_at_a_time() {
    let mut talk = Talk::new(Protocol::Smtp, TlsWish::IfOffered);
    talk.server("220 next\r\n");
    assert_eq!(talk.server("502 what?\r\n"), ["HELO mx.example.com\r\n"]);
    assert_eq!(talk.server("250 next\r\n"), ["Ready"]);
    assert_eq!(talk.start(envelope(&["b@x.example"])), ["MAIL FROM:<a@example.com>\r\n"]);
    assert_eq!(talk.server("250 ok\r\n"), ["RCPT TO:<b@x.example>\r\n"]);
    assert_eq!(talk.server("450 later\r\n"), ["finished", "RSET\r\n"]);
    assert_eq!(talk.server("250 ok\r\n"), ["Ready"]);
}

#[test]
fn a_refused_sender_refuses_everybody() {
    let mut talk = Talk::ready(Protocol::Smtp);
    talk.start(envelope(&["b@x.example", "c@x.example"]));
    assert_eq!(talk.server("550 no\r\n503 mail first\r\n503 mail first\r\n"), ["finished", "RSET\r\n"]);
    assert!(talk.finished.iter().all(|outcome| matches!(outcome, Outcome::Refused(reply) if reply.code == 550)));
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let mut talk = Talk::new(Protocol::Lmtp, TlsWish::Never);
    assert_eq!(talk.server("220 next\r\n"), ["LHLO mx.example.com\r\n"]);
    talk.server("250-next\r\n250 PIPELINING\r\n");
    talk.start(envelope(&["b@x", "c@x", "d@x"]));
    talk.server("250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n");
    talk.server("354 go\r\n");
    talk.content(b"x\r\n");
    assert!(talk.server("250 b\r\n").is_empty());
    assert_eq!(talk.server("452 full\r\n"), ["finished", "Ready"]);
    let codes: Vec<_> = talk
        .finished
        .iter()
        .map(|outcome| match outcome {
            Outcome::Accepted(reply) | Outcome::Refused(reply) => reply.code,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, [250, 550, 452]);
}

#[test]
fn tls_is_taken_where_offered_and_nothing_said_before_it_counts() {
    let mut talk = Talk::new(Protocol::Smtp, TlsWish::IfOffered);
    talk.server("220 next\r\n");
    assert_eq!(talk.server("250-next\r\n250-DSN\r\n250 STARTTLS\r\n"), ["STARTTLS\r\n"]);
    assert_eq!(talk.server("220 go\r\n"), ["StartTls"]);
    talk.client.handle_tls(talk.now);
    assert_eq!(talk.drain(), ["EHLO mx.example.com\r\n"]);
    assert!(!talk.client.offers().dsn);
    assert_eq!(talk.server("250 next\r\n"), ["Ready"]);
}

#[test]
fn a_reply_injected_before_tls_ends_the_connection() {
    let mut talk = Talk::new(Protocol::Smtp, TlsWish::IfOffered);
    talk.server("220 next\r\n");
    talk.server("250-next\r\n250 STARTTLS\r\n");
    assert_eq!(talk.server("220 go\r\n250 evil\r\n"), ["failed: sent what is no SMTP reply after STARTTLS"]);
}

#[test]
fn required_tls_that_is_not_offered_fails() {
    let mut talk = Talk::new(Protocol::Smtp, TlsWish::Required);
    talk.server("220 next\r\n");
    assert_eq!(talk.server("250 next\r\n"), ["failed: offers no TLS, which is required"]);
}

#[test]
fn a_cut_or_a_silence_after_the_dot_is_broken_not_accepted() {
    for silent in [false, true] {
        let mut talk = Talk::ready(Protocol::Smtp);
        talk.start(envelope(&["b@x"]));
        talk.server("250 ok\r\n250 ok\r\n");
        talk.server("354 go\r\n");
        talk.content(b"x\r\n");
        if silent {
            let late = talk.client.poll_timeout().unwrap();
            talk.client.handle_timeout(late);
        } else {
            talk.client.handle_eof();
        }
        talk.drain();
        assert!(matches!(&talk.finished[..], [Outcome::Broken(_)]), "{:?}", talk.finished);
    }
}

#[test]
fn garbage_and_endless_replies_end_the_connection() {
    let endless = "250-x\r\n".repeat(500);
    let long = format!("220 {}", "x".repeat(5000));
    for text in [
        "hello\r\n",
        "220\u{7}\r\n",
        "999 x\r\n",
        "250-a\r\n251 b\r\n",
        endless.as_str(),
        long.as_str(),
        "1\r\n",
        "\r\n",
    ] {
        let mut talk = Talk::new(Protocol::Smtp, TlsWish::Never);
        let done = talk.server(text);
        assert!(done.last().is_some_and(|last| last.starts_with("failed")), "{text:.20?}: {done:?}");
    }
}

#[test]
fn what_the_next_server_cannot_take_is_not_sent() {
    let mut talk = Talk::ready(Protocol::Smtp);
    let big = Envelope { size: 2000, ..envelope(&["b@x"]) };
    assert_eq!(talk.start(big), ["finished", "Ready"]);
    assert!(matches!(&talk.finished[..], [Outcome::Unsuitable("5.3.4", _)]));
    assert_eq!(talk.start(Envelope { smtputf8: true, ..envelope(&["b@x"]) }), ["finished", "Ready"]);
    assert!(matches!(&talk.finished[..], [Outcome::Unsuitable("5.6.7", _)]));
    assert_eq!(talk.start(envelope(&["ä@x"])), ["finished", "Ready"]);
    assert!(matches!(&talk.finished[..], [Outcome::Unsuitable("5.6.7", _)]));
}

#[test]
fn times_and_priorities_are_passed_on_where_they_are_understood() {
    let asked = |deliver_by, priority| Envelope { deliver_by, priority, ..envelope(&["b@x"]) };
    let ready = |offers: &str| {
        let mut talk = Talk::new(Protocol::Smtp, TlsWish::Never);
        talk.server("220 next\r\n");
        talk.server(&format!("250-next\r\n250 {offers}\r\n"));
        talk
    };
    for (deliver_by, priority, expected) in [
        (Some((120, true)), 0, "MAIL FROM:<a@example.com> BY=120;N\r\n"),
        (Some((-5, true)), 3, "MAIL FROM:<a@example.com> BY=-5;N\r\n"),
        (Some((-5, false)), 0, "MAIL FROM:<a@example.com> BY=1;R\r\n"),
        (Some((i64::MAX, false)), 0, "MAIL FROM:<a@example.com> BY=999999999;R\r\n"),
        (None, 0, "MAIL FROM:<a@example.com>\r\n"),
    ] {
        assert_eq!(ready("DELIVERBY").start(asked(deliver_by, priority)), [expected]);
    }
    assert_eq!(ready("MT-PRIORITY").start(asked(None, -4)), ["MAIL FROM:<a@example.com> MT-PRIORITY=-4\r\n"]);
    assert_eq!(ready("HELP").start(asked(Some((120, true)), 4)), ["MAIL FROM:<a@example.com>\r\n"]);
    // It must come back if it is late, and nobody there would see to it.
    let mut talk = ready("HELP");
    talk.start(asked(Some((120, false)), 0));
    assert!(matches!(&talk.finished[..], [Outcome::Unsuitable("5.4.7", _)]));
}

#[test]
fn addresses_cannot_add_commands_and_are_quoted_where_needed() {
    let mut talk = Talk::ready(Protocol::Smtp);
    let sent = talk.start(envelope(&["b@x\r\nRSET", "o\"dd one@x", "no-domain"])).concat();
    assert_eq!(sent, "MAIL FROM:<a@example.com> SIZE=10\r\nRCPT TO:<\"o\\\"dd one\"@x>\r\n");
}

#[test]
fn the_wire_never_carries_stray_line_ends_nul_or_a_lone_dot() {
    let alphabet = [b'\r', b'\n', b'.', 0, b'a'];
    for number in 0..alphabet.len().pow(6) {
        let bytes: Vec<u8> =
            (0..6).map(|place| alphabet[number / alphabet.len().pow(place) % alphabet.len()]).collect();
        for cut in 0..=bytes.len() {
            let (mut stuffing, mut out) = (Stuffing::default(), Vec::new());
            stuffing.push(&bytes[..cut], &mut out);
            stuffing.push(&bytes[cut..], &mut out);
            stuffing.finish(&mut out);
            let text = String::from_utf8(out).unwrap();
            let body = text.strip_suffix(".\r\n").unwrap();
            assert!(body.is_empty() || body.ends_with("\r\n"));
            for line in body.split_terminator("\r\n") {
                assert!(!line.contains(['\r', '\n', '\0']) && line != ".", "{bytes:?} -> {text:?}");
            }
        }
    }
}
