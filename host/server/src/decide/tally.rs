//! Counts what was answered, by the key of its row: for metrics. Decides nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use postwarden_smtp::Answer;
use postwarden_smtp::question::Fate;
use postwarden_smtp::reply;

/// Since the server started. There are no more entries than rows.
#[derive(Debug, Default)]
pub struct Tally {
    rows: Mutex<BTreeMap<&'static str, u64>>,
}

impl Tally {
    pub(super) fn note(&self, answer: &Answer) {
        let key = match answer {
            Answer::Refuse(refusal) => refusal.place().row.key,
            Answer::Taken { fate, .. } => match fate {
                Fate::Queued => reply::MESSAGE_ACCEPTED.key,
                Fate::Deleted => reply::DELETED_BY_FILTER.key,
                Fate::Challenged => reply::CHALLENGED_BY_FILTER.key,
                Fate::Quarantined => "quarantined",
            },
            _ => return,
        };
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let count = rows.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    /// Key and count.
    pub fn rows(&self) -> Vec<(&'static str, u64)> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.iter().map(|(key, count)| (*key, *count)).collect()
    }
}
