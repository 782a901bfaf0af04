//! No bytes around the end of content, however mixed and however cut, make a command out of content.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

mod script;

use std::time::Duration;

use postwarden_smtp::session::Profile;
use postwarden_smtp::{Action, Answer, Question, Session};
use script::{answer, setup};

const NOW: Duration = Duration::ZERO;

/// What a run left behind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    replies: String,
    senders: Vec<String>,
    message: Option<Vec<u8>>,
}

fn run(input: &[u8], piece: usize) -> Run {
    let mut config = setup::config(Profile::Merak);
    config.max_errors = 0;
    let mut session = setup::session(config, setup::facts());
    let mut run = Run::default();
    let mut body = Vec::new();
    for mut piece in input.chunks(piece) {
        loop {
            drain(&mut session, &mut run, &mut body);
            if piece.is_empty() || !session.wants_input() {
                break;
            }
            let used = session.handle_input(NOW, piece);
            piece = &piece[used..];
        }
    }
    drain(&mut session, &mut run, &mut body);
    run
}

fn drain(session: &mut Session, run: &mut Run, body: &mut Vec<u8>) {
    while let Some(action) = session.poll_action() {
        match action {
            Action::Send(bytes) => run.replies.push_str(std::str::from_utf8(&bytes).unwrap()),
            Action::Body(bytes) => body.extend_from_slice(&bytes),
            Action::Discard => body.clear(),
            Action::Close | Action::StartTls => {}
            Action::Ask(question) => {
                let given: Answer = answer::kindest(&question);
                match &question {
                    Question::Sender { path, .. } => run.senders.push(path.to_string()),
                    Question::Message { size } => {
                        assert_eq!(*size, body.len() as u64);
                        run.message = Some(std::mem::take(body));
                    }
                    _ => {}
                }
                session.handle_answer(NOW, given);
            }
        }
    }
}

/// What RFC 5321 says about content, written as plainly as possible: the content if it is clean, and
/// where it ends.
fn specification(content: &[u8]) -> (Option<Vec<u8>>, usize) {
    let stream = [b"\r\n", content].concat();
    let end = stream.windows(5).position(|window| window == b"\r\n.\r\n").expect("an end");
    // Without the CRLF of the command before it.
    let text = &stream[2.min(end + 2)..end + 2];
    let text = if end == 0 { b"".as_slice() } else { text };
    let clean = {
        let without: Vec<u8> = String::from_utf8_lossy(text).replace("\r\n", "").into_bytes();
        !without.contains(&b'\r') && !without.contains(&b'\n')
    };
    let unstuffed: Vec<u8> = text
        .split_inclusive(|&b| b == b'\n')
        .flat_map(|line| line.strip_prefix(b".").unwrap_or(line).to_vec())
        .collect();
    (clean.then_some(unstuffed), end + 3)
}

const EVIL: &[u8] = b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<c@example.com>\r\nDATA\r\nevil\r\n";

/// All mixes of CR, LF, NUL and dot up to six bytes, between content and an evil envelope.
#[test]
fn no_mix_smuggles_a_command() {
    let alphabet = [b'\r', b'\n', 0, b'.'];
    let mut mixes = 0;
    for length in 0..=6_u32 {
        for number in 0..4_usize.pow(length) {
            let mix: Vec<u8> = (0..length).map(|at| alphabet[number / 4_usize.pow(at) % 4]).collect();
            for start in [b"text".as_slice(), b"text\r\n", b""] {
                // The evil part is content unless the mix holds the true end.
                check(&[start, &mix, EVIL, b"\r\n.\r\n"].concat());
                mixes += 1;
            }
        }
    }
    assert!(mixes > 10_000);
}

fn check(content: &[u8]) {
    let before = b"HELO client.example\r\nMAIL FROM:<good@b.example>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n";
    let input = [before.as_slice(), content].concat();
    let glued = run(&input, input.len());
    let cut = run(&input, 1);
    assert_eq!(glued, cut, "{}", content.escape_ascii());
    let (clean, end) = specification(content);
    let ended_early = end < content.len();
    if ended_early {
        // The client itself ended the message with CRLF.CRLF; what follows are its own commands.
        return;
    }
    assert_eq!(glued.senders, ["good@b.example"], "{}", content.escape_ascii());
    assert_eq!(glued.message, clean, "{}", content.escape_ascii());
    let last = glued.replies.lines().last().unwrap_or_default();
    let expected = if clean.is_some() { "250 2.0.0 " } else { "550 5.6.0 " };
    assert!(last.starts_with(expected), "{last} after {}", content.escape_ascii());
}

/// The same through BDAT: octets are counted, so the evil part never is a command.
#[test]
fn no_mix_smuggles_a_command_in_a_chunk() {
    let alphabet = [b'\r', b'\n', 0, b'.'];
    for length in 0..=4_u32 {
        for number in 0..4_usize.pow(length) {
            let mix: Vec<u8> = (0..length).map(|at| alphabet[number / 4_usize.pow(at) % 4]).collect();
            let chunk = [b"text".as_slice(), &mix, EVIL].concat();
            for last in ["", " LAST"] {
                let start = "HELO client.example\r\nMAIL FROM:<good@b.example>\r\nRCPT TO:<c@example.com>\r\n";
                let command = format!("{start}BDAT {}{last}\r\n", chunk.len());
                let input = [command.as_bytes(), &chunk].concat();
                let glued = run(&input, input.len());
                assert_eq!(glued, run(&input, 1));
                assert_eq!(glued.senders, ["good@b.example"]);
            }
        }
    }
}

/// The true end is found wherever the stream is cut.
#[test]
fn every_split_of_the_true_end() {
    let input = b"HELO client.example\r\nMAIL FROM:<good@b.example>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n..a\r\n.b\r\n.\r\nNOOP\r\n";
    let whole = run(input, input.len());
    assert_eq!(whole.message.as_deref(), Some(b".a\r\nb\r\n".as_slice()));
    assert!(whole.replies.ends_with("250 2.0.0 OK\r\n"));
    for piece in 1..input.len() {
        assert_eq!(run(input, piece), whole, "pieces of {piece}");
    }
}
