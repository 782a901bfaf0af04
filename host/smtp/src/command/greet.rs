//! HELO, EHLO, LHLO: one greeting a session (row 13), a second one resets in the `rfc` profile.

use super::{COMMANDS, Fault, Parsed};
use crate::path::Domain;
use crate::question::Question;
use crate::reply::{self, Case};
use crate::session::{Greeting, GreetingVerb, Profile, Session, Time};
use crate::state::State;

pub(super) fn parse_helo(_: &Session, arguments: &str) -> Result<Parsed, Fault> {
    parse(GreetingVerb::Helo, arguments)
}

pub(super) fn parse_ehlo(_: &Session, arguments: &str) -> Result<Parsed, Fault> {
    parse(GreetingVerb::Ehlo, arguments)
}

pub(super) fn parse_lhlo(_: &Session, arguments: &str) -> Result<Parsed, Fault> {
    parse(GreetingVerb::Lhlo, arguments)
}

fn parse(verb: GreetingVerb, arguments: &str) -> Result<Parsed, Fault> {
    // U-labels have no place here (RFC 6531 section 3.7.1).
    if !arguments.is_ascii() || Domain::parse(arguments).is_err() {
        return Err(Fault(&reply::HELO_DOMAIN_REQUIRED, Case::Usual));
    }
    Ok(Parsed::Greeting(verb, arguments.to_owned()))
}

pub(super) fn run(session: &mut Session, _: Time, parsed: Parsed) {
    let Parsed::Greeting(verb, name) = parsed else { return };
    if session.facts.greeting.is_some() {
        if session.config.profile == Profile::Merak {
            return session.reply(&reply::HELO_ALREADY_SPECIFIED);
        }
        session.abandon();
    }
    let before = session.facts.greeting.replace(Greeting { verb, name });
    session.ask(State::Greeting(before), Question::Greeting);
}

/// The greeting was accepted.
pub(crate) fn accepted(session: &mut Session) {
    session.state = State::Idle;
    let extended = session.facts.greeting.as_ref().is_some_and(|greeting| greeting.verb != GreetingVerb::Helo);
    let mut lines = vec![session.config.hostname.clone()];
    if extended {
        let role = session.config.role;
        let offered = COMMANDS.iter().filter(|command| command.roles.contains(&role) && !command.is_off(session));
        lines.extend(offered.flat_map(|command| command.extensions).filter_map(|extension| extension.line(session)));
    }
    session.reply_lines(&reply::HELLO, &lines);
}
