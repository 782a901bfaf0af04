//! What was learned, in a form that costs a message little: one table of small whole numbers, and the curve that makes
//! a probability of their sum.

use super::example::Example;
use super::train::{self, BIAS, Lesson, Weights};
use crate::tokens::Features;

/// Bits of a place in the table. A message touches the table all over, and each page of it once a call: it stays small.
pub(super) const BITS: u32 = 18;
/// Parts in turn kept aside to find the curve.
const FOLDS: usize = 3;

/// Trained, and never changed.
pub(crate) struct Model {
    weights: Vec<i16>,
    /// What one step of a weight is worth.
    scale: f32,
    bias: f32,
    curve: Curve,
}

/// A logistic curve: the chance of spam by the score (Platt, "Probabilistic outputs for support vector machines", 1999).
#[derive(Clone, Copy, Debug)]
struct Curve {
    slope: f64,
    offset: f64,
}

pub(super) fn fold(feature: u32) -> usize {
    usize::try_from(feature & ((1 << BITS) - 1)).unwrap_or(0)
}

impl Model {
    /// None where there are too few lessons of a class.
    pub(crate) fn train(examples: &[Example], least: usize) -> Option<Self> {
        let lessons: Vec<Lesson<'_>> = examples.iter().map(Lesson::new).collect();
        let spam = lessons.iter().filter(|lesson| lesson.is_spam()).count();
        if spam < least.max(FOLDS) || lessons.len().saturating_sub(spam) < least.max(FOLDS) {
            return None;
        }
        let mut scores = Vec::with_capacity(lessons.len());
        for part in 0..FOLDS {
            let aside = |at: usize| at % FOLDS == part;
            let learned: Vec<&Lesson<'_>> =
                lessons.iter().enumerate().filter(|(at, _)| !aside(*at)).map(|(_, lesson)| lesson).collect();
            let weights = train::separate(&learned);
            let tried = lessons.iter().enumerate().filter(|(at, _)| aside(*at));
            scores.extend(tried.map(|(_, lesson)| (f64::from(lesson.score(&weights)), lesson.is_spam())));
        }
        let all: Vec<&Lesson<'_>> = lessons.iter().collect();
        Some(Self::new(&train::separate(&all), Curve::fit(&scores)))
    }

    fn new(weights: &Weights, curve: Curve) -> Self {
        let highest = weights.of.iter().fold(f32::MIN_POSITIVE, |highest, weight| highest.max(weight.abs()));
        let scale = highest / f32::from(i16::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "no weight is above the highest")]
        let small = weights.of.iter().map(|weight| (weight / scale).round() as i16).collect();
        Self { weights: small, scale, bias: weights.bias * BIAS, curve }
    }

    /// The chance that it is spam, as log odds.
    pub(crate) fn log_odds(&self, features: &Features) -> f64 {
        let counts = features.counts();
        let mut score = self.bias;
        for (block, value) in features.blocks().iter().zip(train::values(counts)) {
            let steps: i32 =
                block.iter().map(|feature| i32::from(self.weights.get(fold(*feature)).copied().unwrap_or(0))).sum();
            #[expect(clippy::cast_precision_loss, reason = "a sum of few small numbers")]
            let sum = steps as f32 * self.scale;
            score += sum * value;
        }
        self.curve.slope * f64::from(score) + self.curve.offset
    }
}

impl Curve {
    /// Newton's method on the likelihood; both classes weigh alike, and no target is quite 0 or 1.
    fn fit(scores: &[(f64, bool)]) -> Self {
        let count = |class: bool| scores.iter().filter(|(_, spam)| *spam == class).count();
        let number = |count: usize| f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX));
        let (spam, ham) = (number(count(true)), number(count(false)));
        let mut curve = Self { slope: 1.0, offset: 0.0 };
        for _ in 0..50 {
            // Gradient and curvature by slope and offset; the small numbers keep it from running away.
            let (mut by_slope, mut by_offset) = (1e-3 * curve.slope, 1e-3 * curve.offset);
            let (mut ss, mut so, mut oo) = (1e-3, 0.0, 1e-3);
            for (score, is_spam) in scores {
                let (target, weight) = match is_spam {
                    true => ((spam + 1.0) / (spam + 2.0), 0.5 / spam),
                    false => (1.0 / (ham + 2.0), 0.5 / ham),
                };
                let chance = 1.0 / (1.0 + (-(curve.slope * score + curve.offset)).exp());
                let error = (chance - target) * weight * (spam + ham);
                let bend = (chance * (1.0 - chance)).max(1e-9) * weight * (spam + ham);
                by_slope += error * score;
                by_offset += error;
                ss += bend * score * score;
                so += bend * score;
                oo += bend;
            }
            let determinant = ss * oo - so * so;
            if determinant.abs() < 1e-12 {
                break;
            }
            let slope = (by_slope * oo - by_offset * so) / determinant;
            let offset = (by_offset * ss - by_slope * so) / determinant;
            curve.slope -= slope.clamp(-5.0, 5.0);
            curve.offset -= offset.clamp(-5.0, 5.0);
            if slope.abs() + offset.abs() < 1e-6 {
                break;
            }
        }
        // A curve that falls would call ham spam: the lessons tell nothing.
        Self { slope: curve.slope.max(0.0), offset: curve.offset }
    }
}
