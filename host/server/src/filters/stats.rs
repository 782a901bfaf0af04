//! What a filter did since the server started: totals for `filter show` and for metrics. Counts; decides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use postwarden_sandbox::Evaluation;
use serde::{Deserialize, Serialize};

/// Counters of a filter's own that are kept; others are dropped.
pub const COUNTERS_MAX: usize = 100;
/// Differences between standing version and canary that are kept, the last ones.
pub const EXAMPLES_MAX: usize = 10;

/// Totals of one slot.
#[derive(Debug, Default)]
pub struct Stats {
    totals: Mutex<Totals>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Totals {
    pub calls: u64,
    /// Sum over all calls.
    pub microseconds: u64,
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
        self.lock().clone()
    }

    pub fn add(&self, evaluation: &Evaluation) {
        let mut totals = self.lock();
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
        let mut totals = self.lock();
        totals.not_asked = totals.not_asked.saturating_add(1);
    }

    /// The canary's answer to the same call. `example`: which message, for people.
    pub fn compare(&self, version: &str, standing: &Evaluation, canary: &Evaluation, example: &str) {
        let mut totals = self.lock();
        if totals.canary.version != version {
            totals.canary = CanaryTotals { version: version.to_owned(), ..CanaryTotals::default() };
        }
        let all = &mut totals.canary;
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same verdict with the same reason, and the same points but for rounding.
pub fn agree(one: &Evaluation, other: &Evaluation) -> bool {
    let reason = |evaluation: &Evaluation| {
        evaluation.verdict.as_ref().ok().and_then(|verdict| verdict.objection()).map(|objection| objection.reason)
    };
    word(one) == word(other) && reason(one) == reason(other) && (points(one) - points(other)).abs() < 0.001
}
