//! Some recipients of one claimed message, on their way through one route.

use std::sync::Arc;

use postwarden_store::Body;
use postwarden_store::queue::{Job, QueuedMessage, QueuedRecipient};
use tokio::sync::OwnedSemaphorePermit;

use super::verdict::Verdict;

/// What all parts of one claimed message share. While any of it lives, its slot is taken.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub message: Arc<QueuedMessage>,
    pub trace: Vec<u8>,
    pub body: Body,
    _slot: OwnedSemaphorePermit,
}

impl Claimed {
    pub(crate) fn new(job: Job, slot: OwnedSemaphorePermit) -> Arc<Self> {
        Arc::new(Self { message: job.message, trace: job.trace, body: job.body, _slot: slot })
    }
}

/// The recipients of one message that go one way.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub claimed: Arc<Claimed>,
    pub indexes: Vec<u32>,
    /// One of the places for mail to hosts that have not shown yet that they take any.
    pub place: Option<Arc<OwnedSemaphorePermit>>,
}

impl Part {
    pub(crate) fn new(claimed: &Arc<Claimed>, indexes: Vec<u32>) -> Self {
        Self { claimed: Arc::clone(claimed), indexes, place: None }
    }

    pub(crate) fn message(&self) -> &Arc<QueuedMessage> {
        &self.claimed.message
    }

    pub(crate) fn recipients(&self) -> impl Iterator<Item = &QueuedRecipient> {
        self.indexes.iter().filter_map(|index| self.message().recipients.iter().find(|one| one.index == *index))
    }

    /// The same verdict for all.
    pub(crate) fn all(&self, verdict: &Verdict) -> Vec<(u32, Verdict)> {
        self.indexes.iter().map(|index| (*index, verdict.clone())).collect()
    }
}
