//! Reads an unpacking stream into memory, piece by piece, for as long as the budget allows.

use std::io::Read;

use crate::limits::{Budget, Limit};

/// Bytes unpacked between two looks at the budget.
const PIECE_BYTES: u64 = 256 << 10;

pub(super) struct Unpacked {
    pub(super) data: Vec<u8>,
    /// Why it was not unpacked whole.
    pub(super) cut: Option<Limit>,
    pub(super) is_broken: bool,
}

/// `packed` is how many bytes the stream is made of.
pub(super) fn unpack(stream: impl Read, packed: usize, budget: &mut Budget) -> Unpacked {
    unpack_behind(Vec::new(), stream, packed, budget)
}

/// What is unpacked goes behind `data` and counts with it.
pub(super) fn unpack_behind(data: Vec<u8>, stream: impl Read, packed: usize, budget: &mut Budget) -> Unpacked {
    let mut unpacked = Unpacked { data, cut: None, is_broken: false };
    let mut stream = stream.take(PIECE_BYTES);
    let bytes = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    loop {
        let before = unpacked.data.len();
        unpacked.is_broken = stream.read_to_end(&mut unpacked.data).is_err();
        let more = unpacked.data.len().saturating_sub(before);
        if let Err(limit) = budget.unpack(bytes(more), bytes(unpacked.data.len()), bytes(packed)) {
            unpacked.cut = Some(limit);
            return unpacked;
        }
        if unpacked.is_broken || more == 0 {
            return unpacked;
        }
        stream.set_limit(PIECE_BYTES);
    }
}
