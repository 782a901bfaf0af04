//! Finds the weights: a linear support vector machine with squared hinge loss, solved in its dual one example at a time
//! (Hsieh and others, "A dual coordinate descent method for large-scale linear SVM", ICML 2008). Both classes count
//! alike however many there are of each. The same lessons give the same weights on every machine.

use super::example::Example;
use super::model::{BITS, fold};
use crate::tokens::BLOCKS;

/// How much an error costs beside a large margin.
const COST: f32 = 10.0;
/// Walks over all examples.
const EPOCHS: usize = 6;
/// The constant feature.
pub(super) const BIAS: f32 = 0.3;

/// An example with what is known before training.
pub(super) struct Lesson<'a> {
    example: &'a Example,
    target: f32,
    /// The value of each feature of a block.
    values: [f32; BLOCKS],
    /// Squared length of the vector.
    length: f32,
}

pub(super) struct Weights {
    pub(super) of: Vec<f32>,
    pub(super) bias: f32,
}

impl<'a> Lesson<'a> {
    pub(super) fn new(example: &'a Example) -> Self {
        let mut counts = [0_u16; BLOCKS];
        example.each(|block, _| {
            if let Some(count) = counts.get_mut(block) {
                *count = count.saturating_add(1);
            }
        });
        let values = values(counts);
        let length = counts.iter().zip(values).map(|(count, value)| f32::from(*count) * value * value).sum();
        let target = if example.is_spam() { 1.0 } else { -1.0 };
        Self { example, target, values, length }
    }

    pub(super) fn is_spam(&self) -> bool {
        self.target > 0.0
    }

    pub(super) fn score(&self, weights: &Weights) -> f32 {
        let mut sums = [0.0; BLOCKS];
        self.example.each(|block, feature| {
            if let (Some(sum), Some(weight)) = (sums.get_mut(block), weights.of.get(fold(feature))) {
                *sum += weight;
            }
        });
        weights.bias * BIAS + sums.iter().zip(self.values).map(|(sum, value)| sum * value).sum::<f32>()
    }

    fn add(&self, step: f32, weights: &mut Weights) {
        let steps = self.values.map(|value| value * step);
        self.example.each(|block, feature| {
            if let (Some(step), Some(weight)) = (steps.get(block), weights.of.get_mut(fold(feature))) {
                *weight += step;
            }
        });
        weights.bias += step * BIAS;
    }
}

/// The value of each feature of a block. At -0.5 each block would be a vector of length one, however many features it has;
/// a little above it, what says more counts a little more.
pub(super) fn values(counts: [u16; BLOCKS]) -> [f32; BLOCKS] {
    counts.map(|count| f32::from(count.max(1)).powf(-0.4))
}

/// The weights that tell the two classes of these lessons apart.
pub(super) fn separate(lessons: &[&Lesson<'_>]) -> Weights {
    let mut weights = Weights { of: vec![0.0; 1 << BITS], bias: 0.0 };
    let spam = lessons.iter().filter(|lesson| lesson.is_spam()).count();
    let share = |count: usize| ratio(lessons.len(), 2 * count.max(1));
    let costs = [COST * share(lessons.len().saturating_sub(spam)), COST * share(spam)];
    let mut duals = vec![0.0_f32; lessons.len()];
    let mut order: Vec<usize> = (0..lessons.len()).collect();
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for _ in 0..EPOCHS {
        dice.shuffle(&mut order);
        for &at in &order {
            let (Some(lesson), Some(dual)) = (lessons.get(at), duals.get_mut(at)) else { continue };
            let slack = 0.5 / if lesson.is_spam() { costs[1] } else { costs[0] };
            let gradient = lesson.target * lesson.score(&weights) - 1.0 + *dual * slack;
            let next = (*dual - gradient / (lesson.length + BIAS * BIAS + slack)).max(0.0);
            let step = (next - *dual) * lesson.target;
            *dual = next;
            if step != 0.0 {
                lesson.add(step, &mut weights);
            }
        }
    }
    weights
}

fn ratio(a: usize, b: usize) -> f32 {
    f32::from(u16::try_from(a).unwrap_or(u16::MAX)) / f32::from(u16::try_from(b).unwrap_or(u16::MAX))
}

/// Always throws the same.
struct Dice(u64);

impl Dice {
    fn shuffle(&mut self, order: &mut [usize]) {
        for last in (1..order.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            order.swap(last, usize::try_from(self.0 % bound).unwrap_or(0));
        }
    }
}
