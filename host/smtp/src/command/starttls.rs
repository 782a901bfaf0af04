//! STARTTLS (RFC 3207). Whatever follows the command in clear is an error and is thrown away.

use super::Parsed;
use crate::extension::Extension;
use crate::reply;
use crate::session::{Action, Session, Time};
use crate::state::State;

pub(super) fn run(session: &mut Session, _: Time, _: Parsed) {
    if session.facts.tls.is_some() {
        return session.reply(&reply::BAD_SEQUENCE);
    }
    if !Extension::StartTls.is_offered(session) {
        return session.reply(&reply::NOT_SUPPORTED);
    }
    if session.pipelined {
        session.reply(&reply::BAD_SEQUENCE);
        return session.close();
    }
    session.abandon();
    session.reply(&reply::TLS_READY);
    session.state = State::Handshake;
    session.act(Action::StartTls);
}
