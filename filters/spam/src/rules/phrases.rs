//! Rules about phrases: what certain kinds of spam cannot help saying. One pass over the text finds all of them.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use crate::mail::Mail;
use crate::rules::Found;
use crate::symbols::Symbol::{self, PHRASES_OFFER, PHRASES_OFFER_MANY};
use crate::symbols::TABLE;

/// `[SYMBOL least]` and its phrases.
const PHRASES: &str = include_str!("phrases.txt");

/// Phrases of offers that are many.
const MANY: usize = 5;
/// Different phrases told in the detail.
const TOLD_MAX: usize = 3;

/// Built when the filter is configured, and part of its snapshot from then on.
static FINDER: LazyLock<Finder> = LazyLock::new(|| Finder::new(PHRASES));

#[derive(Default)]
struct Finder {
    /// None if it could not be built, which a test would show.
    automaton: Option<AhoCorasick>,
    groups: Vec<(Symbol, usize)>,
    /// The group of each phrase.
    of: Vec<usize>,
}

impl Finder {
    fn new(text: &str) -> Self {
        let mut finder = Self::default();
        let mut patterns = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, least)) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')?.split_once(' '))
            {
                let symbol = TABLE.iter().find(|(_, known, ..)| *known == name).map(|(symbol, ..)| *symbol);
                finder.groups.extend(symbol.zip(least.parse().ok()));
                continue;
            }
            for phrase in line.split(',').map(str::trim).filter(|phrase| !phrase.is_empty()) {
                patterns.push(format!(" {phrase}"));
                finder.of.push(finder.groups.len().saturating_sub(1));
            }
        }
        let mut builder = AhoCorasickBuilder::new();
        // Small: what a message touches of it is copied for each call.
        builder.kind(Some(AhoCorasickKind::ContiguousNFA)).match_kind(MatchKind::Standard);
        finder.automaton = builder.build(&patterns).ok();
        finder
    }
}

/// Builds what every message needs.
pub(crate) fn prepare() {
    LazyLock::force(&FINDER);
}

pub(super) fn find(mail: &Mail, found: &mut Found) {
    let Finder { automaton: Some(automaton), groups, of } = &*FINDER else { return };
    let mut text = String::with_capacity(mail.text.len());
    words_with_spaces(&mail.subject, &mut text);
    words_with_spaces(&mail.text, &mut text);
    let mut seen = vec![false; of.len()];
    let mut hits: Vec<Vec<&str>> = vec![Vec::new(); groups.len()];
    for hit in automaton.find_overlapping_iter(&text) {
        let ends = text.as_bytes().get(hit.end()).is_none_or(|byte| *byte == b' ');
        let pattern = hit.pattern().as_usize();
        if let (true, Some(seen), Some(group)) = (ends, seen.get_mut(pattern), of.get(pattern))
            && !std::mem::replace(seen, true)
            && let Some(hits) = hits.get_mut(*group)
        {
            hits.push(text.get(hit.start()..hit.end()).unwrap_or_default().trim());
        }
    }
    for ((symbol, least), hits) in groups.iter().zip(hits) {
        if hits.len() >= *least {
            let told = hits.get(..TOLD_MAX.min(hits.len())).unwrap_or_default();
            found.with(*symbol, Some(told.join(", ")));
            found.add_if(*symbol == PHRASES_OFFER && hits.len() >= MANY, PHRASES_OFFER_MANY);
        }
    }
}

/// Lower case, one space between words and before the first; `$` and `%` stay.
fn words_with_spaces(text: &str, into: &mut String) {
    let mut gap = true;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '$' | '%') || !c.is_ascii() && c.is_alphanumeric() {
            if std::mem::take(&mut gap) {
                into.push(' ');
            }
            into.push(c.to_ascii_lowercase());
        } else {
            gap = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_is_understood() {
        let finder = Finder::new(PHRASES);
        let headings = PHRASES.lines().filter(|line| line.starts_with('[')).count();
        assert_eq!(finder.groups.len(), headings);
        assert!(finder.automaton.is_some());
        let odd = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ' ' | '$' | '%' | ','));
        let lines = PHRASES.lines().filter(|line| !line.starts_with(['[', '#']));
        assert_eq!(lines.filter(|line| line.contains(odd)).collect::<Vec<_>>(), [""; 0]);
    }
}
