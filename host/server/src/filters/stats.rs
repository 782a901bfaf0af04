//! What a filter did since the server started: totals for `filter show` and for metrics. Counts; decides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use postwarden_sandbox::Evaluation;
use serde::{Deserialize, Serialize};

use super::histogram::Histogram;

/// Counters of a filter's own that are kept; others are dropped.
pub const COUNTERS_MAX: usize = 100;
/// Differences between standing version and canary that are kept, the last ones.
pub const EXAMPLES_MAX: usize = 10;

/// Totals of one slot.
#[derive(Default)]
pub struct Stats {
    counts: Mutex<Counts>,
}

/// The times of totals are filled in when somebody asks.
#[derive(Default)]
struct Counts {
    totals: Totals,
    calls: Histogram,
    /// Of calls that a canary was asked too.
    standing: Histogram,
    canary: Histogram,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Totals {
    pub calls: u64,
    /// Sum over all calls.
    pub microseconds: u64,
    /// Half of the calls took at most so long, in microseconds; and 99 of 100.
    pub p50: u64,
    pub p99: u64,
    /// By name.
    pub verdicts: BTreeMap<String, u64>,
    /// By cause.
    pub failures: BTreeMap<String, u64>,
    /// Calls answered by `on-failure` because the breaker was open.
    pub not_asked: u64,
    pub host_calls: u64,
    pub log_dropped: u64,
    /// The filter's own.
    pub counters: BTreeMap<String, u64>,
    pub canary: CanaryTotals,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct CanaryTotals {
    /// Whose; another candidate begins at 0.
    pub version: String,
    pub agreed: u64,
    pub disagreed: u64,
    pub standing_microseconds: u64,
    pub canary_microseconds: u64,
    pub standing_p50: u64,
    pub standing_p99: u64,
    pub canary_p50: u64,
    pub canary_p99: u64,
    /// `ID HOOK: STANDING, canary CANARY`, the last ones.
    pub examples: VecDeque<String>,
}

/// One word for a verdict or a failure.
pub fn word(evaluation: &Evaluation) -> &'static str {
    match &evaluation.verdict {
        Ok(verdict) => verdict.name(),
        Err(failure) => failure.cause.name(),
    }
}

pub fn microseconds(evaluation: &Evaluation) -> u64 {
    u64::try_from(evaluation.took.as_micros()).unwrap_or(u64::MAX)
}

pub fn points(evaluation: &Evaluation) -> f64 {
    evaluation.scores.iter().map(|score| score.points).sum()
}

impl Stats {
    pub fn totals(&self) -> Totals {
        let counts = self.lock();
        let mut totals = counts.totals.clone();
        (totals.p50, totals.p99) = times(&counts.calls);
        (totals.canary.standing_p50, totals.canary.standing_p99) = times(&counts.standing);
        (totals.canary.canary_p50, totals.canary.canary_p99) = times(&counts.canary);
        totals
    }

    pub fn add(&self, evaluation: &Evaluation) {
        let mut counts = self.lock();
        counts.calls.add(microseconds(evaluation));
        let totals = &mut counts.totals;
        totals.calls = totals.calls.saturating_add(1);
        totals.microseconds = totals.microseconds.saturating_add(microseconds(evaluation));
        totals.host_calls = totals.host_calls.saturating_add(evaluation.host_calls);
        totals.log_dropped = totals.log_dropped.saturating_add(evaluation.log_dropped);
        let by_word = match evaluation.verdict {
            Ok(_) => &mut totals.verdicts,
            Err(_) => &mut totals.failures,
        };
        *by_word.entry(word(evaluation).to_owned()).or_default() += 1;
        for (name, more) in &evaluation.counters {
            if totals.counters.len() < COUNTERS_MAX || totals.counters.contains_key(name) {
                let count = totals.counters.entry(name.clone()).or_default();
                *count = count.saturating_add(*more);
            }
        }
    }

    pub fn not_asked(&self) {
        let totals = &mut self.lock().totals;
        totals.not_asked = totals.not_asked.saturating_add(1);
    }

    /// The canary's answer to the same call. `example`: which message, for people.
    pub fn compare(&self, version: &str, standing: &Evaluation, canary: &Evaluation, example: &str) {
        let mut counts = self.lock();
        if counts.totals.canary.version != version {
            counts.totals.canary = CanaryTotals { version: version.to_owned(), ..CanaryTotals::default() };
            (counts.standing, counts.canary) = Default::default();
        }
        counts.standing.add(microseconds(standing));
        counts.canary.add(microseconds(canary));
        let all = &mut counts.totals.canary;
        all.standing_microseconds = all.standing_microseconds.saturating_add(microseconds(standing));
        all.canary_microseconds = all.canary_microseconds.saturating_add(microseconds(canary));
        if agree(standing, canary) {
            all.agreed = all.agreed.saturating_add(1);
            return;
        }
        all.disagreed = all.disagreed.saturating_add(1);
        if all.examples.len() >= EXAMPLES_MAX {
            all.examples.pop_front();
        }
        let told = |evaluation: &Evaluation| format!("{} {:+.1}", word(evaluation), points(evaluation));
        all.examples.push_back(format!("{example}: {}, canary {}", told(standing), told(canary)));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Median and 99th hundredth.
fn times(histogram: &Histogram) -> (u64, u64) {
    (histogram.quantile(500), histogram.quantile(990))
}

/// The same verdict with the same reason, and the same points but for rounding.
pub fn agree(one: &Evaluation, other: &Evaluation) -> bool {
    let reason = |evaluation: &Evaluation| {
        evaluation.verdict.as_ref().ok().and_then(|verdict| verdict.objection()).map(|objection| objection.reason)
    };
    word(one) == word(other) && reason(one) == reason(other) && (points(one) - points(other)).abs() < 0.001
}
