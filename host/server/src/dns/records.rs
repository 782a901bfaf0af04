//! Parsed records of sender authentication, kept as long as their TTL. Bounded; shared by all sessions.

use std::borrow::Borrow;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use mail_auth::{DnsError, Error, MX, Parameters, RecordSet, ResolverCache, Txt};
use moka::Expiry;
use moka::sync::Cache;

/// Names of each type.
const NAMES_MAX: u64 = 20_000;
/// Whatever the TTL says.
const KEPT_MAX: Duration = Duration::from_secs(24 * 3600);

type Names<T> = Kept<Box<str>, RecordSet<T>>;
type Pointers = Kept<IpAddr, RecordSet<Box<str>>>;
type Remembering<'r, P> = Parameters<'r, P, Texts, Names<MX>, Names<Ipv4Addr>, Names<Ipv6Addr>, Pointers>;

pub struct Records {
    txt: Texts,
    mx: Names<MX>,
    ipv4: Names<Ipv4Addr>,
    ipv6: Names<Ipv6Addr>,
    ptr: Pointers,
}

impl Records {
    pub(super) fn new() -> Self {
        Self { txt: Texts(Kept::new()), mx: Kept::new(), ipv4: Kept::new(), ipv6: Kept::new(), ptr: Kept::new() }
    }

    /// For questions about TXT records alone.
    pub fn texts(&self) -> Option<&Texts> {
        Some(&self.txt)
    }

    /// A question that uses and fills this memory.
    pub fn about<P>(&self, params: P) -> Remembering<'_, P> {
        Parameters {
            params,
            cache_txt: Some(&self.txt),
            cache_mx: Some(&self.mx),
            cache_ptr: Some(&self.ptr),
            cache_ipv4: Some(&self.ipv4),
            cache_ipv6: Some(&self.ipv6),
        }
    }
}

pub struct Kept<K, V>(Cache<K, (V, Instant)>);

/// The end of each entry's own time.
struct AtItsEnd;

impl<K, V> Expiry<K, (V, Instant)> for AtItsEnd {
    fn expire_after_create(&self, _: &K, value: &(V, Instant), now: Instant) -> Option<Duration> {
        Some(value.1.saturating_duration_since(now).min(KEPT_MAX))
    }
    fn expire_after_update(&self, _: &K, value: &(V, Instant), now: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(value.1.saturating_duration_since(now).min(KEPT_MAX))
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Kept<K, V> {
    fn new() -> Self {
        Self(Cache::builder().max_capacity(NAMES_MAX).expire_after(AtItsEnd).build())
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> ResolverCache<K, V> for Kept<K, V> {
    fn get<Q>(&self, name: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(name).map(|(value, _)| value)
    }

    fn remove<Q>(&self, name: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.remove(name).map(|(value, _)| value)
    }

    fn insert(&self, key: K, value: V, valid_until: Instant) {
        self.0.insert(key, (value, valid_until));
    }
}

/// TXT records are kept parsed, under their name alone. A sender chooses which names are asked and as what: an SPF
/// question for somebody's DMARC record must not leave the memory that there is none. So only what is a record of
/// its own type is kept, and that a name has no TXT at all.
pub struct Texts(Kept<Box<str>, Txt>);

impl ResolverCache<Box<str>, Txt> for Texts {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(name)
    }

    fn remove<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.remove(name)
    }

    fn insert(&self, key: Box<str>, value: Txt, valid_until: Instant) {
        let own = matches!(
            &value,
            Txt::Spf(_) | Txt::DomainKey(_) | Txt::Dmarc(_) | Txt::Error(Error::Dns(DnsError::RecordNotFound(_)))
        );
        if own {
            self.0.insert(key, value, valid_until);
        }
    }
}
