//! State that outlives a call: buckets within the grant and its quota. The server keeps them; nothing is cached here.
//! `configure` reads only, and what it reads is remembered.

use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::convert;
use crate::context::Context;
use crate::services::StateError;
use crate::track_0_1::postwarden::filter::state as wit;

/// Bytes of a key.
const KEY_BYTES_MAX: usize = 512;
/// Bytes of a value.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// Keys of one host call.
const KEYS_MAX: usize = 1000;
/// Bytes that a counter takes of the quota, beside its key.
const COUNTER_BYTES: usize = 8;

#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Bucket {
    /// As the store knows it.
    name: String,
    /// Bytes.
    quota: u64,
}

type Done<T> = std::result::Result<T, wit::Error>;

impl wit::Host for Context {}

impl wit::HostBucket for Context {
    async fn open(&mut self, name: String) -> Result<Done<Resource<Bucket>>> {
        self.enter("state.bucket.open")?;
        let Some(buckets) = &self.shared.grants.state else { return Ok(Err(wit::Error::AccessDenied)) };
        let Some(quota) = buckets.get(&name).copied() else { return Ok(Err(wit::Error::NoSuchBucket)) };
        let name = match name.is_empty() {
            true => format!("filter/{}", self.shared.name),
            false => format!("bucket/{name}"),
        };
        Ok(Ok(self.hand(Bucket { name, quota })?))
    }

    async fn get(&mut self, this: Resource<Bucket>, key: String) -> Result<Done<Option<Vec<u8>>>> {
        self.enter("state.bucket.get")?;
        if key.len() > KEY_BYTES_MAX {
            return Ok(Ok(None));
        }
        let bucket = &self.table.get(&this)?.name;
        if self.call.is_none() && !self.reads.may_watch(bucket, &key) {
            return Ok(Err(wit::Error::QuotaExceeded));
        }
        let asked = [key];
        let value = match self.shared.services.get_many(bucket, &asked).await {
            Ok(values) => values.into_iter().next().flatten(),
            Err(error) => return Ok(Err(error_of(error))),
        };
        if self.call.is_none() {
            let [key] = &asked;
            self.reads.watch(bucket, key, value.as_deref());
        }
        Ok(Ok(value))
    }

    async fn get_many(&mut self, this: Resource<Bucket>, keys: Vec<String>) -> Result<Done<Vec<Option<Vec<u8>>>>> {
        self.enter("state.bucket.get-many")?;
        if keys.len() > KEYS_MAX || keys.iter().any(|key| key.len() > KEY_BYTES_MAX) {
            return Ok(Err(wit::Error::QuotaExceeded));
        }
        let bucket = &self.table.get(&this)?.name;
        let values = match self.shared.services.get_many(bucket, &keys).await {
            Ok(values) => values,
            Err(error) => return Ok(Err(error_of(error))),
        };
        let bytes = values.iter().flatten().map(Vec::len).fold(0, usize::saturating_add);
        if bytes > self.piece(u32::MAX) {
            return Ok(Err(wit::Error::QuotaExceeded));
        }
        if self.call.is_none() {
            for (key, value) in keys.iter().zip(&values) {
                self.reads.note(bucket, key, value.as_deref());
            }
        }
        Ok(Ok(values))
    }

    async fn set(&mut self, this: Resource<Bucket>, key: String, value: Vec<u8>, ttl: Option<u64>) -> Result<Done<()>> {
        self.enter("state.bucket.set")?;
        if let Err(error) = self.room_for(&this, &[&key], value.len()).await? {
            return Ok(Err(error));
        }
        let bucket = &self.table.get(&this)?.name;
        Ok(self.shared.services.set(bucket, &key, &value, convert::duration(ttl)).await.map_err(error_of))
    }

    async fn delete(&mut self, this: Resource<Bucket>, key: String) -> Result<Done<()>> {
        self.enter("state.bucket.delete")?;
        if self.call.is_none() {
            return Ok(Err(wit::Error::AccessDenied));
        }
        let bucket = &self.table.get(&this)?.name;
        Ok(self.shared.services.delete(bucket, &key).await.map_err(error_of))
    }

    async fn increment(
        &mut self,
        this: Resource<Bucket>,
        key: String,
        delta: i64,
        ttl: Option<u64>,
    ) -> Result<Done<i64>> {
        self.enter("state.bucket.increment")?;
        if let Err(error) = self.room_for(&this, &[&key], COUNTER_BYTES).await? {
            return Ok(Err(error));
        }
        let bucket = &self.table.get(&this)?.name;
        let sums = self.shared.services.increment_many(bucket, &[(key, delta)], convert::duration(ttl)).await;
        let absent = || wit::Error::Other("the store gave no sum".to_owned());
        Ok(sums.map_err(error_of).and_then(|sums| sums.first().copied().ok_or_else(absent)))
    }

    async fn increment_many(
        &mut self,
        this: Resource<Bucket>,
        deltas: Vec<(String, i64)>,
        ttl: Option<u64>,
    ) -> Result<Done<Vec<i64>>> {
        self.enter("state.bucket.increment-many")?;
        let keys: Vec<&str> = deltas.iter().map(|(key, _)| key.as_str()).collect();
        if let Err(error) = self.room_for(&this, &keys, COUNTER_BYTES.saturating_mul(keys.len())).await? {
            return Ok(Err(error));
        }
        let bucket = &self.table.get(&this)?.name;
        Ok(self.shared.services.increment_many(bucket, &deltas, convert::duration(ttl)).await.map_err(error_of))
    }

    async fn compare_and_set(
        &mut self,
        this: Resource<Bucket>,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl: Option<u64>,
    ) -> Result<Done<bool>> {
        self.enter("state.bucket.compare-and-set")?;
        if let Err(error) = self.room_for(&this, &[&key], value.len()).await? {
            return Ok(Err(error));
        }
        let bucket = &self.table.get(&this)?.name;
        let ttl: Option<Duration> = convert::duration(ttl);
        let done = self.shared.services.compare_and_set(bucket, &key, expected.as_deref(), &value, ttl).await;
        Ok(done.map_err(error_of))
    }

    async fn list_keys(
        &mut self,
        this: Resource<Bucket>,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Done<Vec<String>>> {
        self.enter("state.bucket.list-keys")?;
        let most = usize::try_from(limit).unwrap_or(KEYS_MAX).min(KEYS_MAX);
        let bucket = &self.table.get(&this)?.name;
        let keys = self.shared.services.list_keys(bucket, &prefix, after.as_deref(), most).await;
        if let (None, Ok(keys)) = (&self.call, &keys) {
            // That there is nothing is read as well.
            self.reads.note(bucket, &prefix, None);
            keys.iter().for_each(|key| self.reads.note(bucket, key, None));
        }
        Ok(keys.map_err(error_of))
    }

    fn drop(&mut self, this: Resource<Bucket>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Context {
    /// Whether keys and so many bytes of values may be written. The bucket may be over its quota by what is written at
    /// the same moment: the store is asked, not locked.
    async fn room_for(&mut self, this: &Resource<Bucket>, keys: &[&str], bytes: usize) -> Result<Done<()>> {
        if self.call.is_none() {
            return Ok(Err(wit::Error::AccessDenied));
        }
        let bucket = self.table.get(this)?;
        let too_long = keys.len() > KEYS_MAX || keys.iter().any(|key| key.len() > KEY_BYTES_MAX);
        if too_long || bytes > VALUE_BYTES_MAX {
            return Ok(Err(wit::Error::QuotaExceeded));
        }
        let wanted = keys.iter().map(|key| key.len()).fold(bytes, usize::saturating_add);
        Ok(match self.shared.services.bucket_bytes(&bucket.name).await {
            Ok(used) if used.saturating_add(u64::try_from(wanted).unwrap_or(u64::MAX)) > bucket.quota => {
                Err(wit::Error::QuotaExceeded)
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error_of(error)),
        })
    }
}

fn error_of(error: StateError) -> wit::Error {
    match error {
        StateError::QuotaExceeded => wit::Error::QuotaExceeded,
        StateError::Unavailable(what) => wit::Error::Unavailable(what),
        StateError::Other(what) => wit::Error::Other(what),
    }
}
