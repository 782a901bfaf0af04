//! The expression of a logical signature: `0&(1|2>3)&4=0`. Parses it and decides it from the count of each part.

use crate::signatures::hex::{Unused, malformed};

/// Parentheses in each other.
const DEPTH_MAX: usize = 32;
/// Parts of one signature, as in ClamAV.
pub(crate) const PARTS_MAX: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    Part(usize),
    All(Vec<Logic>),
    Any(Vec<Logic>),
    /// The matches of what it is about, and how many different parts must have one.
    Count {
        of: Box<Logic>,
        compare: Compare,
        number: u32,
        different: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    More,
    Fewer,
}

/// What an expression comes to.
struct Value {
    holds: bool,
    matches: u32,
    different: u32,
}

impl Logic {
    /// `parts` is how many subsignatures there are.
    pub(crate) fn parse(text: &str, parts: usize) -> Result<Self, Unused> {
        let mut reader = Reader { rest: text.as_bytes(), parts };
        let logic = reader.expression(0)?;
        if reader.rest.is_empty() { Ok(logic) } else { Err(malformed(format!("\"{text}\" is no expression"))) }
    }

    /// `count` tells how often a part was found.
    pub(crate) fn holds(&self, count: &impl Fn(usize) -> u32) -> bool {
        self.value(count).holds
    }

    fn value(&self, count: &impl Fn(usize) -> u32) -> Value {
        match self {
            Self::Part(part) => {
                let matches = count(*part);
                Value { holds: matches > 0, matches, different: u32::from(matches > 0) }
            }
            Self::All(items) => sum(items, count, |found, item| found && item, true),
            Self::Any(items) => sum(items, count, |found, item| found || item, false),
            Self::Count { of, compare, number, different } => {
                let value = of.value(count);
                let holds = match compare {
                    Compare::Equal => value.matches == *number,
                    Compare::More => value.matches > *number,
                    Compare::Fewer => value.matches < *number,
                };
                Value { holds: holds && value.different >= *different, ..value }
            }
        }
    }
}

fn sum(items: &[Logic], count: &impl Fn(usize) -> u32, join: fn(bool, bool) -> bool, start: bool) -> Value {
    items.iter().map(|item| item.value(count)).fold(Value { holds: start, matches: 0, different: 0 }, |sum, item| {
        Value {
            holds: join(sum.holds, item.holds),
            matches: sum.matches.saturating_add(item.matches),
            different: sum.different.saturating_add(item.different),
        }
    })
}

struct Reader<'a> {
    rest: &'a [u8],
    parts: usize,
}

impl Reader<'_> {
    fn take(&mut self, wanted: u8) -> bool {
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }

    /// Terms from left to right; where `&` and `|` are mixed, each takes all before it.
    fn expression(&mut self, depth: usize) -> Result<Logic, Unused> {
        if depth > DEPTH_MAX {
            return Err(Unused::Unsupported("an expression of more than 32 levels"));
        }
        let mut logic = self.term(depth)?;
        loop {
            if self.take(b'&') {
                let next = self.term(depth)?;
                logic = match logic {
                    Logic::All(mut items) => {
                        items.push(next);
                        Logic::All(items)
                    }
                    other => Logic::All(vec![other, next]),
                };
            } else if self.take(b'|') {
                let next = self.term(depth)?;
                logic = match logic {
                    Logic::Any(mut items) => {
                        items.push(next);
                        Logic::Any(items)
                    }
                    other => Logic::Any(vec![other, next]),
                };
            } else {
                return Ok(logic);
            }
        }
    }

    fn term(&mut self, depth: usize) -> Result<Logic, Unused> {
        let term = if self.take(b'(') {
            let inner = self.expression(depth.saturating_add(1))?;
            if !self.take(b')') {
                return Err(malformed("a parenthesis without its second"));
            }
            // A group stays one where others follow.
            Logic::Any(vec![inner])
        } else {
            let part = usize::try_from(self.number()?).unwrap_or(usize::MAX);
            if part >= self.parts {
                return Err(malformed(format!("there is no subsignature {part}")));
            }
            Logic::Part(part)
        };
        let compare = match self.rest.first() {
            Some(b'=') => Compare::Equal,
            Some(b'>') => Compare::More,
            Some(b'<') => Compare::Fewer,
            _ => return Ok(term),
        };
        self.rest = self.rest.get(1..).unwrap_or_default();
        let number = self.number()?;
        let different = if self.take(b',') { self.number()? } else { 0 };
        Ok(Logic::Count { of: Box::new(term), compare, number, different })
    }

    fn number(&mut self) -> Result<u32, Unused> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at_checked(digits).unwrap_or_default();
        self.rest = rest;
        let number = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| malformed("a number is missing in the expression"))
    }
}
