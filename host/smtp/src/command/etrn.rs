//! ETRN: known, and never done here; switched on or off it is row 9.

use super::Parsed;
use crate::reply;
use crate::session::{Session, Time};

pub(super) fn run(session: &mut Session, _: Time, _: Parsed) {
    session.reply(&reply::NOT_SUPPORTED);
}
