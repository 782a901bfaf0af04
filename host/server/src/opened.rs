//! A message between its end and the store: its header section at hand, to be read and replaced. The rest stays where
//! it is unless somebody needs it. What it means is not known here.

use std::sync::Arc;
use std::time::Duration;

use postwarden_mail::header;
use postwarden_smtp::Refusal;
use postwarden_store::body::CHUNK_BYTES_MAX;
use postwarden_store::{Draft, Error};
use tokio::sync::OwnedSemaphorePermit;

use crate::chain::CONTENT_BYTES_MAX;
use crate::node::Node;

/// A header section up to this size needs no second look at the message.
const HEAD_BYTES: usize = 256 << 10;

/// How long a message waits for memory while others are looked at.
const MEMORY_WAIT_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Opened {
    /// The beginning of the message, or all of it.
    bytes: Arc<Vec<u8>>,
    /// Where the header section ends.
    header: usize,
    whole: bool,
    /// Of what does not lie in memory anyway.
    _memory: Option<OwnedSemaphorePermit>,
}

impl Opened {
    pub(crate) async fn read(node: &Node, draft: &mut Draft) -> Result<Self, Refusal> {
        let bytes = draft.head(HEAD_BYTES).await.map_err(unreadable)?;
        let whole = draft.size() == size(&bytes);
        let header = header::split(&bytes).0.len();
        let closed = header < bytes.len();
        let opened = Self { bytes: Arc::new(bytes), header, whole, _memory: None };
        if whole || closed { Ok(opened) } else { opened.with_the_rest(node, draft).await }
    }

    /// All of the message in memory, within what the server gives to messages that are looked at.
    pub(crate) async fn with_the_rest(self, node: &Node, draft: &mut Draft) -> Result<Self, Refusal> {
        if self.whole {
            return Ok(self);
        }
        let size = draft.size();
        let kibibytes = u32::try_from((size >> 10).saturating_add(1).min(CONTENT_BYTES_MAX >> 10)).unwrap_or(u32::MAX);
        let wait = node.chain.memory(kibibytes);
        let Ok(Some(memory)) = tokio::time::timeout(MEMORY_WAIT_MAX, wait).await else {
            tracing::warn!(size, "no memory to look at a message: the client is asked to try again");
            return Err(Refusal::Unavailable);
        };
        let mut body = draft.body().await.map_err(unreadable)?;
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        while let Some(chunk) = body.next().await.map_err(unreadable)? {
            bytes.extend_from_slice(&chunk);
        }
        let header = header::split(&bytes).0.len();
        Ok(Self { bytes: Arc::new(bytes), header, whole: true, _memory: Some(memory) })
    }

    /// Fields in their order, without the empty line.
    pub(crate) fn header(&self) -> &[u8] {
        self.bytes.get(..self.header).unwrap_or_default()
    }

    /// As much of the message as is at hand.
    pub(crate) fn bytes(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.bytes)
    }

    /// The draft becomes one with this header section; so does what is at hand.
    pub(crate) async fn replace_header(
        &mut self,
        node: &Node,
        draft: &mut Draft,
        header: Vec<u8>,
    ) -> Result<(), Refusal> {
        let rest = self.bytes.get(self.header..).unwrap_or_default();
        let closed = rest.starts_with(b"\r\n") || rest.starts_with(b"\n");
        let mut start = header;
        let length = start.len();
        if !closed {
            start.extend_from_slice(b"\r\n");
        }
        let mut changed = node.drafts.open();
        for piece in start.chunks(CHUNK_BYTES_MAX) {
            changed.append(piece).await.map_err(unwritable)?;
        }
        let mut body = draft.body().await.map_err(unreadable)?;
        let mut skip = self.header;
        while let Some(chunk) = body.next().await.map_err(unreadable)? {
            let kept = chunk.get(skip.min(chunk.len())..).unwrap_or_default();
            skip = skip.saturating_sub(chunk.len());
            changed.append(kept).await.map_err(unwritable)?;
        }
        start.extend_from_slice(rest);
        (self.bytes, self.header) = (Arc::new(start), length);
        *draft = changed;
        Ok(())
    }
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn unreadable(error: Error) -> Refusal {
    tracing::error!(%error, "a message cannot be read back");
    Refusal::Unavailable
}

fn unwritable(error: Error) -> Refusal {
    tracing::error!(%error, "a message with a changed header cannot be written");
    match error {
        Error::Full(_) => Refusal::NoSpace,
        _ => Refusal::Unavailable,
    }
}
