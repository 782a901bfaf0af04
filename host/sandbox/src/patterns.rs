//! Sets of byte patterns: listed while a filter is configured, kept with its compiled code, built once a version, searched
//! by its calls. Knows no guest; who pays for a search is `import/patterns.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};

/// Sets of one filter, bytes of a set's name, patterns of all sets, and their bytes.
const SETS_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 64;
const PATTERNS_MAX: usize = 1_000_000;
const BYTES_MAX: usize = 32 << 20;
/// Bytes of one pattern: so many are looked at twice between one piece of a text and the next.
pub(crate) const PATTERN_BYTES_MAX: usize = 4096;

/// What was defined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    sets: BTreeMap<String, List>,
    count: usize,
    bytes: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct List {
    ignore_case: bool,
    patterns: Vec<Vec<u8>>,
}

/// Why patterns are not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Limit,
    Invalid(String),
}

/// What is searched for.
#[derive(Default)]
pub(crate) struct Sets(BTreeMap<String, Set>);

pub(crate) struct Set {
    automaton: AhoCorasick,
    longest: usize,
}

impl Lists {
    pub(crate) fn add(&mut self, set: &str, patterns: Vec<Vec<u8>>, ignore_case: bool) -> Result<(), Refusal> {
        if set.is_empty() || set.len() > NAME_BYTES_MAX {
            return Err(Refusal::Invalid(format!("a set's name has 1 to {NAME_BYTES_MAX} bytes")));
        }
        if let Some(odd) = patterns.iter().position(|pattern| !(1..=PATTERN_BYTES_MAX).contains(&pattern.len())) {
            return Err(Refusal::Invalid(format!("pattern {odd} of these has not 1 to {PATTERN_BYTES_MAX} bytes")));
        }
        let count = self.count.saturating_add(patterns.len());
        let bytes = patterns.iter().map(Vec::len).fold(self.bytes, usize::saturating_add);
        let more = !self.sets.contains_key(set) && self.sets.len() >= SETS_MAX;
        if more || count > PATTERNS_MAX || bytes > BYTES_MAX {
            return Err(Refusal::Limit);
        }
        let fresh = List { ignore_case, patterns: Vec::new() };
        let list = self.sets.entry(set.to_owned()).or_insert(fresh);
        if list.ignore_case != ignore_case {
            return Err(Refusal::Invalid(format!("the set {set:?} has another ignore-case already")));
        }
        list.patterns.extend(patterns);
        (self.count, self.bytes) = (count, bytes);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Takes long for large sets: not on a session's thread.
    pub(crate) fn build(&self) -> Result<Sets, String> {
        let mut sets = BTreeMap::new();
        for (name, list) in &self.sets {
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .start_kind(StartKind::Unanchored)
                .ascii_case_insensitive(list.ignore_case)
                .build(&list.patterns)
                .map_err(|error| format!("the patterns {name:?} cannot be searched for: {error}"))?;
            let longest = list.patterns.iter().map(Vec::len).max().unwrap_or(0);
            sets.insert(name.clone(), Set { automaton, longest });
        }
        Ok(Sets(sets))
    }

    /// For the file beside the compiled code.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.saturating_add(self.count.saturating_mul(4)));
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        for (name, list) in &self.sets {
            bytes.extend_from_slice(&number(name.len()));
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(u8::from(list.ignore_case));
            bytes.extend_from_slice(&number(list.patterns.len()));
            for pattern in &list.patterns {
                bytes.extend_from_slice(&number(pattern.len()));
                bytes.extend_from_slice(pattern);
            }
        }
        bytes
    }

    /// None: not what [`Lists::to_bytes`] wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut lists = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let name = std::str::from_utf8(piece(&mut rest)?).ok()?;
            let (flag, behind) = rest.split_first()?;
            let (count, behind) = behind.split_first_chunk()?;
            rest = behind;
            let mut patterns = Vec::new();
            for _ in 0..u32::from_le_bytes(*count) {
                patterns.push(piece(&mut rest)?.to_vec());
            }
            lists.add(name, patterns, *flag == 1).ok()?;
        }
        Some(lists)
    }
}

fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (piece, behind) = behind.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *rest = behind;
    Some(piece)
}

impl Sets {
    pub(crate) fn get(&self, name: &str) -> Option<&Set> {
        self.0.get(name)
    }
}

/// One search through one text, in steps.
pub(crate) struct Search<'a> {
    set: &'a Set,
    every: bool,
    limit: usize,
    seen: BTreeSet<u32>,
    /// Pattern and place of its first byte.
    pub(crate) found: Vec<(u32, u64)>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(set: &'a Set, every: bool, limit: usize) -> Self {
        Self { set, every, limit, seen: BTreeSet::new(), found: Vec::new() }
    }

    /// Bytes before a piece that must be looked at with it.
    pub(crate) fn overlap(&self) -> usize {
        self.set.longest.saturating_sub(1)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.found.len() >= self.limit
    }

    /// What ends in `text` behind its first `known` bytes; `start` is the place of the text in the whole. Goes on where
    /// `state` is, at most so many matches far. True: there may be more.
    pub(crate) fn step(
        &mut self,
        text: &[u8],
        span: Range<usize>,
        known: usize,
        start: u64,
        state: &mut OverlappingState,
        steps: usize,
    ) -> bool {
        let input = || Input::new(text).span(span.clone()).anchored(Anchored::No);
        for _ in 0..steps {
            if self.is_over() || self.set.automaton.try_find_overlapping(input(), state).is_err() {
                return false;
            }
            let Some(found) = state.get_match() else { return false };
            let pattern = u32::try_from(found.pattern().as_usize()).unwrap_or(u32::MAX);
            if found.end() > known && (self.every || self.seen.insert(pattern)) {
                let place = u64::try_from(found.start()).unwrap_or(u64::MAX);
                self.found.push((pattern, start.saturating_add(place)));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn lists() -> Lists {
        let mut lists = Lists::default();
        let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect();
        lists.add("a", words(&["he", "she", "hers"]), false).unwrap();
        lists.add("A", words(&["He"]), true).unwrap();
        lists.add("a", words(&["us"]), false).unwrap();
        lists
    }

    fn search(set: &str, text: &[u8], every: bool, limit: usize) -> Vec<(u32, u64)> {
        let sets = lists().build().unwrap();
        let mut search = Search::new(sets.get(set).unwrap(), every, limit);
        let mut state = OverlappingState::start();
        while search.step(text, 0..text.len(), 0, 0, &mut state, 2) {}
        search.found
    }

    #[test]
    fn overlapping_places_in_the_order_of_their_ends() {
        assert_eq!(search("a", b"ushers he", true, 99), [(3, 0), (1, 1), (0, 2), (2, 2), (0, 7)]);
        assert_eq!(search("a", b"ushers he", false, 99), [(3, 0), (1, 1), (0, 2), (2, 2)]);
        assert_eq!(search("a", b"ushers he", true, 2), [(3, 0), (1, 1)]);
        assert_eq!(search("a", b"USHERS", true, 9), []);
        assert_eq!(search("A", b"USHERS hE", true, 9), [(0, 2), (0, 7)]);
        assert_eq!(search("a", b"", true, 9), []);
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let lists = lists();
        let bytes = lists.to_bytes();
        assert_eq!(Lists::from_bytes(&bytes).unwrap(), lists);
        assert!(Lists::from_bytes(&[]).unwrap().is_empty());
        for end in 1..bytes.len() {
            assert!(Lists::from_bytes(&bytes[..end]).is_none_or(|cut| cut != lists));
        }
        assert!(Lists::from_bytes(&[255; 64]).is_none());
    }

    #[test]
    fn sets_have_limits_and_a_form() {
        let mut lists = lists();
        let one = || vec![b"x".to_vec()];
        assert!(matches!(lists.add("", one(), false), Err(Refusal::Invalid(_))));
        assert!(matches!(lists.add("a", one(), true), Err(Refusal::Invalid(_))));
        assert!(matches!(lists.add("a", vec![Vec::new()], false), Err(Refusal::Invalid(_))));
        assert!(matches!(lists.add("a", vec![vec![0; PATTERN_BYTES_MAX + 1]], false), Err(Refusal::Invalid(_))));
        assert_eq!(
            lists.add("a", vec![vec![0; PATTERN_BYTES_MAX]; BYTES_MAX / PATTERN_BYTES_MAX], false),
            Err(Refusal::Limit)
        );
        for number in 2..SETS_MAX {
            lists.add(&number.to_string(), one(), false).unwrap();
        }
        assert_eq!(lists.add("more", one(), false), Err(Refusal::Limit));
        assert_eq!(lists.add("a", vec![one().remove(0); PATTERNS_MAX], false), Err(Refusal::Limit));
    }
}
