//! Small persistent state with expiry: counters, greylists, caches, send limits.

use async_trait::async_trait;

use crate::{Result, Timestamp};

pub const KEY_BYTES_MAX: usize = 1024;
pub const VALUE_BYTES_MAX: usize = 64 << 10;

/// Expired keys are as absent. `expires` none keeps the value until it is deleted.
#[async_trait]
pub trait FilterState {
    async fn get_many(&self, bucket: &str, keys: &[String], now: Timestamp) -> Result<Vec<Option<Vec<u8>>>>;
    async fn set(&self, bucket: &str, key: &str, value: &[u8], expires: Option<Timestamp>) -> Result<()>;
    async fn delete_key(&self, bucket: &str, key: &str) -> Result<()>;
    /// Adds to a counter and returns the sum, atomically over all nodes. An absent counter is 0 and
    /// takes `expires`; a present one keeps the expiry it has. `delta` 0 reads.
    async fn increment(
        &self,
        bucket: &str,
        key: &str,
        delta: i64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<i64>;
    /// Many counters at once, each (key, delta), in one transaction; the sums in their order.
    async fn increment_many(
        &self,
        bucket: &str,
        deltas: &[(String, i64)],
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<i64>>;
    /// Sets the value if the present one equals `expected` (none: absent) and tells whether it did.
    async fn compare_and_set(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool>;
    async fn list_keys(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<String>>;
    /// (keys, bytes) in the bucket.
    async fn bucket_size(&self, bucket: &str) -> Result<(u64, u64)>;
    /// Deletes what has expired; returns how many.
    async fn expire_state(&self, now: Timestamp) -> Result<u64>;
}
