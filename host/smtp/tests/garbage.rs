//! Sessions of random lines and random bytes: no panic, and every reply is well formed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

mod script;

use std::time::Duration;

use postwarden_smtp::question::{Fate, Login};
use postwarden_smtp::session::{Profile, Role};
use postwarden_smtp::{Action, Answer, Question, Session};
use script::{answer, setup};

const SESSIONS: u64 = 30_000;

/// Numbers that are the same in every run (Knuth's constants).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const PIECES: &[&[u8]] = &[
    b"HELO client.example",
    b"EHLO client.example",
    b"LHLO client.example",
    b"EHLO [192.0.2.1]",
    b"MAIL FROM:<a@b.example>",
    b"MAIL FROM:<>",
    b"MAIL FROM:<a@b.example> BODY=BINARYMIME SIZE=3",
    b"RCPT TO:<c@example.com>",
    b"RCPT TO:<postmaster>",
    b"DATA",
    b"BDAT 3",
    b"BDAT 0 LAST",
    b"BDAT 7 LAST",
    b"BDAT 99999999999999999999",
    b"BDAT x",
    b"RSET",
    b"NOOP",
    b"QUIT",
    b"VRFY <a@b.example>",
    b"EXPN list",
    b"HELP",
    b"ETRN x",
    b"AUTH PLAIN",
    b"AUTH LOGIN",
    b"AUTH SCRAM-SHA-256",
    b"AUTH PLAIN AGFsaWNlAHNlY3JldA==",
    b"AUTH SCRAM-SHA-256-PLUS cD10bHMtZXhwb3J0ZXIsLG49dSxyPWFiYw==",
    b"STARTTLS",
    b"*",
    b"=",
    b".",
    b"..",
    b"text",
    b"\r\n",
    b"\r\n",
    b"\r\n",
    b"\r\n",
    b"\r\n",
    b"\r\n.\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b" ",
    b"\xFF\xF4",
    b"<",
    b">",
    b"\"",
    b"[",
    b"(",
    b"\\",
    b"@",
    b"=",
    b"+",
    b"%",
    b"\xC3\xA4",
    b"\xF0\x9F",
    b"SMTPUTF8",
    b" NOTIFY=NEVER",
    b" ORCPT=utf-8;\\x{",
    b"RSET\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@example.com>\r\nDATA",
    b"RSET\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@example.com>\r\nBDAT 9",
    b"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<c@example.com>\r\nDATA\r\ntext\r\n.",
    b"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<c@example.com>\r\nBDAT 3 LAST\r\n...",
    b" BY=1;R",
    b" HOLDUNTIL=9999-99-99T99:99:99Z",
];

fn input(numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..numbers.below(40) {
        match numbers.below(20) {
            0 => bytes.extend((0..numbers.below(50)).map(|_| numbers.next() as u8)),
            1 => bytes.extend(std::iter::repeat_n(*numbers.pick(b"A.\r\n<\"("), numbers.below(3000))),
            2..8 => bytes.extend_from_slice(numbers.pick::<&[u8]>(PIECES)),
            _ => {
                bytes.extend_from_slice(numbers.pick::<&[u8]>(PIECES));
                bytes.extend_from_slice(b"\r\n");
            }
        }
    }
    bytes
}

fn decide(numbers: &mut Numbers, question: &Question) -> Answer {
    match numbers.below(12) {
        0 => Answer::Refuse(numbers.pick(&answer::refusals()).clone()),
        1 => Answer::Taken { fate: Fate::Deleted, recipients: vec![None; numbers.below(3)] },
        2 => Answer::LoggedIn(Login { account: "x@example.com".into() }),
        3 => Answer::Lines(vec!["a\r\n250 b".into(); numbers.below(4)]),
        4 => Answer::Text("\u{1F600}\r\n".repeat(numbers.below(300))),
        5 => Answer::Scram(answer::verifier(b"x", b"salt", 1)),
        _ => answer::kindest(question),
    }
}

#[test]
fn no_panic_and_well_formed_replies() {
    let mut numbers = Numbers(20_261_123);
    for seed in 0..SESSIONS {
        let mut config = setup::config(if seed % 2 == 0 { Profile::Merak } else { Profile::Rfc });
        config.role = *numbers.pick(&[Role::Mx, Role::Mx, Role::Submission, Role::Lmtp]);
        config.disabled.clear();
        config.deny_telnet = numbers.below(10) == 0;
        config.hard_ceiling = *numbers.pick(&[0, 10, 2000]);
        config.close_on_ceiling = numbers.below(4) == 0;
        config.max_recipients = numbers.below(4);
        config.max_errors = *numbers.pick(&[0, 5, 100]);
        config.require_helo = numbers.below(2) == 0;
        config.allow_plaintext_without_tls = numbers.below(2) == 0;
        let mut session = setup::session(config, setup::facts());
        let input = input(&mut numbers);
        let sent = talk(&mut session, &mut numbers, &input);
        check(&sent, seed, &input);
    }
}

fn talk(session: &mut Session, numbers: &mut Numbers, input: &[u8]) -> Vec<u8> {
    let mut now = Duration::ZERO;
    let mut sent = Vec::new();
    let mut rest = input;
    let mut closed = false;
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps < 100_000, "endless");
        match session.poll_action() {
            Some(Action::Send(bytes)) => {
                assert!(!closed && !bytes.is_empty());
                sent.extend(bytes);
            }
            Some(Action::Ask(question)) => {
                assert!(!session.wants_input());
                assert_eq!(session.poll_timeout(), Duration::MAX);
                let given = decide(numbers, &question);
                session.handle_answer(now, given);
            }
            Some(Action::StartTls) => session.handle_tls(now, setup::tls("both")),
            Some(Action::Close) => {
                assert!(!closed, "closed twice");
                closed = true;
            }
            Some(Action::Body(bytes)) => assert!(!bytes.is_empty()),
            Some(Action::Discard) => {}
            None if closed || rest.is_empty() => break,
            None => {
                match numbers.below(400) {
                    0 => session.handle_shutdown(now),
                    1 => {
                        now += Duration::from_secs(400);
                        session.handle_timeout(now);
                    }
                    _ => {}
                }
                let most = rest.len().min(1 + numbers.below(200));
                let used = session.handle_input(now, &rest[..most]);
                rest = &rest[used..];
            }
        }
    }
    sent
}

/// RFC 5321 section 4.2: lines of at most 512 octets, printable ASCII, codes that agree within a reply.
fn check(sent: &[u8], seed: u64, input: &[u8]) {
    let context = || format!("session {seed}: {} answered {}", input.escape_ascii(), sent.escape_ascii());
    assert!(sent.is_empty() || sent.ends_with(b"\r\n"), "{}", context());
    let mut open: Option<&[u8]> = None;
    for line in sent.split_inclusive(|&b| b == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("{}", context()));
        assert!(line.len() <= 512, "{}", context());
        assert!(text.len() >= 4 && text.iter().all(|b| (b' '..=b'~').contains(b)), "{}", context());
        let (code, mark) = (&text[..3], text[3]);
        assert!(code.iter().all(u8::is_ascii_digit) && (b'2'..=b'5').contains(&code[0]), "{}", context());
        assert!(open.is_none_or(|open| open == code), "{}", context());
        assert!(mark == b' ' || mark == b'-', "{}", context());
        open = (mark == b'-').then_some(code);
    }
    assert!(open.is_none(), "{}", context());
}

/// Replies, questions and content do not depend on how the input is cut.
#[test]
fn the_cut_does_not_matter() {
    let mut numbers = Numbers(7);
    let mut messages = 0;
    for seed in 0..SESSIONS / 3 {
        let input = input(&mut numbers);
        // What follows STARTTLS is an error only where it is there already.
        if input.windows(8).any(|window| window.eq_ignore_ascii_case(b"STARTTLS")) {
            continue;
        }
        let role = *numbers.pick(&[Role::Mx, Role::Lmtp]);
        let whole = transcript(role, &input, input.len().max(1));
        messages += usize::from(whole.contains("Message {"));
        let piece = 1 + numbers.below(20);
        for piece in [1, piece] {
            assert_eq!(
                transcript(role, &input, piece),
                whole,
                "session {seed} in pieces of {piece}: {}",
                input.escape_ascii()
            );
        }
    }
    assert!(messages > 200, "only {messages} sessions get as far as a message");
}

fn transcript(role: Role, input: &[u8], piece: usize) -> String {
    let mut config = setup::config(Profile::Merak);
    config.role = role;
    config.disabled.clear();
    config.hard_ceiling = 1500;
    config.require_helo = false;
    config.allow_plaintext_without_tls = true;
    let mut session = setup::session(config, setup::facts());
    let (mut replies, mut actions, mut body) = (String::new(), Vec::new(), Vec::new());
    let mut pieces = input.chunks(piece);
    let mut rest: &[u8] = &[];
    loop {
        match session.poll_action() {
            Some(Action::Send(bytes)) => replies.push_str(std::str::from_utf8(&bytes).unwrap()),
            Some(Action::Body(bytes)) => body.extend(bytes),
            Some(Action::Discard) => body.clear(),
            Some(Action::Ask(question)) => {
                if matches!(question, Question::Message { .. }) {
                    actions.push(format!("content {}", body.escape_ascii()));
                    body.clear();
                }
                actions.push(format!("{question:?}"));
                let given = match &question {
                    Question::ScramVerifier { .. } => Answer::Scram(answer::verifier(b"x", b"salt", 1)),
                    question => answer::kindest(question),
                };
                session.handle_answer(Duration::ZERO, given);
            }
            Some(other) => actions.push(format!("{other:?}")),
            None if !session.wants_input() => break,
            None if rest.is_empty() => match pieces.next() {
                Some(piece) => rest = piece,
                None => break,
            },
            None => {
                let used = session.handle_input(Duration::ZERO, rest);
                assert!(used > 0, "stuck");
                rest = &rest[used..];
            }
        }
    }
    format!("{replies}{actions:#?}")
}
