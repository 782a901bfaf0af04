//! How many sessions are open, of whom, and whether they should end. Counts only; no sockets, no protocol.
//!
//! A session's place is a [`Seat`]; dropping it gives the place back, also when the task panics.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// IPv6 clients are counted by networks of this many bits: one customer has a whole /64.
pub const IPV6_CLIENT_BITS: u32 = 64;

/// Clients whose new connections are remembered at the same time.
pub const RATE_CLIENTS_MAX: usize = 65_536;

/// The span of `max-connections-per-minute-per-ip`.
pub const RATE_WINDOW: Duration = Duration::from_secs(60);

/// From this share of all places on (per cent), idle clients are given less time.
pub const STRESS_PERCENT: usize = 80;

const STOPPING: u8 = 1;
const STRESSED: u8 = 2;

/// All sessions of this process.
#[derive(Debug, Default)]
pub struct Sessions {
    open: AtomicUsize,
    flags: AtomicU8,
    generation: AtomicUsize,
    changed: Notify,
    by_client: Mutex<HashMap<IpAddr, usize>>,
    recent: Mutex<HashMap<IpAddr, Recent>>,
}

#[derive(Debug)]
struct Recent {
    since: Instant,
    count: u32,
}

/// What the configuration allows; 0 is unlimited.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub sessions_per_client: usize,
    pub connections_per_minute: u32,
}

/// Why a client gets no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    PerClient,
    Rate,
}

impl Sessions {
    /// A place, or none where `max` (0: unlimited) are taken.
    pub fn enter(self: &Arc<Self>, max: usize) -> Option<Seat> {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let seat = Seat { sessions: Arc::clone(self), client: None };
        if max != 0 && before >= max {
            return None;
        }
        self.set_stressed(max != 0 && (before + 1).saturating_mul(100) > max.saturating_mul(STRESS_PERCENT));
        Some(seat)
    }

    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// From now on sessions end as soon as no message is in progress.
    pub fn stop(&self) {
        self.raise(STOPPING);
    }

    pub fn stopping(&self) -> bool {
        self.flags.load(Ordering::Acquire) & STOPPING != 0
    }

    /// Most places are taken.
    pub fn stressed(&self) -> bool {
        self.flags.load(Ordering::Acquire) & STRESSED != 0
    }

    /// Resolves when `stopping` or `stressed` has become true after this call.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Another number after each such change.
    pub fn generation(&self) -> usize {
        self.generation.load(Ordering::Acquire)
    }

    fn raise(&self, flag: u8) {
        self.flags.fetch_or(flag, Ordering::AcqRel);
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    fn set_stressed(&self, stressed: bool) {
        if stressed == self.stressed() {
            return;
        }
        if stressed {
            self.raise(STRESSED);
        } else {
            self.flags.fetch_and(!STRESSED, Ordering::AcqRel);
        }
    }

    fn count_connection(&self, client: IpAddr, limit: u32, now: Instant) -> Result<(), Full> {
        let mut recent = lock(&self.recent);
        if recent.len() >= RATE_CLIENTS_MAX && !recent.contains_key(&client) {
            recent.retain(|_, seen| now.duration_since(seen.since) < RATE_WINDOW);
            if recent.len() >= RATE_CLIENTS_MAX {
                // More clients in a minute than can be counted: the other limits still hold.
                return Ok(());
            }
        }
        let seen = recent.entry(client).or_insert(Recent { since: now, count: 0 });
        if now.duration_since(seen.since) >= RATE_WINDOW {
            *seen = Recent { since: now, count: 0 };
        }
        seen.count = seen.count.saturating_add(1);
        if seen.count > limit { Err(Full::Rate) } else { Ok(()) }
    }
}

/// The place of one session.
#[derive(Debug)]
pub struct Seat {
    sessions: Arc<Sessions>,
    client: Option<IpAddr>,
}

impl Seat {
    /// Counts the session for its client (the real one, after a PROXY header).
    pub fn claim(&mut self, client: IpAddr, limits: Limits, now: Instant) -> Result<(), Full> {
        let client = client_key(client);
        if limits.connections_per_minute != 0 {
            self.sessions.count_connection(client, limits.connections_per_minute, now)?;
        }
        let mut by_client = lock(&self.sessions.by_client);
        let count = by_client.entry(client).or_insert(0);
        if limits.sessions_per_client != 0 && *count >= limits.sessions_per_client {
            return Err(Full::PerClient);
        }
        *count += 1;
        self.client = Some(client);
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.sessions.open.fetch_sub(1, Ordering::Relaxed);
        let Some(client) = self.client else { return };
        if let Entry::Occupied(mut entry) = lock(&self.sessions.by_client).entry(client) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// What counts as one client.
fn client_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - IPV6_CLIENT_BITS))))
        }
        other => other,
    }
}

/// The maps hold counts that are whole between statements: a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    const NONE: Limits = Limits { sessions_per_client: 0, connections_per_minute: 0 };

    #[test]
    fn a_place_comes_back_when_its_session_ends() {
        let sessions = Arc::new(Sessions::default());
        let first = sessions.enter(1).unwrap();
        assert!(sessions.enter(1).is_none());
        assert_eq!(sessions.open(), 1);
        drop(first);
        assert!(sessions.enter(1).is_some());
    }

    #[test]
    fn each_client_has_its_own_limit_and_an_ipv6_network_is_one_client() {
        let sessions = Arc::new(Sessions::default());
        let limits = Limits { sessions_per_client: 1, ..NONE };
        let now = Instant::now();
        let mut seats: Vec<_> = (0..4).map(|_| sessions.enter(0).unwrap()).collect();
        let mut claim = |index: usize, ip: &str| seats[index].claim(ip.parse().unwrap(), limits, now);
        assert_eq!(claim(0, "192.0.2.1"), Ok(()));
        assert_eq!(claim(1, "::ffff:192.0.2.1"), Err(Full::PerClient));
        assert_eq!(claim(1, "2001:db8::1"), Ok(()));
        assert_eq!(claim(2, "2001:db8::2"), Err(Full::PerClient));
        assert_eq!(claim(2, "2001:db8:0:1::2"), Ok(()));
        drop(seats);
        assert!(lock(&sessions.by_client).is_empty());
    }

    #[test]
    fn new_connections_are_counted_by_the_minute() {
        let sessions = Arc::new(Sessions::default());
        let limits = Limits { connections_per_minute: 2, ..NONE };
        let start = Instant::now();
        let claim = |at| sessions.enter(0).unwrap().claim("192.0.2.1".parse().unwrap(), limits, start + at);
        assert_eq!(claim(Duration::ZERO), Ok(()));
        assert_eq!(claim(Duration::from_secs(1)), Ok(()));
        assert_eq!(claim(Duration::from_secs(2)), Err(Full::Rate));
        assert_eq!(claim(RATE_WINDOW), Ok(()));
    }

    #[test]
    fn the_table_of_new_connections_is_bounded() {
        let sessions = Sessions::default();
        let now = Instant::now();
        for n in 0..=RATE_CLIENTS_MAX as u32 {
            sessions.count_connection(IpAddr::from(n.to_be_bytes()), 1, now).unwrap();
        }
        assert_eq!(lock(&sessions.recent).len(), RATE_CLIENTS_MAX);
    }

    #[test]
    fn four_fifths_of_the_places_are_stress() {
        let sessions = Arc::new(Sessions::default());
        let mut seats: Vec<_> = (0..8).map(|_| sessions.enter(10).unwrap()).collect();
        assert!(!sessions.stressed());
        seats.push(sessions.enter(10).unwrap());
        assert!(sessions.stressed());
        seats.truncate(3);
        let _one = sessions.enter(10).unwrap();
        assert!(!sessions.stressed());
    }
}
