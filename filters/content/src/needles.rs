//! All texts that rules look for, in one automaton: a text is read once, however many rules there are.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::text::{clean, fold};

/// Bytes of all needles for which the larger and faster automaton is built.
const FAST_BYTES_MAX: usize = 16 << 10;

/// A text to look for, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Needle(usize);

/// Collects needles while rules are read.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    known: BTreeMap<String, usize>,
    bytes: usize,
}

impl Builder {
    /// None: nothing is left of it when it is folded, and nothing is everywhere.
    pub(crate) fn add(&mut self, text: &str) -> Option<Needle> {
        let folded = fold(&clean(text));
        if folded.is_empty() {
            return None;
        }
        let next = self.known.len();
        self.bytes = self.bytes.saturating_add(folded.len());
        Some(Needle(*self.known.entry(folded).or_insert(next)))
    }

    /// The error is for the operator.
    pub(crate) fn build(self) -> Result<Needles, String> {
        let count = self.known.len();
        if count == 0 {
            return Ok(Needles::default());
        }
        let mut texts = vec![String::new(); count];
        for (text, at) in self.known {
            if let Some(slot) = texts.get_mut(at) {
                *slot = text;
            }
        }
        let fast = self.bytes <= FAST_BYTES_MAX;
        let kind = if fast { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).kind(Some(kind)).build(&texts);
        let automaton = automaton.map_err(|error| format!("the words of all rules are too many: {error}"))?;
        Ok(Needles { automaton: Some(automaton), count })
    }
}

/// All needles of all rules.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    automaton: Option<AhoCorasick>,
    count: usize,
}

impl Needles {
    /// `text` is folded.
    pub(crate) fn find(&self, text: &str) -> Found {
        let mut found = Found::new(self.count);
        let Some(automaton) = &self.automaton else { return found };
        for hit in automaton.find_overlapping_iter(text) {
            let needle = hit.pattern().as_usize();
            set(&mut found.anywhere, needle);
            if !is_set(&found.words, needle) && is_word(text, hit.start(), hit.end()) {
                set(&mut found.words, needle);
            }
        }
        found
    }
}

/// Whether no letter, digit or underscore goes on at either end.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let before = text.get(..start).and_then(|text| text.chars().next_back());
    let after = text.get(end..).and_then(|text| text.chars().next());
    !inside(before) && !inside(after)
}

/// The needles of one text.
#[derive(Debug)]
pub(crate) struct Found {
    anywhere: Vec<u64>,
    words: Vec<u64>,
}

impl Found {
    fn new(count: usize) -> Self {
        let words = count.div_ceil(64);
        Self { anywhere: vec![0; words], words: vec![0; words] }
    }

    pub(crate) fn has(&self, needle: Needle) -> bool {
        is_set(&self.anywhere, needle.0)
    }

    pub(crate) fn has_word(&self, needle: Needle) -> bool {
        is_set(&self.words, needle.0)
    }
}

fn set(bits: &mut [u64], at: usize) {
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}

fn is_set(bits: &[u64], at: usize) -> bool {
    bits.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn needles_in_needles_are_found_and_words_have_two_ends() {
        let mut builder = Builder::default();
        let [pot, jackpot, jack] = ["POT", "jackpot", "jack"].map(|text| builder.add(text).unwrap());
        assert_eq!(builder.add("Jackpot"), Some(jackpot));
        assert_eq!(builder.add("\u{200b}"), None);
        let needles = builder.build().unwrap();
        let found = needles.find("a jackpot, a pot_ and jackpots");
        assert!([pot, jackpot, jack].iter().all(|needle| found.has(*needle)));
        assert!(found.has_word(jackpot) && !found.has_word(jack) && !found.has_word(pot));
    }
}
