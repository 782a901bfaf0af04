//! What the server lends to filters: names and small state. Traits only; which names and buckets are granted was
//! decided before one of these is called.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsAnswer {
    pub records: Vec<DnsRecord>,
    /// Seconds.
    pub ttl: u32,
    pub authenticated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsRecord {
    Address(IpAddr),
    /// PTR, CNAME, NS.
    Name(String),
    Mx(u16, String),
    Txt(Vec<u8>),
    Other(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsError {
    NoSuchName,
    Timeout,
    ServerFailure,
    InvalidName,
    Other(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    QuotaExceeded,
    Unavailable(String),
    Other(String),
}

type Stated<T> = Result<T, StateError>;

/// One for the whole server. `bucket` is the name in the store, already private to the filter or shared by grant.
#[async_trait]
pub trait Services: Send + Sync {
    async fn resolve(&self, name: &str, record_type: u16) -> Result<DnsAnswer, DnsError>;
    async fn get_many(&self, bucket: &str, keys: &[String]) -> Stated<Vec<Option<Vec<u8>>>>;
    async fn set(&self, bucket: &str, key: &str, value: &[u8], ttl: Option<Duration>) -> Stated<()>;
    async fn delete(&self, bucket: &str, key: &str) -> Stated<()>;
    async fn increment_many(&self, bucket: &str, deltas: &[(String, i64)], ttl: Option<Duration>) -> Stated<Vec<i64>>;
    async fn compare_and_set(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Stated<bool>;
    async fn list_keys(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: usize) -> Stated<Vec<String>>;
    /// Bytes in the bucket.
    async fn bucket_bytes(&self, bucket: &str) -> Stated<u64>;
}
