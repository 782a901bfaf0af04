//! AUTH (RFC 4954): starts an exchange; `sasl` carries it on.

use super::{Fault, Parsed};
use crate::reply::{self, Case};
use crate::sasl::{Exchange, Step};
use crate::session::{Login, Mechanism, Session, Time};
use crate::state::State;

pub(super) fn parse(_: &Session, arguments: &str) -> Result<Parsed, Fault> {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    let mechanism = words.next().unwrap_or_default().to_owned();
    let initial = words.next().map(str::to_owned);
    if words.next().is_some() {
        return Err(Fault::syntax());
    }
    Ok(Parsed::Auth { mechanism, initial })
}

pub(super) fn run(session: &mut Session, _: Time, parsed: Parsed) {
    let Parsed::Auth { mechanism, initial } = parsed else { return };
    if session.facts.login.is_some() {
        return session.reply(&reply::AUTH_ALREADY_DONE);
    }
    let unrecognized = |session: &mut Session, case| session.reply_case(&reply::AUTH_TYPE_UNRECOGNIZED, case);
    if mechanism.is_empty() {
        return unrecognized(session, Case::MechanismMissing);
    }
    let named = |known: &Mechanism| known.name().eq_ignore_ascii_case(&mechanism);
    let Some(mechanism) = session.mechanisms().find(named) else {
        let hidden = session.config.mechanisms.iter().find(|known| named(known));
        let needs_tls = session.facts.tls.is_none() && hidden.is_some();
        return unrecognized(session, if needs_tls { Case::NeedsTls } else { Case::Usual });
    };
    let exchange = Exchange::new(mechanism);
    match initial {
        Some(initial) => respond(session, exchange, initial.as_bytes()),
        None => {
            let opening = exchange.opening();
            challenge(session, exchange, &opening);
        }
    }
}

/// A line of the client while an exchange runs.
pub(crate) fn respond(session: &mut Session, exchange: Exchange, line: &[u8]) {
    if line == b"*" {
        return cancel(session, Case::Usual);
    }
    match exchange.respond(line, session) {
        Step::Challenge(exchange, text) => challenge(session, exchange, &text),
        Step::Ask(exchange, question) => session.ask(State::LoginAsked(Box::new(exchange)), question),
        Step::LoggedIn(login) => logged_in(session, login),
        Step::Failed => failed(session),
        Step::Broken(case) => cancel(session, case),
    }
}

/// Sends base64 after 334.
pub(crate) fn challenge(session: &mut Session, exchange: Exchange, text: &str) {
    session.state = State::Login(Box::new(exchange));
    session.reply_with(&reply::CHALLENGE, text);
}

pub(crate) fn logged_in(session: &mut Session, login: Login) {
    session.state = State::Idle;
    session.facts.login = Some(login);
    session.reply(&reply::LOGGED_IN);
}

pub(crate) fn cancel(session: &mut Session, case: Case) {
    session.state = State::Idle;
    session.reply_case(&reply::AUTH_CANCELLED, case);
}

/// Wrong credentials: row 7, and the end of the session when it happens too often.
pub(crate) fn failed(session: &mut Session) {
    session.state = State::Idle;
    session.reply(&reply::AUTH_FAILED);
    session.auth_failures = session.auth_failures.saturating_add(1);
    let limit = session.config.max_auth_failures;
    if limit > 0 && session.auth_failures >= limit {
        session.reply(&reply::AUTH_BLOCKED);
        session.close();
    }
}
