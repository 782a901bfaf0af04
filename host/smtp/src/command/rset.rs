//! RSET: ends a transaction without a message.

use super::Parsed;
use crate::reply;
use crate::session::{Session, Time};

pub(super) fn run(session: &mut Session, _: Time, _: Parsed) {
    session.abandon();
    session.reply(&reply::OK);
}
