//! How values of the queue are written in columns of any backend. Never renumbered.

use crate::holds::HoldReason;
use crate::queue::Route;

/// States of a recipient; a lease is kept apart.
pub(crate) const QUEUED: i64 = 0;
pub(crate) const HELD: i64 = 1;

pub(crate) fn route_text(route: &Route) -> String {
    let (kind, name) = match route {
        Route::Local(name) => ('L', name),
        Route::Remote(name) => ('R', name),
    };
    let mut text = String::with_capacity(name.len() + 1);
    text.push(kind);
    text.push_str(name);
    text
}

pub(crate) fn route_from_text(text: &str) -> Option<Route> {
    if let Some(name) = text.strip_prefix('L') {
        Some(Route::Local(name.to_owned()))
    } else {
        text.strip_prefix('R').map(|name| Route::Remote(name.to_owned()))
    }
}

pub(crate) fn hold_number(reason: &HoldReason) -> i64 {
    match reason {
        HoldReason::Quarantine => 0,
        HoldReason::Challenge => 1,
        HoldReason::Operator => 2,
    }
}

pub(crate) fn hold_reason(number: i64) -> Option<HoldReason> {
    match number {
        0 => Some(HoldReason::Quarantine),
        1 => Some(HoldReason::Challenge),
        2 => Some(HoldReason::Operator),
        _ => None,
    }
}
