//! From what the classifier says to a symbol with points.

use crate::symbols::Points;
use crate::symbols::Symbol::{self, *};

/// Symbols by the log odds of spam at which they give their own points.
const STEPS: [(f64, Symbol); 8] = [
    (-4.6, BAYES_00),
    (-2.94, BAYES_05),
    (-1.39, BAYES_20),
    (0.0, BAYES_50),
    (1.39, BAYES_80),
    (2.94, BAYES_95),
    (4.6, BAYES_99),
    (6.9, BAYES_999),
];

/// The nearest symbol, and points on the line between its neighbours.
pub(crate) fn graded(points: &Points, log_odds: f64) -> (Symbol, f64) {
    let mut before: Option<(f64, Symbol)> = None;
    for (at, symbol) in STEPS {
        if log_odds < at {
            let Some((from, lower)) = before else { return (symbol, points.of(symbol)) };
            let share = (log_odds - from) / (at - from);
            let mixed = points.of(lower) + share * (points.of(symbol) - points.of(lower));
            return (if share < 0.5 { lower } else { symbol }, mixed);
        }
        before = Some((at, symbol));
    }
    (BAYES_999, points.of(BAYES_999))
}

/// The chance that it is spam.
pub(crate) fn chance(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}
