//! One learned message: its class, when it was learned, and its features as sorted differences, block by block. No word
//! of the message can be read from it.

use crate::tokens::{BLOCKS, FEATURE_BITS, FEATURES_MAX, Features};

/// The first byte of a value; another layout, or other features, get another one.
const LAYOUT: u8 = 1;
/// Layout, class, time.
const HEAD_BYTES: usize = 10;
const FEATURE_MASK: u32 = (1 << FEATURE_BITS) - 1;

/// As it lies in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Example(Vec<u8>);

impl Example {
    /// `time` in milliseconds since 1970.
    pub(crate) fn new(is_spam: bool, time: u64, features: &Features) -> Self {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + features.len() * 3);
        bytes.push(LAYOUT);
        bytes.push(u8::from(is_spam));
        bytes.extend(time.to_be_bytes());
        for block in features.blocks() {
            let mut sorted = block.to_vec();
            sorted.sort_unstable();
            put(u32::try_from(sorted.len()).unwrap_or(0), &mut bytes);
            let mut last = 0;
            for feature in sorted {
                put(feature.wrapping_sub(last), &mut bytes);
                last = feature;
            }
        }
        Self(bytes)
    }

    /// None for what another version has written, or nobody.
    pub(crate) fn read(bytes: Vec<u8>) -> Option<Self> {
        match bytes.as_slice() {
            [LAYOUT, 0 | 1, ..] if bytes.len() >= HEAD_BYTES => Some(Self(bytes)),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn is_spam(&self) -> bool {
        self.0.get(1) == Some(&1)
    }

    pub(crate) fn time(&self) -> u64 {
        let bytes = self.0.get(2..HEAD_BYTES).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_be_bytes)
    }

    /// Calls for each feature of each block. What is cut short ends early.
    pub(crate) fn each(&self, mut visit: impl FnMut(usize, u32)) {
        let mut bytes = self.0.get(HEAD_BYTES..).unwrap_or_default().iter();
        let mut left = FEATURES_MAX;
        for block in 0..BLOCKS {
            let Some(count) = take(&mut bytes) else { return };
            let mut last = 0_u32;
            for _ in 0..count {
                let Some(step) = take(&mut bytes).filter(|_| left > 0) else { return };
                left = left.saturating_sub(1);
                last = last.wrapping_add(step) & FEATURE_MASK;
                visit(block, last);
            }
        }
    }
}

fn put(mut number: u32, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(0x80 | u8::try_from(number & 0x7f).unwrap_or(0));
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or(0));
}

fn take(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u32> {
    let (mut number, mut shift) = (0_u32, 0_u32);
    loop {
        let byte = *bytes.next()?;
        number |= u32::from(byte & 0x7f) << shift.min(28);
        if byte < 0x80 {
            return Some(number);
        }
        shift = shift.saturating_add(7);
    }
}
