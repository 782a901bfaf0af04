//! Ids of messages and transactions: 63 bits that sort by time, written as 13 characters.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::{Error, Timestamp};

/// 2026-01-01T00:00:00Z in milliseconds since the Unix epoch.
const EPOCH: Timestamp = 1_767_225_600_000;
const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;
const MILLISECONDS_MAX: i64 = (1 << 41) - 1;
const SEQUENCE_MASK: i64 = (1 << SEQUENCE_BITS) - 1;
/// Characters of a written id.
const LENGTH: usize = 13;
/// Crockford's base32: no i, l, o, u.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Nodes that share a store have numbers below this one.
pub const NODES_MAX: u16 = 1 << NODE_BITS;

/// 41 bits of milliseconds since 2026-01-01, 10 bits of node, 12 bits of sequence.
/// Written in Crockford's base32, lower case, 13 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub i64);

impl Id {
    /// When it was made, by the clock of the node that made it.
    pub fn time(self) -> Timestamp {
        (self.0 >> (NODE_BITS + SEQUENCE_BITS)) + EPOCH
    }

    /// Time and sequence without the node: what the next id of a node must exceed.
    fn tick(self) -> i64 {
        ((self.0 >> (NODE_BITS + SEQUENCE_BITS)) << SEQUENCE_BITS) | (self.0 & SEQUENCE_MASK)
    }
}

/// Makes ids for one node; never twice the same, also when the clock goes back.
#[derive(Debug)]
pub struct Ids {
    node: i64,
    /// Milliseconds and sequence of the newest id: one number, so that a full sequence runs on into
    /// the next millisecond.
    newest: AtomicI64,
}

impl Ids {
    /// `node` is unique among the nodes that share a store: 0 to 1023 (more bits are cut off).
    pub fn new(node: u16) -> Self {
        Self { node: i64::from(node % NODES_MAX), newest: AtomicI64::new(-1) }
    }

    /// As `new`, but all ids are above `newest`: the clock may have gone back since that one was made.
    pub fn after(node: u16, newest: Option<Id>) -> Self {
        let ids = Self::new(node);
        ids.newest.store(newest.map_or(-1, Id::tick), Ordering::Relaxed);
        ids
    }

    pub fn next(&self, now: Timestamp) -> Id {
        let floor = now.saturating_sub(EPOCH).clamp(0, MILLISECONDS_MAX) << SEQUENCE_BITS;
        let mut newest = self.newest.load(Ordering::Relaxed);
        let tick = loop {
            let tick = floor.max(newest.saturating_add(1));
            match self.newest.compare_exchange_weak(newest, tick, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break tick,
                Err(other) => newest = other,
            }
        };
        let milliseconds = (tick >> SEQUENCE_BITS) & MILLISECONDS_MAX;
        Id((((milliseconds << NODE_BITS) | self.node) << SEQUENCE_BITS) | (tick & SEQUENCE_MASK))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; LENGTH];
        let mut rest = self.0 as u64;
        for place in text.iter_mut().rev() {
            *place = DIGITS.get((rest & 31) as usize).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Id {
    type Err = Error;

    /// Upper case is read as lower case: people read ids aloud and type them.
    fn from_str(text: &str) -> crate::Result<Self> {
        let invalid = || Error::Invalid("an id has 13 characters of 0-9 and a-z without i, l, o, u".to_owned());
        if text.len() != LENGTH {
            return Err(invalid());
        }
        let mut value = 0u128;
        for character in text.bytes() {
            let character = character.to_ascii_lowercase();
            let digit = DIGITS.iter().position(|digit| *digit == character).ok_or_else(invalid)?;
            value = (value << 5) | digit as u128;
        }
        i64::try_from(value).map(Self).map_err(|_| invalid())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_grow_also_when_the_clock_goes_back_or_stands() {
        let ids = Ids::new(7);
        let now = EPOCH + 1_000_000;
        let mut newest = ids.next(now);
        assert_eq!(newest.time(), now);
        for step in 0..20_000 {
            let id = ids.next(now - step % 3_000);
            assert!(id > newest);
            newest = id;
        }
        // 20,000 ids need the sequence of four more milliseconds.
        assert_eq!(newest.time(), now + 4);
        assert!(Ids::after(7, Some(newest)).next(now) > newest);
    }

    #[test]
    fn nodes_never_meet() {
        let now = EPOCH + 5;
        assert_ne!(Ids::new(0).next(now), Ids::new(1).next(now));
        assert_ne!(Ids::new(1023).next(now), Ids::new(0).next(now + 1));
    }

    #[test]
    fn written_and_read() {
        for id in [Id(0), Id(1), Id(i64::MAX), Ids::new(513).next(EPOCH + 123_456_789)] {
            let text = id.to_string();
            assert_eq!(text.len(), 13);
            assert_eq!(text.parse::<Id>().unwrap(), id);
            assert_eq!(text.to_uppercase().parse::<Id>().unwrap(), id);
        }
        assert!(Id(5).to_string() < Id(6).to_string());
        for wrong in
            ["", "0", "zzzzzzzzzzzzz", "000000000000i", "00000000000000", "000000000000\u{e9}", "'; drop table"]
        {
            assert!(wrong.parse::<Id>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ends_of_the_range_do_not_wrap_around() {
        let ids = Ids::new(0);
        assert_eq!(ids.next(i64::MIN), Id(0));
        assert!(ids.next(i64::MAX).0 > 0);
    }
}
