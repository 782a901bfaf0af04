//! What `configure` has read from the state: a digest of all of it, and the values whose change makes the snapshot an
//! old one. Reads again only those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::compiled::hex;
use crate::services::{Services, StateError};

/// Values that one filter watches.
pub(crate) const WATCHED_MAX: usize = 1000;

/// While it is configured.
#[derive(Default)]
pub(crate) struct Reads {
    all: Option<Sha256>,
    watched: BTreeMap<(String, String), Option<String>>,
}

/// Afterwards; kept with the compiled code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateRead {
    /// SHA-256 of everything read, in hex.
    pub(crate) digest: String,
    watched: Vec<Watched>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    /// As the store knows it.
    bucket: String,
    key: String,
    /// SHA-256 of the value; none: there was none.
    value: Option<String>,
}

impl Reads {
    /// Whether one more value can be watched.
    pub(crate) fn may_watch(&self, bucket: &str, key: &str) -> bool {
        self.watched.len() < WATCHED_MAX || self.watched.contains_key(&(bucket.to_owned(), key.to_owned()))
    }

    /// Got by its own name: the first value counts, since what was built first knows no later one.
    pub(crate) fn watch(&mut self, bucket: &str, key: &str, value: Option<&[u8]>) {
        self.note(bucket, key, value);
        self.watched.entry((bucket.to_owned(), key.to_owned())).or_insert_with(|| value.map(digest));
    }

    /// Read among many: part of the digest only.
    pub(crate) fn note(&mut self, bucket: &str, key: &str, value: Option<&[u8]>) {
        let all = self.all.get_or_insert_default();
        for piece in [Some(bucket.as_bytes()), Some(key.as_bytes()), value] {
            let length = piece.and_then(|piece| u64::try_from(piece.len()).ok()).unwrap_or(u64::MAX);
            all.update(length.to_le_bytes());
            all.update(piece.unwrap_or_default());
        }
    }

    /// None: nothing was read.
    pub(crate) fn finish(self) -> Option<StateRead> {
        let watched = self.watched.into_iter().map(|((bucket, key), value)| Watched { bucket, key, value });
        Some(StateRead { digest: hex(&self.all?.finalize()), watched: watched.collect() })
    }
}

impl StateRead {
    /// Whether a change can be noticed.
    pub(crate) fn is_watched(&self) -> bool {
        !self.watched.is_empty()
    }

    pub(crate) async fn is_stale(&self, services: &dyn Services) -> Result<bool, StateError> {
        for of_bucket in self.watched.chunk_by(|one, other| one.bucket == other.bucket) {
            let Some(first) = of_bucket.first() else { continue };
            let keys: Vec<String> = of_bucket.iter().map(|watched| watched.key.clone()).collect();
            let values = services.get_many(&first.bucket, &keys).await?;
            let same = |(watched, value): (&Watched, &Option<Vec<u8>>)| watched.value == value.as_deref().map(digest);
            if values.len() != of_bucket.len() || !of_bucket.iter().zip(&values).all(same) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn digest(value: &[u8]) -> String {
    hex(&Sha256::digest(value))
}
