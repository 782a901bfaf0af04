//! Small persistent state with expiry: counters, greylists, caches, send limits.

use async_trait::async_trait;

use crate::{Error, Result, Timestamp};

pub const KEY_BYTES_MAX: usize = 1024;
pub const VALUE_BYTES_MAX: usize = 64 << 10;
/// Keys in one call.
pub const KEYS_MAX: usize = 1000;

pub(crate) fn check_count(keys: usize) -> Result<()> {
    if keys > KEYS_MAX {
        Err(Error::LimitExceeded(format!("{keys} keys in one call, at most {KEYS_MAX}")))
    } else {
        Ok(())
    }
}

pub(crate) fn check_key(bucket: &str, key: &str) -> Result<()> {
    if bucket.len() > KEY_BYTES_MAX || key.len() > KEY_BYTES_MAX {
        return Err(Error::LimitExceeded(format!("buckets and keys have at most {KEY_BYTES_MAX} bytes")));
    }
    Ok(())
}

pub(crate) fn check_value(value: &[u8]) -> Result<()> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(Error::LimitExceeded(format!("a value has at most {VALUE_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// A counter read as a value: decimal digits.
pub(crate) fn counter_text(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

pub(crate) fn not_a_counter(key: &str) -> Error {
    Error::Exists(format!("the key {key:?} holds a value, not a counter"))
}

/// Survives kill -9; the last moments may be lost at power loss. Expired keys are as absent. `expires` none keeps the value until it is deleted.
#[async_trait]
pub trait FilterState {
    async fn get_many(&self, bucket: &str, keys: &[String], now: Timestamp) -> Result<Vec<Option<Vec<u8>>>>;
    async fn set(&self, bucket: &str, key: &str, value: &[u8], expires: Option<Timestamp>) -> Result<()>;
    async fn delete_key(&self, bucket: &str, key: &str) -> Result<()>;
    /// Adds to a counter and returns the sum, atomically over all nodes; it stops at the ends of
    /// the range. Read by `get_many` it is decimal digits. `Exists` where the key holds a value that was
    /// set. An absent counter is 0 and takes `expires`; a present one keeps the expiry it has. `delta` 0 reads.
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
