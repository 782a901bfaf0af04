//! How long calls take, in a fixed number of counters: each time is known to a sixteenth of itself. Counts only.

/// Counters of one power of two.
const STEPS: usize = 16;
/// Longer times (2^36 µs are 19 hours) count as this.
const VALUE_MAX: u64 = (1 << 36) - 1;
/// 0 to 15 have a counter each; then sixteen for each power of two from 2^4 to 2^35.
const COUNTERS: usize = STEPS + (36 - 4) * STEPS;

pub(super) struct Histogram {
    counters: Box<[u64]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counters: vec![0; COUNTERS].into(), total: 0 }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, value: u64) {
        if let Some(counter) = self.counters.get_mut(place(value)) {
            *counter = counter.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
    }

    /// So many of a thousand values are at most this; 0 where there are none.
    pub(super) fn quantile(&self, thousandths: u64) -> u64 {
        let rank = self.total.saturating_mul(thousandths).div_ceil(1000).max(1);
        let mut seen = 0_u64;
        for (place, count) in self.counters.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= rank {
                return highest(place);
            }
        }
        0
    }
}

fn place(value: u64) -> usize {
    let value = value.min(VALUE_MAX);
    let number = |value: u64| usize::try_from(value).unwrap_or(COUNTERS);
    match value.checked_ilog2() {
        Some(power) if power >= 4 => {
            let shift = power - 4;
            number(u64::from(shift) << 4).saturating_add(number(value >> shift))
        }
        _ => number(value),
    }
}

/// The largest value that is counted there.
fn highest(place: usize) -> u64 {
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    let Some(shift) = (place >> 4).checked_sub(1) else { return place };
    (((place & 15) + 17) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_a_place_that_names_it_to_a_sixteenth() {
        let mut last = 0;
        for value in (0..5_000).chain((13..36).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            let place = place(value);
            assert!(place >= last || value < 5_000, "{value}");
            last = place;
            assert!((value..=value + value / 16).contains(&highest(place)), "{value} is told as {}", highest(place));
        }
        assert_eq!(place(u64::MAX), COUNTERS - 1);
        assert_eq!(highest(COUNTERS - 1), VALUE_MAX);
    }

    #[test]
    fn the_median_and_the_slowest_hundredth() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile(500), 0);
        (1..=98).for_each(|_| times.add(10));
        (1..=2).for_each(|_| times.add(5_000));
        assert_eq!((times.quantile(500), times.quantile(980)), (10, 10));
        assert!((5_000..5_313).contains(&times.quantile(990)), "{}", times.quantile(990));
    }
}
