//! Some recipients of one claimed message, on their way through one route.

use std::sync::Arc;

use postwarden_store::queue::{Job, QueuedMessage, QueuedRecipient, Route};
use postwarden_store::{Body, Timestamp};
use tokio::sync::{OnceCell, OwnedSemaphorePermit};

use super::verdict::Verdict;
use crate::config::Config;
use crate::signing::{self, Outgoing};

/// What all parts of one claimed message share. While any of it lives, its slot is taken.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub message: Arc<QueuedMessage>,
    pub trace: Vec<u8>,
    pub body: Body,
    signed: OnceCell<Vec<u8>>,
    _slot: OwnedSemaphorePermit,
}

impl Claimed {
    pub(crate) fn new(job: Job, slot: OwnedSemaphorePermit) -> Arc<Self> {
        Arc::new(Self { message: job.message, trace: job.trace, body: job.body, signed: OnceCell::new(), _slot: slot })
    }

    /// Signs the message, once for all other servers that get it.
    pub(crate) async fn sign(&self, config: &Config, now: Timestamp) {
        let made = async || {
            let outgoing = Outgoing {
                envelope: &self.message.envelope,
                trace: &self.trace,
                passed_on_by: self.passed_on_by(),
                now,
            };
            signing::fields(config, &outgoing, &self.body).await.unwrap_or_else(|error| {
                tracing::error!(target: "delivery", id = %self.message.id, %error, "cannot read a message to sign it");
                Vec::new()
            })
        };
        self.signed.get_or_init(made).await;
    }

    /// The domain of the first address that led to another host.
    fn passed_on_by(&self) -> Option<&str> {
        let mut recipients = self.message.recipients.iter().map(|queued| &queued.recipient);
        let found = recipients.find(|one| matches!(one.route, Route::Remote(_)) && one.original != one.address)?;
        found.original.rsplit_once('@').map(|(_, domain)| domain)
    }

    /// The signatures; empty before [`Claimed::sign`], and where nobody signs.
    pub(crate) fn signatures(&self) -> &[u8] {
        self.signed.get().map_or(&[], Vec::as_slice)
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
