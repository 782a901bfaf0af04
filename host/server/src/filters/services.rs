//! What this server lends to its filters: its resolver and its store. Names, buckets and quotas were checked before.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use postwarden_sandbox::{DnsAnswer, DnsError, Services, StateError};
use postwarden_store::{Error, Store, Timestamp};

use crate::dns::Dns;
use crate::node::now;

pub struct FilterServices {
    pub store: Arc<dyn Store>,
    pub dns: Arc<ArcSwap<Dns>>,
}

type Stated<T> = Result<T, StateError>;

#[async_trait]
impl Services for FilterServices {
    async fn resolve(&self, name: &str, record_type: u16) -> Result<DnsAnswer, DnsError> {
        self.dns.load_full().lookup(name, record_type).await
    }

    async fn get_many(&self, bucket: &str, keys: &[String]) -> Stated<Vec<Option<Vec<u8>>>> {
        self.store.get_many(bucket, keys, now()).await.map_err(error_of)
    }

    async fn set(&self, bucket: &str, key: &str, value: &[u8], ttl: Option<Duration>) -> Stated<()> {
        self.store.set(bucket, key, value, expiry(ttl)).await.map_err(error_of)
    }

    async fn delete(&self, bucket: &str, key: &str) -> Stated<()> {
        self.store.delete_key(bucket, key).await.map_err(error_of)
    }

    async fn increment_many(&self, bucket: &str, deltas: &[(String, i64)], ttl: Option<Duration>) -> Stated<Vec<i64>> {
        self.store.increment_many(bucket, deltas, expiry(ttl), now()).await.map_err(error_of)
    }

    async fn compare_and_set(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Stated<bool> {
        self.store.compare_and_set(bucket, key, expected, value, expiry(ttl), now()).await.map_err(error_of)
    }

    async fn list_keys(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: usize) -> Stated<Vec<String>> {
        self.store.list_keys(bucket, prefix, after, limit, now()).await.map_err(error_of)
    }

    async fn bucket_bytes(&self, bucket: &str) -> Stated<u64> {
        self.store.bucket_size(bucket).await.map(|(_, bytes)| bytes).map_err(error_of)
    }
}

/// Milliseconds since the epoch; none: kept until it is deleted.
fn expiry(ttl: Option<Duration>) -> Option<Timestamp> {
    let ttl = Timestamp::try_from(ttl?.as_millis()).unwrap_or(Timestamp::MAX);
    Some(now().saturating_add(ttl))
}

fn error_of(error: Error) -> StateError {
    match error {
        Error::LimitExceeded(_) => StateError::QuotaExceeded,
        Error::Unavailable(what) => StateError::Unavailable(what.to_string()),
        other => StateError::Other(other.to_string()),
    }
}
