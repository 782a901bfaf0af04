//! How many refusals the history takes: a flood of refused recipients must not fill the disk.

use std::sync::{Mutex, PoisonError};

use postwarden_store::Timestamp;

/// Refusals at RCPT that the history takes at once.
const BURST: i64 = 200;

/// And for good, in a second.
const PER_SECOND: i64 = 5;

/// A bucket of tokens, filled by time.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// Thousandths of a token that are gone, and when that was right.
    spent: Mutex<(i64, Timestamp)>,
}

impl Budget {
    /// Takes a token, if there is one.
    pub(super) fn take(&self, now: Timestamp) -> bool {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_sub(spent.1).max(0);
        let left = spent.0.saturating_sub(passed.saturating_mul(PER_SECOND)).max(0);
        let taken = left.saturating_add(1000) <= BURST * 1000;
        *spent = (if taken { left + 1000 } else { left }, now);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let budget = Budget::default();
        let take = |now: Timestamp| (0..1000).filter(|_| budget.take(now)).count();
        assert_eq!(take(1_000_000), 200);
        assert_eq!(take(1_000_100), 0);
        assert_eq!(take(1_000_200), 1);
        assert_eq!(take(1_002_200), 10);
        // The clock goes back, and a day passes.
        assert_eq!(take(0), 0);
        assert_eq!(take(86_400_000), 200);
    }
}
