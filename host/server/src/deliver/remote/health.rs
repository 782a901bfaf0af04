//! Addresses that did not answer: for a while they are tried after all others. Nothing is given up here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a failed connection is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
const ADDRESSES_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Health {
    failed: Mutex<HashMap<SocketAddr, Instant>>,
}

impl Health {
    pub(super) fn failed(&self, address: SocketAddr, now: Instant) {
        let mut failed = self.lock();
        if failed.len() >= ADDRESSES_MAX {
            failed.retain(|_, at| now.saturating_duration_since(*at) < REMEMBERED);
        }
        if failed.len() < ADDRESSES_MAX {
            failed.insert(address, now);
        }
    }

    pub(super) fn answered(&self, address: SocketAddr) {
        self.lock().remove(&address);
    }

    /// Puts those that failed lately behind the others; else the order stays.
    pub(super) fn sort<T>(&self, tries: &mut [T], address: impl Fn(&T) -> SocketAddr, now: Instant) {
        let failed = self.lock();
        let ill = |address: SocketAddr| {
            failed.get(&address).is_some_and(|at| now.saturating_duration_since(*at) < REMEMBERED)
        };
        tries.sort_by_key(|one| ill(address(one)));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ill_come_last_for_a_while() {
        let (health, now) = (Health::default(), Instant::now());
        let address = |number: u8| SocketAddr::from(([192, 0, 2, number], 25));
        let order = |at: Instant| {
            let mut tries = [1, 2, 3];
            health.sort(&mut tries, |number| address(*number), at);
            tries
        };
        health.failed(address(1), now);
        assert_eq!(order(now), [2, 3, 1]);
        assert_eq!(order(now + REMEMBERED), [1, 2, 3]);
        health.answered(address(1));
        assert_eq!(order(now), [1, 2, 3]);
    }
}
