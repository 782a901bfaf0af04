//! All signatures, ready to be looked for in a file. Built once at load; a search changes nothing in it.

mod builder;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::fragments::Fragments;
use crate::hashes::Hashes;
use crate::kind::Kind;
use crate::logic::Logic;
use crate::pattern::{Chunk, Compiled, Places};
use crate::text;

pub(crate) use builder::Builder;

/// Names told of one file.
const NAMES_MAX: usize = 16;
/// Steps of the search for each byte of a file, beside [`STEPS_MIN`]: signatures with wide gaps could take any time.
const STEPS_PER_BYTE: u64 = 16;
const STEPS_MIN: u64 = 2_000_000;
/// Steps after which the time is looked at.
const STEPS_BETWEEN_LOOKS: u64 = 1 << 18;
/// Bytes of a text that are brought into the form that signatures for text expect.
const TEXT_BYTES_MAX: usize = 20 << 20;

/// What a signature is about.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// The kind of file it is meant for: see [`Kind::takes`].
    pub(crate) target: u8,
    /// Least and greatest size of the file.
    pub(crate) sizes: (u64, u64),
    /// None: one part, which must be there.
    pub(crate) logic: Option<Logic>,
}

/// A pattern of a signature.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its number in the expression.
    pub(crate) number: u8,
    pub(crate) offset: Offset,
    pub(crate) pattern: Compiled,
}

/// Where a pattern may begin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Offset {
    Any,
    FromStart { start: u64, shift: u64 },
    FromEnd { start: u64, shift: u64 },
}

impl Offset {
    /// First and last place in a file of this size.
    fn range(self, size: usize) -> Option<(usize, usize)> {
        let bytes = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (start, shift) = match self {
            Self::Any => return Some((0, usize::MAX)),
            Self::FromStart { start, shift } => (bytes(start), shift),
            Self::FromEnd { start, shift } => (size.checked_sub(bytes(start))?, shift),
        };
        Some((start, start.saturating_add(bytes(shift))))
    }
}

/// A part without its chunks.
#[derive(Debug)]
struct Place {
    rule: u32,
    number: u8,
    offset: Offset,
}

/// A chunk and where it stands in its part.
#[derive(Debug)]
struct Link {
    part: u32,
    /// From 0; the part is found with its last.
    number: u16,
    is_last: bool,
    chunk: Chunk,
}

#[derive(Debug)]
pub(crate) struct Database {
    rules: Box<[Rule]>,
    parts: Box<[Place]>,
    links: Box<[Link]>,
    fragments: Fragments,
    hashes: Hashes,
    harmless: Hashes,
    /// Rules that hold of a file in which nothing is found.
    by_absence: Box<[u32]>,
    /// There are signatures for text, beside the built-in one.
    has_text: bool,
}

/// What was found in a file.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    pub(crate) names: Vec<&'a str>,
    /// The search was not carried to its end.
    pub(crate) cut: Option<Cut>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Steps,
    Time,
}

impl Database {
    /// Whether an `.fp` or `.sfp` list names this file.
    pub(crate) fn is_harmless(&self, data: &[u8]) -> bool {
        self.harmless.find(data).next().is_some()
    }

    /// `has_time` is asked now and then.
    pub(crate) fn find(&self, data: &[u8], kind: Kind, has_time: &dyn Fn() -> bool) -> Found<'_> {
        let mut found = Found { names: self.hashes.find(data).collect(), cut: None };
        self.bodies(data, kind, kind != Kind::Text, has_time, &mut found);
        if self.has_text && matches!(kind, Kind::Html | Kind::Text) {
            let head = data.get(..data.len().min(TEXT_BYTES_MAX)).unwrap_or_default();
            self.bodies(&text::normalized(head, kind == Kind::Html), kind, true, has_time, &mut found);
        }
        found
    }

    /// `own`: also signatures for this kind alone, not only those for any.
    fn bodies<'a>(&'a self, data: &[u8], kind: Kind, own: bool, has_time: &dyn Fn() -> bool, found: &mut Found<'a>) {
        let mut search = Search::default();
        let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let steps_max = size.saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_MIN);
        let is_meant = |rule: &Rule| {
            (own || rule.target == 0) && kind.takes(rule.target) && (rule.sizes.0..=rule.sizes.1).contains(&size)
        };
        let cut = Cell::new(None);
        let go_on = || {
            let has_time = has_time();
            if !has_time {
                cut.set(Some(Cut::Time));
            }
            has_time
        };
        let mut looked = 0;
        let _ = self.fragments.find(data, go_on, |at, link| {
            search.steps = search.steps.saturating_add(1);
            if search.steps > steps_max {
                cut.set(Some(Cut::Steps));
                return ControlFlow::Break(());
            }
            if search.steps.saturating_sub(looked) > STEPS_BETWEEN_LOOKS {
                looked = search.steps;
                if !go_on() {
                    return ControlFlow::Break(());
                }
            }
            self.hit(data, at, link, &is_meant, &mut search);
            ControlFlow::Continue(())
        });
        let touched: BTreeSet<u32> =
            search.counts.keys().map(|(rule, _)| *rule).chain(self.by_absence.iter().copied()).collect();
        for index in touched {
            let Some(rule) = self.rules.get(position(index)).filter(|rule| is_meant(rule)) else { continue };
            let count = |part: usize| search.counts.get(&(index, u8::try_from(part).unwrap_or(u8::MAX))).copied();
            let holds = match &rule.logic {
                None => true,
                Some(logic) => logic.holds(&|part| count(part).unwrap_or(0)),
            };
            if holds && found.names.len() < NAMES_MAX && !found.names.contains(&rule.name.as_str()) {
                found.names.push(&rule.name);
            }
        }
        found.cut = found.cut.or(cut.get());
    }

    /// The fragment of a chunk was found: is the chunk there, at an allowed place, and with it the part?
    fn hit(
        &self,
        data: &[u8],
        at: usize,
        link: u32,
        is_meant: &impl Fn(&Rule) -> bool,
        search: &mut Search,
    ) -> Option<()> {
        let link = self.links.get(position(link))?;
        let part = self.parts.get(position(link.part))?;
        let rule = self.rules.get(position(part.rule)).filter(|rule| is_meant(rule))?;
        let key = (part.rule, part.number);
        if rule.logic.is_none() && search.counts.contains_key(&key) {
            return None;
        }
        let (first, last) = match link.number {
            0 => part.offset.range(data.len())?,
            number => {
                let before = search.ends.get(&(link.part, number.saturating_sub(1)))?;
                (before.saturating_add(position(link.chunk.least_before)), usize::MAX)
            }
        };
        let Places { starts, ends } = link.chunk.places(data, at, &mut search.steps)?;
        if !starts.iter().any(|(low, high)| *low <= last && *high >= first) {
            return None;
        }
        if link.is_last {
            let count = search.counts.entry(key).or_default();
            *count = count.saturating_add(1);
        } else {
            // The earliest end leaves most room for what follows at any distance.
            let (end, _) = ends.first()?;
            let known = search.ends.entry((link.part, link.number)).or_insert(*end);
            *known = (*known).min(*end);
        }
        Some(())
    }
}

/// What is known of a file so far.
#[derive(Default)]
struct Search {
    steps: u64,
    /// Rule and number of a part to how often it was found.
    counts: BTreeMap<(u32, u8), u32>,
    /// Part and number of a chunk to its earliest end.
    ends: BTreeMap<(u32, u16), usize>,
}

fn position(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
