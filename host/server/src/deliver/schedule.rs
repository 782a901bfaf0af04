//! When a recipient is tried again, when its sender is told, when it is given up. Pure: time is an
//! argument, and a clock that jumps can neither expire mail early nor put it off for long.

use std::time::Duration;

use postwarden_store::Timestamp;

/// A configured delay counts as at least this, so that no mistake in a file makes a busy loop.
const DELAY_MIN: Duration = Duration::from_secs(1);
/// Without any configured delay.
const DELAY_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// After tries for so many lifetimes the end has come, also for a clock that was put back.
const LIFETIMES_MAX: i64 = 4;

/// What the operator configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    /// Delay after the first try, the second, ...; the last one repeats.
    pub retry: &'a [Duration],
    /// Zero: the sender is not told of a delay.
    pub warn_after: Duration,
}

/// What is known of a recipient after a try in vain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    pub received: Timestamp,
    /// First try not before; for FUTURERELEASE later than `received`.
    pub released: Timestamp,
    /// Given up after this.
    pub expires: Timestamp,
    /// Tries in vain before this one.
    pub before: u32,
    pub warned: bool,
    /// DELIVERBY with `N`: the sender is told of a delay after this, whatever `warn-after` says.
    pub notify_by: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Tried again at `due`; `warn`: the sender is to be told of the delay now.
    Again { due: Timestamp, warn: bool },
    /// Given up.
    Expired,
}

/// What follows a try in vain that ended at `now`.
pub(crate) fn next(plan: &Plan, tried: &Tried, now: Timestamp) -> Next {
    let begin = tried.released.max(tried.received);
    // Time that has passed by the clock may be a jump. Tries take real time: so many tries in vain
    // mean that at least the delays between them have passed, save those an operator asked for.
    let waited = total(plan, tried.before);
    let lifetime = tried.expires.saturating_sub(begin);
    if waited >= lifetime && (now >= tried.expires || waited >= lifetime.saturating_mul(LIFETIMES_MAX)) {
        return Next::Expired;
    }
    let delay = delay(plan, tried.before);
    let mut due = now.saturating_add(delay);
    // The last try falls on the end of the lifetime, not on the step after it.
    if due > tried.expires && tried.expires > now && waited.saturating_add(delay) >= lifetime {
        due = tried.expires.max(now.saturating_add(millis(DELAY_MIN)));
    }
    let late = plan.warn_after > Duration::ZERO && {
        let warn_after = millis(plan.warn_after);
        now.saturating_sub(begin) >= warn_after && waited >= warn_after
    };
    let by = tried.notify_by.is_some_and(|by| now >= by);
    Next::Again { due, warn: !tried.warned && (late || by) }
}

/// When it is tried if every try is in vain: from `due` on, at most `limit` times.
pub(crate) fn upcoming(plan: &Plan, tried: &Tried, due: Timestamp, limit: usize) -> Vec<Timestamp> {
    let mut tried = *tried;
    let next = |at: &Timestamp| match next(plan, &tried, *at) {
        Next::Again { due, .. } => {
            tried.before = tried.before.saturating_add(1);
            Some(due)
        }
        Next::Expired => None,
    };
    std::iter::successors(Some(due), next).take(limit).collect()
}

/// The longest that a recipient with so many tries in vain should wait from `now` on: a `due` beyond
/// it was set by a clock that was wrong.
pub(crate) fn due_at_most(plan: &Plan, tries: u32, now: Timestamp) -> Timestamp {
    now.saturating_add(delay(plan, tries.saturating_sub(1)))
}

/// The delay after a try in vain with `before` others before it.
fn delay(plan: &Plan, before: u32) -> i64 {
    let at = usize::try_from(before).unwrap_or(usize::MAX);
    let delay = plan.retry.get(at).or(plan.retry.last()).copied().unwrap_or(DELAY_DEFAULT);
    millis(delay.max(DELAY_MIN))
}

/// The sum of the first `tries` delays.
fn total(plan: &Plan, tries: u32) -> i64 {
    let listed = u32::try_from(plan.retry.len()).unwrap_or(u32::MAX).min(tries);
    let sum = (0..listed).fold(0i64, |sum, before| sum.saturating_add(delay(plan, before)));
    let repeated = i64::from(tries - listed);
    sum.saturating_add(delay(plan, u32::MAX).saturating_mul(repeated))
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    /// Some time in 2026.
    const START: i64 = 1_795_000_000_000;

    fn default_retry() -> Vec<Duration> {
        [5, 15, 30, 60, 120, 240, 480].map(|minutes| Duration::from_secs(minutes * 60)).to_vec()
    }

    fn tried() -> Tried {
        Tried { received: START, released: START, expires: START + 4 * DAY, before: 0, warned: false, notify_by: None }
    }

    /// Plays a whole life in virtual time; `clock` may jump after each try.
    /// Returns the real times of all tries, of the warning, and of the end.
    fn live(plan: &Plan, mut tried: Tried, mut jump: impl FnMut(u32) -> i64) -> (Vec<i64>, Option<i64>, i64) {
        let (mut real, mut offset) = (0i64, 0i64);
        let (mut tries, mut warned) = (Vec::new(), None);
        loop {
            tries.push(real);
            let now = START + real + offset;
            match next(plan, &tried, now) {
                Next::Expired => return (tries, warned, real),
                Next::Again { due, warn } => {
                    if warn {
                        warned = warned.or(Some(real));
                        tried.warned = true;
                    }
                    tried.before += 1;
                    assert!(due > now, "a busy loop");
                    offset += jump(tried.before);
                    // After a jump the dispatcher corrects what lies too far ahead.
                    let now = START + real + offset;
                    let due = due.min(due_at_most(plan, tried.before, now));
                    real += (due - now).max(1);
                }
            }
            assert!(tries.len() < 1000, "no end");
        }
    }

    #[test]
    fn the_default_schedule() {
        let retry = default_retry();
        let plan = Plan { retry: &retry, warn_after: Duration::from_secs(4 * 3600) };
        let (tries, warned, end) = live(&plan, tried(), |_| 0);
        let minutes: Vec<i64> = tries.iter().take(8).map(|t| t / MINUTE).collect();
        assert_eq!(minutes, [0, 5, 20, 50, 110, 230, 470, 950]);
        assert_eq!(warned, Some(470 * MINUTE));
        assert_eq!(end, 4 * DAY);
        assert_eq!(tries.len(), 19);
    }

    /// What is announced is what happens.
    #[test]
    fn upcoming_tries_are_those_of_a_life() {
        let retry = default_retry();
        let plan = Plan { retry: &retry, warn_after: Duration::from_secs(4 * 3600) };
        let (tries, _, _) = live(&plan, tried(), |_| 0);
        let announced: Vec<i64> = upcoming(&plan, &tried(), START, 100).iter().map(|at| at - START).collect();
        assert_eq!(announced, tries);
        let after_two = Tried { before: 2, ..tried() };
        let announced = upcoming(&plan, &after_two, START + 20 * MINUTE, 3);
        assert_eq!(announced, [20, 50, 110].map(|minutes| START + minutes * MINUTE));
        assert_eq!(upcoming(&plan, &Tried { expires: START, ..tried() }, START, 5), [START]);
    }

    #[test]
    fn short_lives() {
        let plan = Plan { retry: &[Duration::from_secs(300)], warn_after: Duration::ZERO };
        let short = Tried { expires: START + 1000, ..tried() };
        let (tries, warned, end) = live(&plan, short, |_| 0);
        assert_eq!((tries.len(), warned, end), (2, None, 1000));
        // Over before it began: one try, then one more.
        let (tries, _, _) = live(&plan, Tried { expires: START, ..tried() }, |_| 0);
        assert_eq!(tries.len(), 1);
    }

    #[test]
    fn an_empty_or_zero_list_is_no_busy_loop() {
        for retry in [&[][..], &[Duration::ZERO]] {
            let plan = Plan { retry, warn_after: Duration::ZERO };
            let Next::Again { due, .. } = next(&plan, &tried(), START) else { panic!("expired") };
            assert!(due >= START + 1000);
        }
    }

    #[test]
    fn deliver_by_notifies_once() {
        let retry = default_retry();
        let plan = Plan { retry: &retry, warn_after: Duration::from_secs(4 * 3600) };
        let by = Tried { notify_by: Some(START + 10 * MINUTE), ..tried() };
        let (_, warned, _) = live(&plan, by, |_| 0);
        assert_eq!(warned, Some(20 * MINUTE));
        let again = next(&plan, &Tried { warned: true, ..by }, START + DAY);
        assert!(matches!(again, Next::Again { warn: false, .. }));
    }

    #[test]
    fn a_held_release_counts_from_the_release() {
        let plan = Plan { retry: &[Duration::from_secs(60)], warn_after: Duration::from_secs(3600) };
        let released = START + 10 * DAY;
        let later = Tried { released, expires: released + DAY, ..tried() };
        let Next::Again { warn, .. } = next(&plan, &later, released) else { panic!("expired") };
        assert!(!warn);
    }

    /// A7: a thousand lives with random jumps: none ends early, none waits longer than twice its step.
    #[test]
    fn clock_jumps() {
        let retry = default_retry();
        let plan = Plan { retry: &retry, warn_after: Duration::from_secs(4 * 3600) };
        let mut seed = 1u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        let jumps = [0, 0, 0, 3650 * DAY, -3650 * DAY, DAY, -DAY, HOUR, -HOUR, 5000, -5000];
        for _ in 0..1000 {
            let (tries, _, end) = live(&plan, tried(), |_| {
                let at = usize::try_from(random()).unwrap_or(0) % jumps.len();
                jumps.get(at).copied().unwrap_or(0)
            });
            // A jump forward takes away one wait, so a life has at least its tries.
            assert!(tries.len() >= 18, "{tries:?}");
            for (before, pair) in tries.windows(2).enumerate() {
                let [from, to] = pair else { unreachable!() };
                let step = delay(&plan, u32::try_from(before).unwrap_or(0));
                assert!(to - from <= 2 * step, "waited {} instead of {step}", to - from);
            }
            assert!(end > 0);
        }
    }
}
