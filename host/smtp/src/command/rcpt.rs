//! RCPT: adds a recipient.

use super::{Fault, Parsed};
use crate::limits::RECIPIENTS_HELD_MAX;
use crate::parameters;
use crate::path::ForwardPath;
use crate::question::{Question, RecipientParameters};
use crate::reply::{self, Case};
use crate::session::{Recipient, Session, Time};
use crate::state::State;

pub(crate) struct Rcpt {
    path: ForwardPath,
    parameters: RecipientParameters,
}

pub(super) fn parse(session: &Session, arguments: &str) -> Result<Parsed, Fault> {
    let text = parameters::after_keyword(arguments, "TO:").ok_or_else(Fault::syntax)?;
    let (path, rest) = ForwardPath::read(text).map_err(|fault| Fault::path(fault, Case::Rcpt))?;
    let parameters = parameters::recipient(rest)?;
    let plain = session.transaction().is_some_and(|transaction| !transaction.parameters.smtputf8);
    if plain && path.needs_smtputf8() {
        return Err(Fault::syntax());
    }
    Ok(Parsed::Rcpt(Rcpt { path, parameters }))
}

pub(super) fn run(session: &mut Session, _: Time, parsed: Parsed) {
    let Parsed::Rcpt(Rcpt { path, parameters }) = parsed else { return };
    let limit = match session.config.max_recipients {
        0 => RECIPIENTS_HELD_MAX,
        limit => limit,
    };
    let State::Envelope(transaction) = session.take_state() else { return };
    if transaction.recipients.len() >= limit {
        session.state = State::Envelope(transaction);
        return session.reply(&reply::TOO_MANY_RECIPIENTS);
    }
    let recipient = Recipient { path: path.clone(), parameters: parameters.clone() };
    session.ask(State::Adding(transaction, Box::new(recipient)), Question::Recipient { path, parameters });
}
