//! What the filter has been taught: one key of the state for each learned message, and one, `generation`, that changes
//! with each lesson, so that the server loads the filter again and it is trained anew. Nodes share it and restarts keep
//! it; the order of the lessons does not matter.

mod example;
mod model;
mod train;

use std::cmp::Reverse;

use postwarden_filter::state::{Bucket, Error};

pub(crate) use example::Example;
pub(crate) use model::Model;

/// Learned messages that are kept; of more, the oldest lessons go first. They fit into the bucket that the host grants
/// by default, and are trained on within seconds.
pub(crate) const EXAMPLES_MAX: usize = 6_000;
/// Lessons from one look for old ones to the next.
const SWEEP_EVERY: i64 = 256;
/// Keys asked for in one call of the host.
const KEYS_AT_ONCE: u32 = 500;
/// Changes with each lesson.
const GENERATION: &str = "generation";
/// Before the digest of a learned message.
const PREFIX: &str = "m/";

/// Keeps a lesson. One that was learned before is replaced, whatever its class was.
pub(crate) fn keep(bucket: &Bucket, digest: &str, example: &Example) -> Result<(), Error> {
    let key = format!("{PREFIX}{digest}");
    match bucket.set(&key, example.bytes(), None) {
        // Long lessons fill the bucket before they are many.
        Err(Error::QuotaExceeded) => {
            forget_all_but(bucket, 9, 10)?;
            bucket.set(&key, example.bytes(), None)?;
        }
        other => other?,
    }
    let generation = bucket.increment(GENERATION, 1, None)?;
    if generation % SWEEP_EVERY == 0 { forget_all_but(bucket, 1, 1) } else { Ok(()) }
}

/// All lessons, the newest [`EXAMPLES_MAX`] of them. Reads the generation, which the server watches from then on.
pub(crate) fn all(bucket: &Bucket) -> Result<Vec<Example>, Error> {
    bucket.get(GENERATION)?;
    let mut examples = Vec::new();
    for keys in pages(bucket)? {
        let values = bucket.get_many(&keys)?;
        examples.extend(values.into_iter().flatten().filter_map(Example::read));
    }
    if examples.len() > EXAMPLES_MAX {
        examples.sort_by_key(|example| Reverse(example.time()));
        examples.truncate(EXAMPLES_MAX);
    }
    Ok(examples)
}

/// Keeps this share of the lessons, the newest, and no more than [`EXAMPLES_MAX`].
fn forget_all_but(bucket: &Bucket, part: usize, whole: usize) -> Result<(), Error> {
    let pages = pages(bucket)?;
    let count: usize = pages.iter().map(Vec::len).sum();
    let kept = (count * part / whole).min(EXAMPLES_MAX);
    if count <= kept {
        return Ok(());
    }
    let mut ages = Vec::with_capacity(count);
    for keys in pages {
        let values = bucket.get_many(&keys)?;
        let times = values.into_iter().map(|value| value.and_then(Example::read).map_or(0, |example| example.time()));
        ages.extend(times.zip(keys));
    }
    ages.sort_unstable();
    for (_, key) in ages.iter().take(count.saturating_sub(kept)) {
        bucket.delete(key)?;
    }
    Ok(())
}

/// Keys of all lessons, in pieces that one call of the host takes.
fn pages(bucket: &Bucket) -> Result<Vec<Vec<String>>, Error> {
    let mut pages: Vec<Vec<String>> = Vec::new();
    loop {
        let after = pages.last().and_then(|page| page.last()).cloned();
        let page = bucket.list_keys(PREFIX, after.as_deref(), KEYS_AT_ONCE)?;
        if page.is_empty() {
            return Ok(pages);
        }
        pages.push(page);
    }
}
