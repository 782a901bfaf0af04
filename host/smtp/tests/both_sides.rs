//! The sending side talks to the receiving side: what is sent arrives, and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

mod script;

use std::collections::VecDeque;
use std::time::Duration;

use postwarden_smtp::client::{
    Action as Do, Client, Envelope, Outcome, Protocol, Recipient, Settings, Timeouts, TlsWish,
};
use postwarden_smtp::session::{Profile, Role};
use postwarden_smtp::{Action, Question, Refusal, Session};
use script::{answer, setup};

const NOW: Duration = Duration::ZERO;

/// Both ends of a connection, with what is on its way between them.
struct Wire {
    client: Client,
    session: Session,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    draft: Vec<u8>,
    /// Envelopes and contents as the server took them.
    taken: Vec<(String, Vec<String>, Vec<u8>)>,
    piece: usize,
}

impl Wire {
    fn new(role: Role, piece: usize) -> Self {
        let protocol = if role == Role::Lmtp { Protocol::Lmtp } else { Protocol::Smtp };
        let config = postwarden_smtp::session::Config {
            role,
            hard_ceiling: 0,
            max_message_size: 0,
            ..setup::config(Profile::Merak)
        };
        let settings = Settings {
            helo: "client.example".into(),
            protocol,
            tls: TlsWish::IfOffered,
            timeouts: Timeouts::default(),
        };
        Self {
            client: Client::new(settings, NOW),
            session: setup::session(config, setup::facts()),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            draft: Vec::new(),
            taken: Vec::new(),
            piece,
        }
    }

    /// Runs both ends until the client wants something that is not the wire's to give.
    fn run(&mut self) -> Option<Do> {
        loop {
            while let Some(action) = self.session.poll_action() {
                self.server(action);
            }
            match self.client.poll_action() {
                Some(Do::Send(bytes)) => {
                    self.to_server.extend(bytes);
                    continue;
                }
                Some(Do::StartTls) => {
                    assert!(self.to_server.is_empty() && self.to_client.is_empty());
                    self.client.handle_tls(NOW);
                    self.session.handle_tls(NOW, setup::tls("both"));
                    continue;
                }
                Some(action) => return Some(action),
                None => {}
            }
            if !self.to_server.is_empty() && self.session.wants_input() {
                let piece: Vec<u8> = self.to_server.iter().take(self.piece).copied().collect();
                let used = self.session.handle_input(NOW, &piece);
                self.to_server.drain(..used);
            } else if !self.to_client.is_empty() {
                let count = self.to_client.len().min(self.piece);
                let piece: Vec<u8> = self.to_client.drain(..count).collect();
                self.client.handle_input(NOW, &piece);
            } else {
                return None;
            }
        }
    }

    fn server(&mut self, action: Action) {
        match action {
            Action::Send(bytes) => self.to_client.extend(bytes),
            Action::Body(bytes) => self.draft.extend(bytes),
            Action::Discard => self.draft.clear(),
            Action::StartTls | Action::Close => {}
            Action::Ask(question) => {
                let mut given = answer::kindest(&question);
                match &question {
                    Question::Recipient { path, .. } if path.to_string().starts_with("nobody@") => {
                        given = postwarden_smtp::Answer::Refuse(Refusal::UnknownUser);
                    }
                    Question::Message { .. } => {
                        let transaction = self.session.transaction().unwrap();
                        let recipients = transaction.recipients.iter().map(|recipient| recipient.path.to_string());
                        let draft = std::mem::take(&mut self.draft);
                        self.taken.push((transaction.sender.to_string(), recipients.collect(), draft));
                    }
                    _ => {}
                }
                self.session.handle_answer(NOW, given);
            }
        }
    }

    fn send(&mut self, recipients: &[&str], content: &[u8]) -> Vec<Outcome> {
        let recipient = |address: &&str| Recipient { address: (*address).into(), ..Recipient::default() };
        let envelope = Envelope {
            sender: "a@b.example".into(),
            size: content.len() as u64,
            recipients: recipients.iter().map(recipient).collect(),
            ..Envelope::default()
        };
        self.client.start(NOW, envelope);
        loop {
            match self.run() {
                Some(Do::SendContent) => {
                    for piece in content.chunks(self.piece.max(3)) {
                        self.client.content(NOW, piece);
                    }
                    self.client.content_end(NOW);
                }
                Some(Do::Finished(outcomes)) => {
                    assert_eq!(self.run(), Some(Do::Ready));
                    return outcomes;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn messages_arrive_as_they_are() {
    for role in [Role::Mx, Role::Lmtp] {
        for piece in [1, 2, 7, 4096] {
            let mut wire = Wire::new(role, piece);
            assert_eq!(wire.run(), Some(Do::Ready));
            assert!(wire.client.tls() && wire.client.offers().require_tls);
            let outcomes =
                wire.send(&["c@example.com", "nobody@example.com", "o'k \"x\"@example.com"], b".\r\n..\r\ntext\r\n");
            assert!(matches!(
                &outcomes[..],
                [Outcome::Accepted(_), Outcome::Refused(no), Outcome::Accepted(_)] if no.enhanced() == Some("5.1.1")
            ));
            let (sender, recipients, content) = &wire.taken[0];
            assert_eq!(sender, "a@b.example");
            assert_eq!(recipients[..], ["c@example.com", "\"o'k \\\"x\\\"\"@example.com"]);
            assert_eq!(content, b".\r\n..\r\ntext\r\n");
            assert!(matches!(&wire.send(&["nobody@example.com"], b"x\r\n")[..], [Outcome::Refused(_)]));
            assert!(matches!(&wire.send(&["d@example.com"], b"")[..], [Outcome::Accepted(_)]));
            assert_eq!(wire.taken.len(), 2);
            wire.client.quit(NOW);
            assert_eq!(wire.run(), Some(Do::Close));
        }
    }
}

/// Content of odd bytes: the next server always takes it, as one message, and what it gets differs only
/// in line ends and NUL.
#[test]
fn odd_content_is_one_clean_message() {
    let mut wire = Wire::new(Role::Mx, 4096);
    assert_eq!(wire.run(), Some(Do::Ready));
    let alphabet =
        [b"\r".as_slice(), b"\n", b".", b"\0", b"\r\n", b"\r\n.\r\n", b"\n.\n", b"MAIL FROM:<evil@b.example>", b"\xE4"];
    let mut number = 1_u64;
    for _ in 0..10_000 {
        let mut content = Vec::new();
        for _ in 0..8 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            content.extend_from_slice(alphabet[(number >> 33) as usize % alphabet.len()]);
        }
        let outcomes = wire.send(&["c@example.com"], &content);
        assert!(matches!(&outcomes[..], [Outcome::Accepted(_)]), "{}", content.escape_ascii());
        let (sender, _, got) = wire.taken.pop().unwrap();
        assert!(sender == "a@b.example" && wire.taken.is_empty(), "{}", content.escape_ascii());
        let plain = |bytes: &[u8]| -> Vec<u8> {
            bytes.iter().filter(|b| !b"\r\n".contains(b)).map(|b| if *b == 0 { b'?' } else { *b }).collect()
        };
        assert_eq!(plain(&got), plain(&content), "{}", content.escape_ascii());
    }
}
