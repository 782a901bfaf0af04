//! A body signature that can be tried: chunks with a fixed fragment each, which is looked for, and what must stand before
//! and after it. Never walks back: all places that are still possible are carried along, so a try costs at most the sum
//! of its gaps.

mod compile;

use crate::signatures::hex::Masked;

/// Chunks that follow each other at any distance.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) chunks: Vec<(Chunk, Fragment)>,
}

/// What stands around a fragment.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Bytes between the chunk before and this one, at least.
    pub(crate) least_before: u32,
    /// From the fragment to the left.
    before: Box<[Element]>,
    after: Box<[Element]>,
    fragment_bytes: u8,
}

/// What is looked for, of one of the lengths in `fragments`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// Lower case if folded.
    pub(crate) bytes: Vec<u8>,
    /// Found without regard to ASCII case.
    pub(crate) folded: bool,
}

#[derive(Debug)]
enum Element {
    Exact(Box<[u8]>),
    Masked(Box<[Masked]>),
    Gap {
        least: u32,
        most: u32,
    },
    OneOf {
        options: Box<[Box<[Masked]>]>,
        negated: bool,
    },
    /// No letter or digit stands here.
    Edge,
}

/// How a pattern is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) any_case: bool,
    /// Two bytes a character, as in UTF-16.
    pub(crate) wide: bool,
    /// Neither a letter nor a digit before and after it.
    pub(crate) full_word: bool,
}

/// Where a chunk can begin and end; ranges with both ends, sorted, apart.
pub(crate) struct Places {
    pub(crate) starts: Vec<(usize, usize)>,
    pub(crate) ends: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
}

impl Chunk {
    /// Where the chunk lies if its fragment was found at `at`. None: it is not there. `steps` counts the work.
    pub(crate) fn places(&self, data: &[u8], at: usize, steps: &mut u64) -> Option<Places> {
        let behind = at.saturating_add(usize::from(self.fragment_bytes));
        let ends = reach(data, behind, &self.after, Direction::Right, steps)?;
        let starts = reach(data, at, &self.before, Direction::Left, steps)?;
        Some(Places { starts, ends })
    }
}

/// All places at which `elements` can end, from one at which they begin.
fn reach(
    data: &[u8],
    from: usize,
    elements: &[Element],
    direction: Direction,
    steps: &mut u64,
) -> Option<Vec<(usize, usize)>> {
    *steps = steps.saturating_add(1);
    let mut places = vec![(from, from)];
    for element in elements {
        let mut next = Vec::new();
        match element {
            Element::Gap { least, most } => {
                for (low, high) in places {
                    let range = shifted(data, (low, high), (*least, *most), direction);
                    range.into_iter().for_each(|range| add(&mut next, range));
                }
            }
            element => {
                for at in places.into_iter().flat_map(|(low, high)| low..=high) {
                    *steps = steps.saturating_add(element.cost());
                    element.ends(data, at, direction, |end| add(&mut next, (end, end)));
                }
            }
        }
        if next.is_empty() {
            return None;
        }
        next.sort_unstable();
        places = Vec::with_capacity(next.len());
        next.into_iter().for_each(|range| add(&mut places, range));
    }
    Some(places)
}

/// A range moved over a gap, as far as the file goes.
fn shifted(
    data: &[u8],
    (low, high): (usize, usize),
    (least, most): (u32, u32),
    direction: Direction,
) -> Option<(usize, usize)> {
    let bytes = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (least, most) = (bytes(least), bytes(most));
    let range = match direction {
        Direction::Right => (low.saturating_add(least), high.saturating_add(most).min(data.len())),
        Direction::Left => (low.saturating_sub(most), high.checked_sub(least)?),
    };
    (range.0 <= range.1).then_some(range)
}

/// Ranges that come in order stay apart, so that no place is tried twice.
fn add(ranges: &mut Vec<(usize, usize)>, (low, high): (usize, usize)) {
    match ranges.last_mut() {
        Some((known_low, known_high)) if *known_low <= low && low <= known_high.saturating_add(1) => {
            *known_high = high.max(*known_high);
        }
        _ => ranges.push((low, high)),
    }
}

impl Element {
    /// Steps of one try.
    fn cost(&self) -> u64 {
        let bytes = match self {
            Self::Exact(bytes) => bytes.len() / 8,
            Self::Masked(bytes) => bytes.len(),
            Self::OneOf { options, .. } => options.iter().map(|option| option.len()).sum(),
            Self::Gap { .. } | Self::Edge => 0,
        };
        u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn ends(&self, data: &[u8], at: usize, direction: Direction, mut each: impl FnMut(usize)) {
        match self {
            Self::Exact(bytes) => {
                let (found, end) = window(data, at, bytes.len(), direction);
                if found == Some(bytes) {
                    each(end);
                }
            }
            Self::Masked(bytes) => {
                let (found, end) = window(data, at, bytes.len(), direction);
                if found.is_some_and(|found| fits(bytes, found)) {
                    each(end);
                }
            }
            Self::OneOf { options, negated: false } => {
                for option in options {
                    let (found, end) = window(data, at, option.len(), direction);
                    if found.is_some_and(|found| fits(option, found)) {
                        each(end);
                    }
                }
            }
            Self::OneOf { options, negated: true } => {
                let length = options.first().map_or(0, |option| option.len());
                let (found, end) = window(data, at, length, direction);
                if found.is_some_and(|found| !options.iter().any(|option| fits(option, found))) {
                    each(end);
                }
            }
            Self::Edge => {
                let neighbour = match direction {
                    Direction::Right => data.get(at),
                    Direction::Left => at.checked_sub(1).and_then(|before| data.get(before)),
                };
                if !neighbour.is_some_and(u8::is_ascii_alphanumeric) {
                    each(at);
                }
            }
            Self::Gap { .. } => {}
        }
    }
}

/// The bytes beside a place and the place behind them.
fn window(data: &[u8], at: usize, length: usize, direction: Direction) -> (Option<&[u8]>, usize) {
    match direction {
        Direction::Right => {
            let end = at.saturating_add(length);
            (data.get(at..end), end)
        }
        Direction::Left => match at.checked_sub(length) {
            Some(start) => (data.get(start..at), start),
            None => (None, 0),
        },
    }
}

fn fits(bytes: &[Masked], found: &[u8]) -> bool {
    bytes.iter().zip(found).all(|(byte, found)| byte.fits(*found))
}
