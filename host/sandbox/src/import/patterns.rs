//! Searches in a filter's place. Runs in pieces: between two of them the filter pays with its own computing time, and
//! others get their turn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aho_corasick::automaton::OverlappingState;
use wasmtime::Result;
use wasmtime::component::Resource;

use super::content::{MessageHandle, PartHandle};
use crate::context::Context;
use crate::limits::TICK;
use crate::patterns::{Refusal, Search, Sets};
use crate::track_0_1::postwarden::filter::patterns as wit;

/// Bytes searched before the clock is looked at.
const PIECE_BYTES: usize = 64 << 10;
/// Places found before the clock is looked at.
const PIECE_PLACES: usize = 4096;
/// Places of one answer.
const PLACES_MAX: usize = 100_000;

type Answer = std::result::Result<Vec<wit::Found>, wit::Error>;

impl wit::Host for Context {
    fn define(
        &mut self,
        set: String,
        patterns: Vec<Vec<u8>>,
        ignore_case: bool,
    ) -> Result<std::result::Result<(), wit::Error>> {
        self.enter("patterns.define")?;
        if self.call.is_some() {
            return Ok(Err(wit::Error::WrongTime));
        }
        Ok(self.lists.add(&set, patterns, ignore_case).map_err(|refusal| match refusal {
            Refusal::Limit => wit::Error::LimitExceeded,
            Refusal::Invalid(why) => wit::Error::Invalid(why),
        }))
    }

    async fn find_in_bytes(&mut self, set: String, bytes: Vec<u8>, places: wit::Places, limit: u32) -> Result<Answer> {
        self.enter("patterns.find-in-bytes")?;
        let read = |start: u64, most: usize| super::convert::slice(&bytes, start, most).to_vec();
        self.find(&set, read, places, limit).await
    }

    async fn find_in_part(
        &mut self,
        set: String,
        part: Resource<PartHandle>,
        places: wit::Places,
        limit: u32,
    ) -> Result<Answer> {
        let (content, at) = self.part(&part, "patterns.find-in-part")?;
        self.find(&set, move |start, most| content.part_read(at, start, most), places, limit).await
    }

    async fn find_in_message(
        &mut self,
        set: String,
        message: Resource<MessageHandle>,
        places: wit::Places,
        limit: u32,
    ) -> Result<Answer> {
        let content = self.message(&message, "patterns.find-in-message")?;
        self.find(&set, move |start, most| content.read(start, most), places, limit).await
    }
}

impl Context {
    async fn find(
        &mut self,
        set: &str,
        read: impl Fn(u64, usize) -> Vec<u8>,
        places: wit::Places,
        limit: u32,
    ) -> Result<Answer> {
        if self.call.is_none() {
            return Ok(Err(wit::Error::WrongTime));
        }
        let sets = match self.sets() {
            Ok(sets) => sets,
            Err(why) => return Ok(Err(wit::Error::Other(why))),
        };
        let Some(set) = sets.get(set) else { return Ok(Err(wit::Error::NoSuchSet)) };
        let limit = usize::try_from(limit).unwrap_or(PLACES_MAX).min(PLACES_MAX);
        let mut search = Search::new(set, matches!(places, wit::Places::Every), limit);
        let mut clock = Clock { since: Instant::now(), owed: Duration::ZERO };
        let mut text = read(0, PIECE_BYTES);
        // The place of `text` in the whole, and how much of it was searched before.
        let (mut start, mut known) = (0_u64, 0_usize);
        loop {
            let mut state = OverlappingState::start();
            while search.step(&text, 0..text.len(), known, start, &mut state, PIECE_PLACES) {
                self.pay(&mut clock).await?;
            }
            if search.is_over() {
                break;
            }
            self.pay(&mut clock).await?;
            let fresh = read(start.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX)), PIECE_BYTES);
            if fresh.is_empty() {
                break;
            }
            let gone = text.len().saturating_sub(search.overlap());
            text.drain(..gone);
            start = start.saturating_add(u64::try_from(gone).unwrap_or(u64::MAX));
            known = text.len();
            text.extend_from_slice(&fresh);
        }
        let found = |(pattern, start)| wit::Found { pattern, start };
        Ok(Ok(search.found.into_iter().map(found).collect()))
    }

    /// Those of the version; where each instance is configured, its own, built now.
    fn sets(&mut self) -> std::result::Result<Arc<Sets>, String> {
        if let Some(sets) = &self.sets {
            return Ok(Arc::clone(sets));
        }
        let built = Arc::new(self.lists.build()?);
        self.sets = Some(Arc::clone(&built));
        Ok(built)
    }

    /// Counts what the search has computed since the last look; waits a turn where that is a tick or more.
    async fn pay(&mut self, clock: &mut Clock) -> Result<()> {
        clock.owed = clock.owed.saturating_add(clock.since.elapsed());
        while clock.owed >= TICK {
            clock.owed = clock.owed.saturating_sub(TICK);
            self.tick()?;
            if clock.owed < TICK {
                tokio::task::yield_now().await;
            }
        }
        clock.since = Instant::now();
        Ok(())
    }
}

/// What a search has computed and not yet paid for.
struct Clock {
    since: Instant,
    owed: Duration,
}
