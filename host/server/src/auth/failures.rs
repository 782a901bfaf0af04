//! Failed logins by client address, in bounded memory. Time is an argument.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use postwarden_store::Timestamp;

use crate::config::FailureLimit;

/// Clients remembered at once. Above it the one that matters least is forgotten.
pub(super) const CLIENTS_MAX: usize = 65_536;

/// How many clients are looked at to find one to forget.
const FORGET_AMONG: usize = 16;

pub(super) struct Table {
    clients: Mutex<HashMap<IpAddr, Client>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Client {
    count: u32,
    /// Checks that may yet fail.
    pending: u32,
    /// Failures count together until then.
    until: Timestamp,
    /// 0: not blocked.
    blocked_until: Timestamp,
}

/// Whether a client may try now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Until `Table::end`, what it tries counts as if it had failed.
    Yours,
    /// So many of its tries are being checked that all failing would be too many.
    Wait,
    Blocked,
}

impl Client {
    fn expires(&self) -> Timestamp {
        self.until.max(self.blocked_until)
    }
}

impl Table {
    pub(super) fn new() -> Self {
        Self { clients: Mutex::new(HashMap::new()) }
    }

    pub(super) fn blocked(&self, client: IpAddr, now: Timestamp) -> bool {
        self.lock().get(&key(client)).is_some_and(|client| now < client.blocked_until)
    }

    pub(super) fn begin(&self, client: IpAddr, limit: &FailureLimit, now: Timestamp) -> Turn {
        if limit.count == 0 {
            return Turn::Yours;
        }
        let mut clients = self.lock();
        let client = entry(&mut clients, client, now);
        if now < client.blocked_until {
            return Turn::Blocked;
        }
        let failed = if now < client.until { client.count } else { 0 };
        if client.pending > 0 && failed.saturating_add(client.pending) >= limit.count {
            return Turn::Wait;
        }
        client.pending = client.pending.saturating_add(1);
        Turn::Yours
    }

    pub(super) fn end(&self, client: IpAddr, limit: &FailureLimit) {
        if limit.count == 0 {
            return;
        }
        let mut clients = self.lock();
        let key = key(client);
        if let Some(client) = clients.get_mut(&key) {
            client.pending = client.pending.saturating_sub(1);
            if *client == Client::default() {
                clients.remove(&key);
            }
        }
    }

    pub(super) fn failed(&self, client: IpAddr, limit: &FailureLimit, now: Timestamp) {
        if limit.count == 0 {
            return;
        }
        let ms = |duration: std::time::Duration| Timestamp::try_from(duration.as_millis()).unwrap_or(Timestamp::MAX);
        let mut clients = self.lock();
        let client = entry(&mut clients, client, now);
        if now >= client.until {
            client.count = 0;
            client.until = now.saturating_add(ms(limit.within));
        }
        client.count = client.count.saturating_add(1);
        if client.count >= limit.count {
            client.blocked_until = now.saturating_add(ms(limit.block_for));
            client.count = 0;
            client.until = client.blocked_until;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Client>> {
        // Counters are right after a panic elsewhere, too.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of the client; room is made for one more.
fn entry(clients: &mut HashMap<IpAddr, Client>, client: IpAddr, now: Timestamp) -> &mut Client {
    let key = key(client);
    if clients.len() >= CLIENTS_MAX && !clients.contains_key(&key) {
        forget_one(clients, now);
    }
    clients.entry(key).or_default()
}

/// Of a few, the one whose memory ends first. The map's order is random enough to be no target.
fn forget_one(clients: &mut HashMap<IpAddr, Client>, now: Timestamp) {
    let oldest = clients
        .iter()
        .take(FORGET_AMONG)
        .min_by_key(|(_, client)| (client.pending > 0, now < client.blocked_until, client.expires()))
        .map(|(ip, _)| *ip);
    if let Some(oldest) = oldest {
        clients.remove(&oldest);
    }
}

/// An IPv6 client has a whole /64 to itself.
fn key(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMIT: FailureLimit =
        FailureLimit { count: 3, within: Duration::from_secs(60), block_for: Duration::from_secs(600) };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    }

    #[test]
    fn blocks_after_the_count_and_for_the_time() {
        let table = Table::new();
        let client = ip("192.0.2.1");
        for second in 0..2 {
            table.failed(client, &LIMIT, second * 1000);
        }
        assert!(!table.blocked(client, 2000));
        table.failed(client, &LIMIT, 2000);
        assert!(table.blocked(client, 2001));
        assert!(!table.blocked(ip("192.0.2.2"), 2001));
        assert!(table.blocked(ip("::ffff:192.0.2.1"), 2001), "a mapped address is the same client");
        assert!(table.blocked(client, 601_999));
        assert!(!table.blocked(client, 602_000));
        // It begins anew after the block.
        table.failed(client, &LIMIT, 602_000);
        assert!(!table.blocked(client, 602_001));
    }

    #[test]
    fn old_failures_do_not_count() {
        let table = Table::new();
        let client = ip("192.0.2.1");
        for minute in 0..20 {
            table.failed(client, &LIMIT, minute * 60_000);
            table.failed(client, &LIMIT, minute * 60_000 + 1);
            assert!(!table.blocked(client, minute * 60_000 + 2), "minute {minute}");
        }
    }

    #[test]
    fn a_network_of_one_customer_is_one_client() {
        let table = Table::new();
        for host in 1..=3 {
            table.failed(ip(&format!("2001:db8::{host}")), &LIMIT, 0);
        }
        assert!(table.blocked(ip("2001:db8::ffff"), 1));
        assert!(!table.blocked(ip("2001:db8:0:1::1"), 1));
    }

    #[test]
    fn memory_is_bounded_and_blocks_outlive_it() {
        let table = Table::new();
        let blocked = ip("192.0.2.1");
        for _ in 0..3 {
            table.failed(blocked, &LIMIT, 0);
        }
        for n in 0..u32::try_from(CLIENTS_MAX).unwrap_or(0) + 5000 {
            table.failed(IpAddr::V4((0x0a00_0000 + n).into()), &LIMIT, 1);
        }
        assert_eq!(table.lock().len(), CLIENTS_MAX);
        assert!(table.blocked(blocked, 2));
    }

    #[test]
    fn tries_at_once_are_not_more_than_may_fail() {
        let table = Table::new();
        let client = ip("192.0.2.1");
        let begin = |now| table.begin(client, &LIMIT, now);
        assert_eq!([begin(0), begin(0), begin(0), begin(0)], [Turn::Yours, Turn::Yours, Turn::Yours, Turn::Wait]);
        assert_eq!(table.begin(ip("192.0.2.2"), &LIMIT, 0), Turn::Yours);
        // One fails, one succeeds: there is room for one more beside the one that is still checked.
        table.failed(client, &LIMIT, 1);
        table.end(client, &LIMIT);
        table.end(client, &LIMIT);
        assert_eq!([begin(1), begin(1)], [Turn::Yours, Turn::Wait]);
        for _ in 0..2 {
            table.failed(client, &LIMIT, 2);
            table.end(client, &LIMIT);
        }
        assert_eq!(begin(3), Turn::Blocked);
        assert_eq!(begin(600_002), Turn::Yours);
        // Who never failed is not remembered.
        let other = ip("192.0.2.2");
        table.end(other, &LIMIT);
        assert!(!table.lock().contains_key(&other));
    }

    #[test]
    fn zero_is_no_limit() {
        let table = Table::new();
        for _ in 0..100 {
            table.failed(ip("192.0.2.1"), &FailureLimit { count: 0, ..LIMIT }, 0);
        }
        assert!(!table.blocked(ip("192.0.2.1"), 0));
    }
}
