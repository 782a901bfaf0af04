//! When a message for which a destination has no room should come back: when its turn comes at the pace
//! at which the destination has taken mail so far. Time is an argument.

use std::time::{Duration, Instant};

/// Nobody comes back sooner, so that coming back costs less than the mail.
const LATER_MIN: Duration = Duration::from_millis(250);
/// Nobody later: the pace may change.
const LATER_MAX: Duration = Duration::from_secs(120);
/// Of a destination about which nothing is known.
const INTERVAL_FIRST: Duration = Duration::from_millis(5);
const INTERVAL_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Pace {
    /// Mean time from one message to the next while more waited.
    interval: Duration,
    last: Option<Instant>,
    /// The turn of the next one that comes back.
    turn: Option<Instant>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { interval: INTERVAL_FIRST, last: None, turn: None }
    }

    /// A message was taken; `busy`: others wait, so that the time to the next tells the pace.
    pub(super) fn took(&mut self, now: Instant, busy: bool) {
        if let Some(last) = self.last {
            let interval = now.saturating_duration_since(last).min(INTERVAL_MAX);
            self.interval = (self.interval * 7 + interval) / 8;
        }
        self.last = busy.then_some(now);
    }

    /// How long one for which there is no room stays away, behind `waiting` others.
    pub(super) fn later(&mut self, now: Instant, waiting: usize) -> Duration {
        // Half of those that wait are to be gone, so that the destination never runs dry.
        let half = u32::try_from(waiting / 2).unwrap_or(u32::MAX);
        let soonest = now + self.interval.saturating_mul(half).clamp(LATER_MIN, LATER_MAX);
        let turn = self.turn.map_or(soonest, |turn| (turn + self.interval).max(soonest)).min(now + LATER_MAX);
        self.turn = Some(turn);
        turn.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_the_pace() {
        let (start, mut pace) = (Instant::now(), Pace::new());
        let mut now = start;
        for _ in 0..100 {
            now += Duration::from_millis(20);
            pace.took(now, true);
        }
        let waits: Vec<u128> = (0..100).map(|_| pace.later(now, 256).as_millis()).collect();
        let near = |wait: u128, expected: u128| wait.abs_diff(expected) < expected / 10;
        // Half of 256 at 20 ms, then one each 20 ms.
        assert!(near(waits.first().copied().unwrap_or(0), 2560), "{waits:?}");
        assert!(near(waits.last().copied().unwrap_or(0), 2560 + 99 * 20), "{waits:?}");
    }

    #[test]
    fn idle_time_says_nothing_and_all_waits_end() {
        let (start, mut pace) = (Instant::now(), Pace::new());
        pace.took(start, false);
        pace.took(start + Duration::from_secs(3600), true);
        assert_eq!(pace.later(start + Duration::from_secs(3600), 0), LATER_MIN);
        let now = start + Duration::from_secs(3601);
        let longest = (0..1_000_000).map(|_| pace.later(now, 256)).max();
        assert_eq!(longest, Some(LATER_MAX));
        // What was said long ago does not count.
        assert_eq!(pace.later(now + Duration::from_secs(7200), 0), LATER_MIN);
    }
}
