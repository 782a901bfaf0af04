//! EXPN: who is on a list?

use super::Parsed;
use crate::question::Question;
use crate::session::{Session, Time};
use crate::state::State;

pub(super) fn run(session: &mut Session, _: Time, parsed: Parsed) {
    let Parsed::Argument(argument) = parsed else { return };
    let before = session.take_state();
    session.ask(State::LookingUp(Box::new(before)), Question::Expand { argument });
}
