//! Held messages: quarantine and challenge. They are messages of the queue that are never due.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::queue::QueuedMessage;
use crate::{Id, Result, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldReason {
    Quarantine,
    Challenge,
    /// Until an operator, or a limit, lets it go.
    Operator,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewHold {
    pub reason: HoldReason,
    /// The filter's name and finding, or the limit.
    pub detail: String,
    pub expires: Option<Timestamp>,
}

#[async_trait]
pub trait Holds {
    /// Held messages in the order of their ids, after `after`, at most `limit`.
    async fn list_held(
        &self,
        reason: Option<HoldReason>,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<QueuedMessage>>;
    /// To the queue, due `now`.
    async fn release(&self, id: Id, now: Timestamp) -> Result<()>;
    async fn delete(&self, id: Id) -> Result<()>;
    /// Deletes what has expired; returns how many.
    async fn expire_holds(&self, now: Timestamp) -> Result<u64>;
}
