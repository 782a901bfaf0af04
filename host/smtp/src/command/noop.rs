//! NOOP: nothing, with a reply.

use super::Parsed;
use crate::reply;
use crate::session::{Session, Time};

pub(super) fn run(session: &mut Session, _: Time, _: Parsed) {
    session.reply(&reply::OK);
}
