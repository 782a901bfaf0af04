//! The sum of what was found, and what follows from it.

use postwarden_filter::{Answer, EditError, Reason, Transaction, challenge, pass, reject};

use crate::bayes;
use crate::lists::Listed;
use crate::rules::Found;
use crate::settings::Settings;
use crate::symbols::{Points, Symbol};

/// Symbols with points, the strongest finding of each technique first looked for.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) hits: Vec<Hit>,
    is_gtube: bool,
}

#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) symbol: String,
    pub(crate) points: f64,
    pub(crate) detail: Option<String>,
    /// What the symbol means; empty for the operator's own lists.
    pub(crate) meaning: &'static str,
}

impl Verdict {
    /// `weight` is what the rules' points count, save for GTUBE's.
    pub(crate) fn new(points: &Points, found: &Found, weight: f64) -> Self {
        let mut verdict = Self::default();
        for (symbol, detail) in found.iter() {
            let weight = if *symbol == Symbol::GTUBE { 1.0 } else { weight };
            verdict.add(*symbol, hundredth(points.of(*symbol) * weight), detail.clone());
        }
        verdict
    }

    pub(crate) fn add_all(&mut self, points: &Points, found: &Found) {
        for (symbol, detail) in found.iter() {
            self.add(*symbol, points.of(*symbol), detail.clone());
        }
    }

    /// Symbols without points are switched off.
    pub(crate) fn add(&mut self, symbol: Symbol, points: f64, detail: Option<String>) {
        if points != 0.0 {
            self.is_gtube |= symbol == Symbol::GTUBE;
            self.hits.push(Hit { symbol: symbol.name().to_owned(), points, detail, meaning: symbol.meaning() });
        }
    }

    pub(crate) fn bayes(&mut self, points: &Points, log_odds: f64) {
        let (symbol, points) = bayes::graded(points, log_odds);
        self.add(symbol, hundredth(points), Some(format!("{:.4}", bayes::chance(log_odds))));
    }

    pub(crate) fn lists(&mut self, listed: Vec<Listed>) {
        let hit = |Listed { symbol, points, what }| Hit { symbol, points, detail: Some(what), meaning: "" };
        self.hits.extend(listed.into_iter().map(hit));
    }

    pub(crate) fn sum(&self) -> f64 {
        self.hits.iter().map(|hit| hit.points).sum()
    }

    /// Tells the host. What is above its limit of symbols does not count.
    pub(crate) fn score(&self, transaction: &Transaction) -> Result<(), EditError> {
        for hit in &self.hits {
            match transaction.add_score(&hit.symbol, hit.points, hit.detail.as_deref()) {
                Err(EditError::LimitExceeded) => break,
                other => other?,
            }
        }
        Ok(())
    }

    pub(crate) fn decide(&self, settings: &Settings) -> Answer {
        let sum = self.sum();
        let reached = |limit: Option<f64>| limit.is_some_and(|limit| sum >= limit);
        if self.is_gtube {
            reject(Reason::Spam).detail("the GTUBE test string").into()
        } else if reached(settings.reject_at) {
            reject(Reason::Spam).detail(format!("{sum:.1} points")).into()
        } else if reached(settings.challenge_at) {
            challenge(Reason::Spam).detail(format!("{sum:.1} points")).into()
        } else {
            pass()
        }
    }
}

fn hundredth(points: f64) -> f64 {
    (points * 100.0).round() / 100.0
}
