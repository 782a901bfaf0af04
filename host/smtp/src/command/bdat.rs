//! BDAT (RFC 3030): a chunk of exactly so many octets. They are read over where the command is refused, so
//! that content never becomes commands; where their number is unknown the session ends.

use super::{Fault, Parsed};
use crate::question::Question;
use crate::refusal::Refusal;
use crate::session::{Session, Time, Transaction};
use crate::state::{Chunk, Content, Skip, State, Way, Why};

pub(super) fn parse(_: &Session, arguments: &str) -> Result<Parsed, Fault> {
    read(arguments).map(|(size, last)| Parsed::Chunk { size, last }).ok_or_else(Fault::syntax)
}

fn read(arguments: &str) -> Option<(u64, bool)> {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    let digits = words.next().filter(|word| word.bytes().all(|b| b.is_ascii_digit()))?;
    let size = digits.parse().ok()?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some((size, last))
}

pub(super) fn run(session: &mut Session, now: Time, parsed: Parsed) {
    let Parsed::Chunk { size, last } = parsed else { return };
    let chunk = Chunk { left: size, size, last };
    match session.take_state() {
        State::Envelope(transaction) => {
            session.ask(State::Admitting(transaction, Way::Chunk(chunk)), Question::Content);
        }
        State::Chunks(transaction, content) => {
            session.state = State::Chunk(transaction, chunk, content);
            session.handle_content(now, &[]);
        }
        other => session.state = other,
    }
}

/// Content may come.
pub(crate) fn accepted(session: &mut Session, now: Time, transaction: Box<Transaction>, chunk: Chunk) {
    session.state = State::Chunk(transaction, chunk, Box::new(Content::new(now)));
    session.handle_content(now, &[]);
}

/// Replies after the octets of a refused BDAT were read over.
pub(crate) fn refuse(session: &mut Session, now: Time, arguments: &[u8], Fault(row, case): Fault) {
    match std::str::from_utf8(arguments).ok().and_then(read) {
        Some((left, _)) => {
            let before = session.take_state();
            session.state = State::Skipping(Box::new(Skip { left, before, why: Why::Fault(row, case) }));
            session.handle_content(now, &[]);
        }
        None => {
            session.reply_case(row, case);
            session.close();
        }
    }
}

/// Content may not come (no room): its octets are read over, the transaction stays.
pub(crate) fn not_admitted(
    session: &mut Session,
    now: Time,
    transaction: Box<Transaction>,
    chunk: Chunk,
    refusal: Refusal,
) {
    let before = State::Envelope(transaction);
    session.state = State::Skipping(Box::new(Skip { left: chunk.left, before, why: Why::Refusal(refusal) }));
    session.handle_content(now, &[]);
}
