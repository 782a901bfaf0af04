//! Numbers and sizes between limits: `above` is more than, `below` less than.

use crate::read::Value;

/// Keys of a range. A size has no `equals`: nobody knows one to the byte.
const KEYS: &[&str] = &["above", "below"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Number,
    Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct Range {
    above: Option<f64>,
    below: Option<f64>,
    equals: Option<f64>,
}

impl Range {
    /// `more` may name `equals`.
    pub(super) fn read(value: &Value<'_>, unit: Unit, more: &[&str]) -> Option<Self> {
        let example = if unit == Unit::Bytes { "{ above = \"128KiB\" }" } else { "{ above = 3 }" };
        let table = value.table(example)?;
        table.only(&[KEYS, more].concat());
        let limit = |key: &str| match table.get(key) {
            Some(value) if unit == Unit::Bytes => value.size().map(Some),
            Some(value) => value.number().map(Some),
            None => Some(None),
        };
        let range = Self { above: limit("above")?, below: limit("below")?, equals: limit("equals")? };
        if [range.above, range.below, range.equals].iter().all(Option::is_none) {
            table.complain(format!("limits nothing: write {example}"));
            return None;
        }
        Some(range)
    }

    pub(super) fn holds(&self, number: f64) -> bool {
        self.above.is_none_or(|limit| number > limit)
            && self.below.is_none_or(|limit| number < limit)
            && self.equals.is_none_or(|wanted| (number - wanted).abs() < f64::EPSILON)
    }

    /// `size 18 (above 2048)`, whether it holds or not.
    pub(super) fn explain(&self, what: &str, number: Option<f64>) -> String {
        let limits = [("above", self.above), ("below", self.below), ("equal to", self.equals)];
        let limits = limits.iter().filter_map(|(word, limit)| Some(format!("{word} {}", (*limit)?)));
        let number = number.map(|number| format!(" {number}")).unwrap_or_default();
        format!("{what}{number} ({})", limits.collect::<Vec<_>>().join(" and "))
    }
}
