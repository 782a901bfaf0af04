//! This machine's clock, only for what an operator sees and for the skew between a node and its
//! database. Schedules and expiry use the times that callers give.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Timestamp;

pub(crate) fn machine_now() -> Timestamp {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX))
}
