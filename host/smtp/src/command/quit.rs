//! QUIT: the end of a session that went well.

use super::Parsed;
use crate::reply;
use crate::session::{Session, Time};

pub(super) fn run(session: &mut Session, _: Time, _: Parsed) {
    session.abandon();
    session.reply(&reply::CLOSING);
    session.close();
}
