//! What an idle session costs, and what the protocol costs a message.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

mod script;

use std::time::{Duration, Instant};

use postwarden_smtp::session::Profile;
use postwarden_smtp::{Action, Session};
use script::{answer, setup};

fn feed(session: &mut Session, mut input: &[u8]) {
    loop {
        match session.poll_action() {
            Some(Action::Ask(question)) => session.handle_answer(Duration::ZERO, answer::kindest(&question)),
            Some(_) => {}
            None if input.is_empty() => break,
            None => {
                let used = session.handle_input(Duration::ZERO, input);
                input = &input[used..];
            }
        }
    }
}

/// Ten thousand of them are to stay far below 100 MB.
#[test]
fn a_session_is_small() {
    assert!(std::mem::size_of::<Session>() <= 640, "{}", std::mem::size_of::<Session>());
}

/// Not a limit, since machines differ: `cargo test --release -p postwarden-smtp --test size -- --nocapture`.
#[test]
fn the_cost_of_a_message() {
    let mut session = setup::session(
        postwarden_smtp::session::Config { hard_ceiling: 0, ..setup::config(Profile::Merak) },
        setup::facts(),
    );
    feed(&mut session, b"EHLO client.example\r\n");
    let body = format!("{}.\r\n", "The quick brown fox jumps over the lazy dog, and then once more.\r\n".repeat(80));
    let count = 2000;
    let start = Instant::now();
    for _ in 0..count {
        feed(&mut session, b"MAIL FROM:<a@b.example>\r\n");
        feed(&mut session, b"RCPT TO:<c@example.com>\r\n");
        feed(&mut session, b"DATA\r\n");
        feed(&mut session, body.as_bytes());
    }
    println!("{:?} a message of {} bytes", start.elapsed() / count, body.len());
    assert!(session.transaction().is_none());
}
