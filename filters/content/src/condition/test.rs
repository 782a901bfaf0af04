//! Tests of a text: operators that must all hold for the same value, each with one text or a list of alternatives.

use crate::needles::{Needle, Needles};
use crate::pattern::Pattern;
use crate::read::Value;
use crate::text::{Text, clean, fold};
use crate::wildcard::Wildcard;

/// Operators of every text. A header has `above` and `below` too.
pub(crate) const OPERATORS: &[&str] = &["contains", "equals", "exists", "regex", "wildcard", "word"];

/// Alternatives that an explanation lists.
const SHOWN_MAX: usize = 3;
/// Characters of each.
const SHOWN_CHARACTERS_MAX: usize = 60;

#[derive(Debug)]
pub(crate) struct Test {
    /// False: there must be no value at all.
    exists: bool,
    operators: Vec<Operator>,
}

#[derive(Debug)]
enum Operator {
    Contains(Vec<(Needle, String)>),
    Word(Vec<(Needle, String)>),
    /// Folded.
    Equals(Vec<String>),
    Wildcard(Vec<Wildcard>),
    Regex(Vec<Pattern>),
    Above(f64),
    Below(f64),
}

impl Test {
    /// A text or a list of texts means `equals`. `more` are the keys that this place has beside the operators.
    pub(super) fn read(value: &Value<'_>, more: &[&str]) -> Option<Self> {
        let Some(table) = value.as_table() else {
            return Some(Self { exists: true, operators: vec![Operator::Equals(value.texts(equal))] });
        };
        table.only(&[OPERATORS, more].concat());
        let exists = match table.get("exists") {
            Some(exists) => Some(exists.bool()?),
            None => None,
        };
        let keys = table.values().filter(|(key, _)| OPERATORS.contains(key) || more.contains(key));
        let operators: Vec<_> = keys.filter_map(|(key, value)| Operator::read(key, &value)).collect();
        match exists {
            None if operators.is_empty() => {
                table.complain(format!("tests nothing: add one of {}", OPERATORS.join(", ")));
                None
            }
            Some(false) if !operators.is_empty() => {
                table.complain("exists = false leaves nothing to compare");
                None
            }
            exists => Some(Self { exists: exists.unwrap_or(true), operators }),
        }
    }

    pub(super) fn holds(&self, values: &[Text], needles: &Needles) -> bool {
        match self.exists {
            true => values.iter().any(|value| self.fits(value, needles)),
            false => values.is_empty(),
        }
    }

    fn fits(&self, value: &Text, needles: &Needles) -> bool {
        self.operators.iter().all(|operator| operator.which(value, needles).is_some())
    }

    /// With the alternative that holds, where one does.
    pub(super) fn explain(&self, what: &str, values: &[Text], needles: &Needles) -> String {
        if self.operators.is_empty() {
            return format!("{what} {}", if self.exists { "exists" } else { "does not exist" });
        }
        let value = values.iter().find(|value| self.fits(value, needles));
        let of = |operator: &Operator| operator.explain(value.and_then(|value| operator.which(value, needles)));
        format!("{what} {}", self.operators.iter().map(of).collect::<Vec<_>>().join(" and "))
    }
}

impl Operator {
    fn read(key: &str, value: &Value<'_>) -> Option<Self> {
        let needle = |text: &str| {
            let needle = value.reader.needles.borrow_mut().add(text);
            needle.map(|needle| (needle, text.to_owned())).ok_or_else(|| "is empty: every text contains it".to_owned())
        };
        Some(match key {
            "contains" => Self::Contains(value.texts(needle)),
            "word" => Self::Word(value.texts(|text| needle(text.trim()))),
            "equals" => Self::Equals(value.texts(equal)),
            "wildcard" => Self::Wildcard(value.texts(|text| Ok(Wildcard::new(text)))),
            "regex" => Self::Regex(value.texts(|text| Pattern::new(text, &mut value.reader.needles.borrow_mut()))),
            "above" => Self::Above(value.number()?),
            "below" => Self::Below(value.number()?),
            _ => return None,
        })
    }

    /// The alternative that holds.
    fn which(&self, text: &Text, needles: &Needles) -> Option<usize> {
        match self {
            Self::Contains(all) => {
                let found = text.found(needles);
                all.iter().position(|(needle, _)| found.has(*needle))
            }
            Self::Word(all) => {
                let found = text.found(needles);
                all.iter().position(|(needle, _)| found.has_word(*needle))
            }
            Self::Equals(all) => all.iter().position(|wanted| wanted == text.folded().trim()),
            Self::Wildcard(all) => all.iter().position(|mask| mask.fits(text.folded().trim())),
            Self::Regex(all) => all.iter().position(|pattern| pattern.holds(text, needles)),
            Self::Above(limit) => (number(text)? > *limit).then_some(0),
            Self::Below(limit) => (number(text)? < *limit).then_some(0),
        }
    }

    fn explain(&self, which: Option<usize>) -> String {
        fn listed<T>(verb: &str, all: &[T], which: Option<usize>, source: impl Fn(&T) -> &str) -> String {
            let shown = |one: &T| {
                let text: String = source(one).chars().take(SHOWN_CHARACTERS_MAX).collect();
                format!("\"{text}\"")
            };
            if let Some(one) = which.and_then(|which| all.get(which)) {
                return format!("{verb} {}", shown(one));
            }
            let more = if all.len() > SHOWN_MAX { " or …" } else { "" };
            let all: Vec<_> = all.iter().take(SHOWN_MAX).map(shown).collect();
            format!("{verb} {}{more}", all.join(" or "))
        }
        match self {
            Self::Contains(all) => listed("contains", all, which, |(_, text)| text),
            Self::Word(all) => listed("has the word", all, which, |(_, text)| text),
            Self::Equals(all) => listed("equals", all, which, |text| text),
            Self::Wildcard(all) => listed("fits", all, which, Wildcard::source),
            Self::Regex(all) => listed("matches", all, which, Pattern::source),
            Self::Above(limit) => format!("is above {limit}"),
            Self::Below(limit) => format!("is below {limit}"),
        }
    }
}

fn equal(text: &str) -> Result<String, String> {
    let folded = fold(&clean(text)).trim().to_owned();
    if folded.is_empty() { Err("is empty: what is not there is exists = false".to_owned()) } else { Ok(folded) }
}

/// The number a text begins with, as in `5.3 (hits: 4)`.
fn number(text: &Text) -> Option<f64> {
    text.clean().split_whitespace().next()?.parse().ok().filter(|number: &f64| number.is_finite())
}
