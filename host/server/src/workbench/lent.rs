//! What a tried filter is lent in place of a server: state in memory, a clock that stands, DNS that is told, or the real
//! one. Fails on request.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use postwarden_sandbox::{DnsAnswer, DnsError, DnsRecord, Services, StateError};
use postwarden_store::Timestamp;

use super::scenario::{Faults, Scenario};
use crate::dns::Dns;

type Stated<T> = Result<T, StateError>;

/// Seconds that a told answer may be kept.
const TTL_SECONDS: u32 = 300;
/// Names of record types and their numbers.
const TYPES: &[(&str, u16)] = &[("A", 1), ("NS", 2), ("CNAME", 5), ("PTR", 12), ("MX", 15), ("TXT", 16), ("AAAA", 28)];

#[derive(Default)]
pub struct Lent {
    /// Asked where no answers are told.
    real: Option<Dns>,
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    now: Timestamp,
    /// By bucket and key.
    state: BTreeMap<(String, String), Kept>,
    names: Option<BTreeMap<(String, u16), Result<DnsAnswer, DnsError>>>,
    faults: Faults,
}

#[derive(Clone)]
struct Kept {
    value: Value,
    expires: Option<Timestamp>,
}

#[derive(Clone, PartialEq)]
enum Value {
    Bytes(Vec<u8>),
    Counter(i64),
}

impl Lent {
    /// With the real DNS where there is one.
    pub fn new(real: Option<Dns>) -> Self {
        Self { real, world: Mutex::default() }
    }

    /// Sets the clock, and what the scenario says about DNS, state and faults. State of before is kept.
    pub fn prepare(&self, filter: &str, scenario: &Scenario, now: Timestamp) -> Result<(), String> {
        let names = scenario.dns.iter().map(|(key, value)| told(key, value)).collect::<Result<BTreeMap<_, _>, _>>()?;
        let mut world = self.world();
        world.now = now;
        world.names = (!scenario.dns.is_empty()).then_some(names);
        world.faults = scenario.fail.clone();
        for (key, value) in &scenario.state {
            let value = match value {
                toml::Value::Integer(number) => Value::Counter(*number),
                toml::Value::String(text) => Value::Bytes(text.clone().into_bytes()),
                _ => return Err(format!("state.{key}: is text, or a number for a counter")),
            };
            world.state.insert((format!("filter/{filter}"), key.clone()), Kept { value, expires: None });
        }
        Ok(())
    }

    pub fn forget(&self) {
        self.world().state.clear();
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless it shall fail; without what has expired.
    fn open(&self) -> Stated<MutexGuard<'_, World>> {
        let mut world = self.world();
        match world.faults.state.as_deref() {
            None => {}
            Some("quota-exceeded") => return Err(StateError::QuotaExceeded),
            Some(fault) => return Err(StateError::Unavailable(fault.to_owned())),
        }
        let now = world.now;
        world.state.retain(|_, kept| kept.expires.is_none_or(|expires| expires > now));
        Ok(world)
    }
}

impl World {
    fn get(&self, bucket: &str, key: &str) -> Option<&Kept> {
        self.state.get(&(bucket.to_owned(), key.to_owned()))
    }

    fn bytes(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        match &self.get(bucket, key)?.value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::Counter(_) => None,
        }
    }

    fn put(&mut self, bucket: &str, key: &str, value: Value, expires: Option<Timestamp>) {
        self.state.insert((bucket.to_owned(), key.to_owned()), Kept { value, expires });
    }

    fn expiry(&self, ttl: Option<Duration>) -> Option<Timestamp> {
        Some(self.now.saturating_add(Timestamp::try_from(ttl?.as_millis()).unwrap_or(Timestamp::MAX)))
    }
}

#[async_trait]
impl Services for Lent {
    async fn resolve(&self, name: &str, record_type: u16) -> Result<DnsAnswer, DnsError> {
        {
            let world = self.world();
            match world.faults.dns.as_deref() {
                None => {}
                Some("timeout") => return Err(DnsError::Timeout),
                Some("server-failure") => return Err(DnsError::ServerFailure),
                Some(fault) => return Err(DnsError::Other(fault.to_owned())),
            }
            if let Some(names) = &world.names {
                let asked = (plain(name), record_type);
                return names.get(&asked).cloned().unwrap_or(Err(DnsError::NoSuchName));
            }
        }
        match &self.real {
            Some(dns) => dns.lookup(name, record_type).await,
            None => Err(DnsError::NoSuchName),
        }
    }

    async fn get_many(&self, bucket: &str, keys: &[String]) -> Stated<Vec<Option<Vec<u8>>>> {
        let world = self.open()?;
        Ok(keys.iter().map(|key| world.bytes(bucket, key)).collect())
    }

    async fn set(&self, bucket: &str, key: &str, value: &[u8], ttl: Option<Duration>) -> Stated<()> {
        let mut world = self.open()?;
        let expires = world.expiry(ttl);
        world.put(bucket, key, Value::Bytes(value.to_vec()), expires);
        Ok(())
    }

    async fn delete(&self, bucket: &str, key: &str) -> Stated<()> {
        self.open()?.state.remove(&(bucket.to_owned(), key.to_owned()));
        Ok(())
    }

    async fn increment_many(&self, bucket: &str, deltas: &[(String, i64)], ttl: Option<Duration>) -> Stated<Vec<i64>> {
        let mut world = self.open()?;
        let mut sums = Vec::with_capacity(deltas.len());
        for (key, delta) in deltas {
            let (before, expires) = match world.get(bucket, key).cloned() {
                None => (0, world.expiry(ttl)),
                Some(Kept { value: Value::Counter(number), expires }) => (number, expires),
                Some(_) => return Err(StateError::Other(format!("the value of {key:?} is no counter"))),
            };
            let sum = before.saturating_add(*delta);
            if *delta != 0 {
                world.put(bucket, key, Value::Counter(sum), expires);
            }
            sums.push(sum);
        }
        Ok(sums)
    }

    async fn compare_and_set(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Stated<bool> {
        let mut world = self.open()?;
        let same = world.bytes(bucket, key).as_deref() == expected;
        if same {
            let expires = world.expiry(ttl);
            world.put(bucket, key, Value::Bytes(value.to_vec()), expires);
        }
        Ok(same)
    }

    async fn list_keys(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: usize) -> Stated<Vec<String>> {
        let world = self.open()?;
        let wanted = |key: &str| key.starts_with(prefix) && after.is_none_or(|after| key > after);
        let keys = world.state.keys().filter(|(in_bucket, key)| in_bucket == bucket && wanted(key));
        Ok(keys.take(limit).map(|(_, key)| key.clone()).collect())
    }

    async fn bucket_bytes(&self, bucket: &str) -> Stated<u64> {
        let world = self.open()?;
        let size = |((_, key), kept): (&(String, String), &Kept)| match &kept.value {
            Value::Bytes(bytes) => key.len().saturating_add(bytes.len()),
            Value::Counter(_) => key.len().saturating_add(8),
        };
        let entries = world.state.iter().filter(|((in_bucket, _), _)| in_bucket == bucket);
        Ok(u64::try_from(entries.map(size).fold(0, usize::saturating_add)).unwrap_or(u64::MAX))
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

type Answer = ((String, u16), Result<DnsAnswer, DnsError>);

/// `"example.org MX" = "10 mx.example.org"`
fn told(key: &str, value: &toml::Value) -> Result<Answer, String> {
    let wrong = |what: &str| format!("dns.\"{key}\": {what}");
    let (name, kind) = key.split_once(' ').unwrap_or((key, "A"));
    let number = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(kind.trim())).map(|(_, number)| *number);
    let known: Vec<&str> = TYPES.iter().map(|(known, _)| *known).collect();
    let number = number.ok_or_else(|| wrong(&format!("the type is one of {}", known.join(", "))))?;
    let texts: Vec<&str> = match value {
        toml::Value::String(text) => vec![text],
        toml::Value::Array(texts) => texts.iter().filter_map(toml::Value::as_str).collect(),
        toml::Value::Table(table) => {
            let error = match table.get("error").and_then(toml::Value::as_str) {
                Some("timeout") => DnsError::Timeout,
                Some("server-failure") => DnsError::ServerFailure,
                Some("no-such-name") => DnsError::NoSuchName,
                _ => return Err(wrong("{ error = \"timeout\" }, \"server-failure\" or \"no-such-name\"")),
            };
            return Ok(((plain(name), number), Err(error)));
        }
        _ => return Err(wrong("is a record, a list of records or { error = … }")),
    };
    let records = texts.into_iter().map(|text| record(number, text).ok_or_else(|| wrong(&format!("{text:?}"))));
    let records = records.collect::<Result<_, _>>()?;
    Ok(((plain(name), number), Ok(DnsAnswer { records, ttl: TTL_SECONDS, authenticated: false })))
}

fn record(number: u16, text: &str) -> Option<DnsRecord> {
    Some(match number {
        1 => DnsRecord::Address(IpAddr::V4(text.parse().ok()?)),
        28 => DnsRecord::Address(IpAddr::V6(text.parse().ok()?)),
        15 => {
            let (preference, host) = text.split_once(' ')?;
            DnsRecord::Mx(preference.parse().ok()?, plain(host.trim()))
        }
        16 => DnsRecord::Txt(text.as_bytes().to_vec()),
        _ => DnsRecord::Name(plain(text)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn names_and_state_are_as_told_and_fail_when_told() {
        let lent = Lent::default();
        let scenario = |text: &str| toml::from_str::<Scenario>(text).unwrap();
        let told = scenario("[dns]\n\"Example.org MX\" = '10 mx.example.org.'\n'x A' = { error = 'timeout' }");
        lent.prepare("f", &told, 0).unwrap();
        let answer = lent.resolve("example.org.", 15).await.unwrap();
        assert_eq!(answer.records, [DnsRecord::Mx(10, "mx.example.org".into())]);
        assert_eq!(lent.resolve("x", 1).await, Err(DnsError::Timeout));
        assert_eq!(lent.resolve("y", 1).await, Err(DnsError::NoSuchName));
        let ttl = Some(Duration::from_millis(10));
        assert_eq!(lent.increment_many("b", &[("k".into(), 2)], ttl).await.unwrap(), [2]);
        assert_eq!(lent.increment_many("b", &[("k".into(), 2)], ttl).await.unwrap(), [4]);
        lent.prepare("f", &scenario("[state]\nk = 'v'"), 10).unwrap();
        assert_eq!(lent.increment_many("b", &[("k".into(), 2)], ttl).await.unwrap(), [2]);
        assert_eq!(lent.get_many("filter/f", &["k".into()]).await.unwrap(), [Some(b"v".to_vec())]);
        lent.prepare("f", &scenario("[fail]\nstate = 'unavailable'"), 10).unwrap();
        assert!(lent.get_many("filter/f", &["k".into()]).await.is_err());
        assert!(lent.prepare("f", &scenario("dns = { 'x QQ' = 'y' }"), 0).unwrap_err().contains("x QQ"));
    }
}
