//! MAIL: begins a transaction.

use super::{Fault, Parsed};
use crate::parameters;
use crate::path::ReversePath;
use crate::question::{Question, SenderParameters};
use crate::reply::{self, Case};
use crate::session::{Role, Session, Time, Transaction};
use crate::state::State;

pub(crate) struct Mail {
    path: ReversePath,
    parameters: SenderParameters,
}

pub(super) fn parse(session: &Session, arguments: &str) -> Result<Parsed, Fault> {
    let text = parameters::after_keyword(arguments, "FROM:").ok_or_else(Fault::syntax)?;
    let (path, rest) = ReversePath::read(text).map_err(|fault| Fault::path(fault, Case::Mail))?;
    let parameters = parameters::sender(session, rest)?;
    if path.needs_smtputf8() && !parameters.smtputf8 {
        return Err(Fault::syntax());
    }
    Ok(Parsed::Mail(Mail { path, parameters }))
}

pub(super) fn run(session: &mut Session, _: Time, parsed: Parsed) {
    let Parsed::Mail(Mail { path, parameters }) = parsed else { return };
    if session.config.role == Role::Submission && session.facts.login.is_none() {
        return session.reply(&reply::AUTH_REQUIRED);
    }
    let transaction =
        Transaction { id: String::new(), sender: path.clone(), parameters: parameters.clone(), recipients: Vec::new() };
    session.ask(State::Starting(Box::new(transaction)), Question::Sender { path, parameters });
}

/// The sender may send.
pub(crate) fn accepted(session: &mut Session, mut transaction: Box<Transaction>) {
    let (limit, ceiling) = (session.config.max_message_size, session.config.hard_ceiling);
    let over = |limit: u64| limit > 0 && transaction.parameters.size.is_some_and(|size| size > limit);
    if over(limit) || over(ceiling) {
        session.state = State::Idle;
        return session.reply(&reply::MESSAGE_TOO_BIG);
    }
    transaction.id = (session.next_id)();
    session.state = State::Envelope(transaction);
    session.reply(&reply::SENDER_OK);
}
