//! DATA: asks whether content may come, then 354.

use super::Parsed;
use crate::body::DataReader;
use crate::question::{BodyType, Question};
use crate::reply;
use crate::session::{Session, Time, Transaction};
use crate::state::{Content, State, Way};

pub(super) fn run(session: &mut Session, _: Time, _: Parsed) {
    let State::Envelope(transaction) = session.take_state() else { return };
    // BINARYMIME travels in chunks only (RFC 3030 section 3).
    if transaction.parameters.body == BodyType::BinaryMime {
        session.state = State::Envelope(transaction);
        return session.reply(&reply::BAD_SEQUENCE);
    }
    session.ask(State::Admitting(transaction, Way::Data), Question::Content);
}

/// Content may come.
pub(crate) fn accepted(session: &mut Session, now: Time, transaction: Box<Transaction>) {
    session.reply(&reply::START_CONTENT);
    session.state = State::Data(transaction, DataReader::new(), Box::new(Content::new(now)));
}
