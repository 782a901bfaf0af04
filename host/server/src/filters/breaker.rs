//! Decides whether a filter that keeps failing is asked at all. Pure: results and time in, yes or no out.

use postwarden_sandbox::Cause;
use postwarden_store::Timestamp;

use crate::config::FilterBreaker;

/// Counts the calls of the standing version. Closed, it lets all calls through; open, one after each pause.
#[derive(Debug, Default)]
pub struct Breaker {
    /// Whose results these are.
    version: String,
    /// When the running window began.
    since: Timestamp,
    failed: u32,
    worked: u32,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// When the next call may try.
    until: Timestamp,
    cause: Cause,
}

impl Breaker {
    /// None: ask. Otherwise the cause of the failure that opened the breaker. A call that tries moves the next try
    /// away by a pause, so that one that never ends does not keep the breaker open for good.
    pub fn gate(&mut self, version: &str, now: Timestamp, settings: &FilterBreaker) -> Option<Cause> {
        let open = self.open.as_mut().filter(|_| self.version == version)?;
        if now < open.until {
            return Some(open.cause);
        }
        open.until = now.saturating_add(milliseconds(settings.pause));
        None
    }

    /// The result of a call. True: the breaker has opened just now.
    pub fn note(&mut self, version: &str, failed: Option<Cause>, now: Timestamp, settings: &FilterBreaker) -> bool {
        if self.version != version || (self.open.is_some() && failed.is_none()) {
            *self = Self { version: version.to_owned(), since: now, ..Self::default() };
        }
        if !(0..milliseconds(settings.within)).contains(&now.saturating_sub(self.since)) {
            (self.since, self.failed, self.worked) = (now, 0, 0);
        }
        let Some(cause) = failed else {
            self.worked = self.worked.saturating_add(1);
            return false;
        };
        self.failed = self.failed.saturating_add(1);
        if settings.failures == 0 || self.open.is_some() {
            return false;
        }
        // A filter that mostly works is no broken one: single messages may fail on a busy server.
        let opens = self.failed >= settings.failures && self.failed >= self.worked;
        if opens {
            self.open = Some(Open { until: now.saturating_add(milliseconds(settings.pause)), cause });
        }
        opens
    }

    pub fn is_open(&self, version: &str) -> bool {
        self.open.is_some() && self.version == version
    }
}

fn milliseconds(time: std::time::Duration) -> Timestamp {
    Timestamp::try_from(time.as_millis()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SETTINGS: FilterBreaker =
        FilterBreaker { failures: 3, within: Duration::from_secs(10), pause: Duration::from_secs(30) };
    const TRAP: Option<Cause> = Some(Cause::Trap);

    #[test]
    fn opens_after_so_many_failures_in_the_window_and_tries_again() {
        let mut breaker = Breaker::default();
        assert!(!breaker.note("a", TRAP, 0, &SETTINGS));
        assert!(!breaker.note("a", TRAP, 9_999, &SETTINGS));
        // A new window.
        assert!(!breaker.note("a", TRAP, 10_000, &SETTINGS));
        assert!(!breaker.note("a", TRAP, 10_001, &SETTINGS));
        assert_eq!(breaker.gate("a", 10_001, &SETTINGS), None);
        assert!(breaker.note("a", TRAP, 10_002, &SETTINGS));
        assert_eq!(breaker.gate("a", 40_001, &SETTINGS), Some(Cause::Trap));
        // One tries, the others wait for what it says.
        assert_eq!(breaker.gate("a", 40_002, &SETTINGS), None);
        assert_eq!(breaker.gate("a", 40_003, &SETTINGS), Some(Cause::Trap));
        assert!(!breaker.note("a", TRAP, 40_010, &SETTINGS));
        assert_eq!(breaker.gate("a", 70_001, &SETTINGS), Some(Cause::Trap));
        assert_eq!(breaker.gate("a", 70_002, &SETTINGS), None);
        assert!(!breaker.note("a", None, 70_010, &SETTINGS));
        assert!(!breaker.is_open("a"));
        assert_eq!(breaker.gate("a", 70_011, &SETTINGS), None);
    }

    #[test]
    fn who_mostly_works_is_not_broken_and_versions_do_not_answer_for_each_other() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            breaker.note("a", None, 0, &SETTINGS);
        }
        assert!((0..9).all(|_| !breaker.note("a", TRAP, 1, &SETTINGS)));
        assert!(breaker.note("a", TRAP, 1, &SETTINGS));
        assert_eq!(breaker.gate("b", 2, &SETTINGS), None);
        assert!(!breaker.note("b", TRAP, 2, &SETTINGS));
        assert!(!breaker.is_open("a") && !breaker.is_open("b"));
        let never = FilterBreaker { failures: 0, ..SETTINGS };
        assert!((0..100).all(|_| !breaker.note("b", TRAP, 3, &never)));
    }
}
