//! 452 4.3.1: before content is asked for, there must be room for it and for the server to go on.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use postwarden_smtp::Refusal;
use postwarden_store::{Result, Timestamp};

use super::Check;
use super::asked::Asked;

/// Bytes of the file system that mail never takes: the store must still be able to settle what it has.
pub(super) const RESERVE_BYTES: u64 = 16 << 20;

/// A message lies in the spool and in the store before the first copy goes.
const COPIES: u64 = 2;

/// With more room than this above what is needed, the file system is asked only once in a while.
const PLENTY_BYTES: u64 = 1 << 30;

/// Such a while, in milliseconds.
const PLENTY_MS: i64 = 1000;

/// How much was free, and when that was asked.
#[derive(Debug, Default)]
pub(super) struct Free {
    bytes: AtomicU64,
    asked: AtomicI64,
}

impl Free {
    /// Bytes; as they are now, unless `needed` is far below what they were a moment ago.
    fn bytes(&self, needed: u64, now: Timestamp, ask: impl FnOnce() -> Result<u64>) -> Result<u64> {
        let known = self.bytes.load(Ordering::Relaxed);
        let age = now.saturating_sub(self.asked.load(Ordering::Relaxed));
        if known >= needed.saturating_add(PLENTY_BYTES) && (0..PLENTY_MS).contains(&age) {
            return Ok(known);
        }
        let free = ask()?;
        self.bytes.store(free, Ordering::Relaxed);
        self.asked.store(now, Ordering::Relaxed);
        Ok(free)
    }
}

pub(super) fn check(asked: &Asked<'_>) -> Check {
    let declared = asked.transaction.and_then(|transaction| transaction.parameters.size).unwrap_or(0);
    let needed = declared.saturating_mul(COPIES).saturating_add(RESERVE_BYTES);
    match asked.node.decisions.free.bytes(needed, asked.now, || asked.node.drafts.free_bytes()) {
        Ok(free) if free >= needed => Ok(()),
        Ok(free) => {
            tracing::warn!(free, needed, "no space for a message; the client is asked to try again");
            Err(Refusal::NoSpace)
        }
        Err(error) => {
            tracing::error!(%error, "cannot tell how much space is free");
            Err(Refusal::Unavailable)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_file_system_is_asked_when_it_matters() {
        let free = Free::default();
        let answer = |needed: u64, now: Timestamp, disk: u64| free.bytes(needed, now, || Ok(disk)).unwrap();
        const GIB: u64 = 1 << 30;
        assert_eq!(answer(0, 10, 3 * GIB), 3 * GIB);
        assert_eq!(answer(GIB, 1009, 7), 3 * GIB, "far from full, and asked just now");
        assert_eq!(answer(GIB, 1010, 4 * GIB), 4 * GIB, "a second later");
        assert_eq!(answer(3 * GIB + 1, 1011, 5), 5, "that much is near the end");
        assert_eq!(answer(0, 1012, 6), 6, "and so is everything near the end");
        assert_eq!(answer(0, 2000, 3 * GIB), 3 * GIB);
        assert_eq!(answer(0, 0, 9), 9, "the clock went back");
    }
}
