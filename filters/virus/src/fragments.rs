//! Looks for all fragments at once. The only file that knows how: another engine takes its place by these two types.
//!
//! A fragment has 2, 4 or 8 bytes, so that it is a number, and each length is a set of numbers. At each place of a file
//! the number there is looked up: first in a bitmap, which says no to nearly all. The time follows from the size of the
//! file, not from its content or from how many fragments there are, and 50,000 fragments take less than a megabyte.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Lengths a fragment may have, longest first.
pub(crate) const LENGTHS: [usize; 3] = [8, 4, 2];
/// Bytes looked at before the caller is asked whether to go on.
const PIECE_BYTES: usize = 256 << 10;
/// Bits of the bitmap for each number in it.
const BITS_PER_KEY: usize = 32;
const BITS_MIN: usize = 1 << 10;
const BITS_MAX: usize = 1 << 24;

/// Fragments and who asked for each.
#[derive(Default)]
pub(crate) struct Builder {
    exact: BTreeMap<Vec<u8>, Vec<u32>>,
    folded: BTreeMap<Vec<u8>, Vec<u32>>,
}

impl Builder {
    /// `folded`: found without regard to ASCII case. `asked` comes back with each hit.
    pub(crate) fn add(&mut self, fragment: Vec<u8>, folded: bool, asked: u32) {
        let fragments = if folded { &mut self.folded } else { &mut self.exact };
        fragments.entry(fragment).or_default().push(asked);
    }

    pub(crate) fn build(self) -> Fragments {
        Fragments { exact: Set::new(self.exact), folded: Set::new(self.folded) }
    }
}

#[derive(Debug)]
pub(crate) struct Fragments {
    exact: Option<Set>,
    /// Of lower-case fragments.
    folded: Option<Set>,
}

impl Fragments {
    /// Tells every hit by its place and by who asked, from left to right in each piece. `go_on` is asked between pieces.
    pub(crate) fn find(
        &self,
        data: &[u8],
        mut go_on: impl FnMut() -> bool,
        mut hit: impl FnMut(usize, u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut start = 0;
        while start < data.len() {
            if !go_on() {
                return ControlFlow::Break(());
            }
            // What begins in this piece may end in the next.
            let end = start.saturating_add(PIECE_BYTES).saturating_add(MAX).saturating_sub(1).min(data.len());
            let piece = data.get(start..end).unwrap_or_default();
            if let Some(set) = &self.exact {
                set.piece(piece, start, &mut hit)?;
            }
            if let Some(set) = &self.folded {
                set.piece(&piece.to_ascii_lowercase(), start, &mut hit)?;
            }
            start = start.saturating_add(PIECE_BYTES);
        }
        ControlFlow::Continue(())
    }
}

/// The longest fragment.
const MAX: usize = LENGTHS[0];

/// Fragments by their length, in the order of [`LENGTHS`].
#[derive(Debug)]
struct Set([Option<Keys>; 3]);

impl Set {
    fn new(fragments: BTreeMap<Vec<u8>, Vec<u32>>) -> Option<Self> {
        if fragments.is_empty() {
            return None;
        }
        let mut by_length = LENGTHS.map(|_| BTreeMap::new());
        for (fragment, asked) in fragments {
            let place = LENGTHS.iter().position(|length| *length == fragment.len());
            if let Some(keys) = place.and_then(|place| by_length.get_mut(place)) {
                keys.insert(number(&fragment), asked);
            }
        }
        Some(Self(by_length.map(Keys::new)))
    }

    fn piece(
        &self,
        piece: &[u8],
        start: usize,
        hit: &mut impl FnMut(usize, u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let [long, middle, short] = &self.0;
        for (at, window) in piece.windows(MAX).take(PIECE_BYTES).enumerate() {
            let number = number(window);
            let may_have =
                |keys: &Option<Keys>, length| keys.as_ref().is_some_and(|keys| keys.may_have(low(number, length)));
            if may_have(long, 8) || may_have(middle, 4) || may_have(short, 2) {
                self.at(number, MAX, start.saturating_add(at), hit)?;
            }
        }
        // Places too near the end for the longest.
        let near = piece.len().saturating_sub(MAX.saturating_sub(1));
        for at in near..piece.len().min(PIECE_BYTES) {
            let rest = piece.get(at..).unwrap_or_default();
            self.at(number(rest), rest.len(), start.saturating_add(at), hit)?;
        }
        ControlFlow::Continue(())
    }

    /// `left` bytes stand at `place`; `number` is made of them.
    #[inline(never)]
    fn at(
        &self,
        number: u64,
        left: usize,
        place: usize,
        hit: &mut impl FnMut(usize, u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for (length, keys) in LENGTHS.iter().zip(&self.0) {
            let Some(keys) = keys.as_ref().filter(|_| left >= *length) else { continue };
            for asked in keys.find(low(number, *length)) {
                hit(place, *asked)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The first bytes of a number.
#[inline(always)]
fn low(number: u64, length: usize) -> u64 {
    if length == MAX { number } else { number & ((1 << (8 * length)) - 1) }
}

/// Up to 8 bytes as a number, the first lowest.
#[inline(always)]
fn number(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(whole) => u64::from_le_bytes(*whole),
        None => bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    }
}

/// Numbers in the order of their hashes, and where those of each bucket end.
#[derive(Debug)]
struct Keys {
    bitmap: Box<[u64]>,
    bitmap_shift: u32,
    buckets: Box<[u32]>,
    bucket_shift: u32,
    keys: Box<[u64]>,
    /// Where a key's askers end in `asked`; they begin where those of the key before it end.
    ends: Box<[u32]>,
    asked: Box<[u32]>,
}

#[inline(always)]
fn hash(key: u64) -> u64 {
    let mixed = key ^ key >> 32;
    mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Keys {
    fn new(askers: BTreeMap<u64, Vec<u32>>) -> Option<Self> {
        if askers.is_empty() {
            return None;
        }
        let shift = |size: usize| 64 - size.ilog2();
        let bits = askers.len().saturating_mul(BITS_PER_KEY).next_power_of_two().clamp(BITS_MIN, BITS_MAX);
        let buckets = askers.len().next_power_of_two().max(2);
        let mut keys = Self {
            bitmap: vec![0; bits / 64].into(),
            bitmap_shift: shift(bits),
            buckets: vec![0; buckets].into(),
            bucket_shift: shift(buckets),
            keys: Box::default(),
            ends: Box::default(),
            asked: Box::default(),
        };
        let mut sorted: Vec<(u64, Vec<u32>)> = askers.into_iter().collect();
        sorted.sort_by_key(|(key, _)| hash(*key));
        let (mut asked, mut ends) = (Vec::new(), Vec::with_capacity(sorted.len()));
        for (index, (key, askers)) in (1_u32..).zip(&sorted) {
            let (word, bit) = keys.bit(hash(*key));
            if let Some(word) = keys.bitmap.get_mut(word) {
                *word |= bit;
            }
            let bucket = keys.bucket(hash(*key));
            // The ends of empty buckets are filled in below.
            if let Some(end) = keys.buckets.get_mut(bucket) {
                *end = index;
            }
            asked.extend(askers);
            ends.push(u32::try_from(asked.len()).unwrap_or(u32::MAX));
        }
        let mut last = 0;
        for end in &mut keys.buckets {
            last = last.max(*end);
            *end = last;
        }
        keys.keys = sorted.into_iter().map(|(key, _)| key).collect();
        (keys.ends, keys.asked) = (ends.into(), asked.into());
        Some(keys)
    }

    #[inline(always)]
    fn bit(&self, hash: u64) -> (usize, u64) {
        let bit = hash >> self.bitmap_shift;
        (usize::try_from(bit >> 6).unwrap_or(usize::MAX), 1 << (bit & 63))
    }

    fn bucket(&self, hash: u64) -> usize {
        usize::try_from(hash >> self.bucket_shift).unwrap_or(usize::MAX)
    }

    /// No is certain.
    #[inline(always)]
    fn may_have(&self, key: u64) -> bool {
        let (word, bit) = self.bit(hash(key));
        self.bitmap.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Who asked for this number.
    fn find(&self, key: u64) -> &[u32] {
        let bucket = self.bucket(hash(key));
        let keys = between(&self.buckets, bucket, &self.keys);
        let Some(at) = keys.iter().position(|known| *known == key) else { return &[] };
        let first = bucket.checked_sub(1).and_then(|before| self.buckets.get(before)).map_or(0, |end| position(*end));
        between(&self.ends, first.saturating_add(at), &self.asked)
    }
}

/// The slice of `items` that belongs to `index`, by the ends of all.
fn between<'a, T>(ends: &[u32], index: usize, items: &'a [T]) -> &'a [T] {
    let end = ends.get(index).map_or(0, |end| position(*end));
    let start = index.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| position(*end));
    items.get(start..end).unwrap_or_default()
}

fn position(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
