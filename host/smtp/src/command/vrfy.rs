//! VRFY: does a user exist? Also the argument of EXPN.

use super::{Fault, Parsed};
use crate::path::{self, PathFault};
use crate::question::Question;
use crate::reply::Case;
use crate::session::{Session, Time};
use crate::state::State;

/// A word, an address or a path; with SMTPUTF8 after it non-ASCII too (RFC 6531 section 3.7.4.2).
pub(super) fn parse(_: &Session, arguments: &str) -> Result<Parsed, Fault> {
    let (argument, utf8) = match arguments.rsplit_once(' ') {
        Some((argument, keyword)) if keyword.eq_ignore_ascii_case("SMTPUTF8") => (argument.trim_end(), true),
        _ => (arguments, false),
    };
    if argument.is_empty() || (!utf8 && !argument.is_ascii()) {
        return Err(Fault::syntax());
    }
    match path::check_pairs(argument) {
        Err(PathFault::Unbalanced) => Err(Fault::path(PathFault::Unbalanced, Case::Usual)),
        _ => Ok(Parsed::Argument(argument.to_owned())),
    }
}

pub(super) fn run(session: &mut Session, _: Time, parsed: Parsed) {
    let Parsed::Argument(argument) = parsed else { return };
    let before = session.take_state();
    session.ask(State::LookingUp(Box::new(before)), Question::Verify { argument });
}
