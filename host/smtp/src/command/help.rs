//! HELP: the verbs of this listener.

use super::{COMMANDS, Parsed};
use crate::reply;
use crate::session::{Session, Time};

pub(super) fn run(session: &mut Session, _: Time, _: Parsed) {
    let verbs: Vec<&str> = COMMANDS
        .iter()
        .filter(|command| command.roles.contains(&session.config.role) && !command.is_off(session))
        .map(|command| command.verb)
        .collect();
    session.reply_with(&reply::HELP, &verbs.join(" "));
}
