//! The history: one record for each message and each of its outcomes.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Result, Timestamp};

/// What happened to a message: at receipt, at each delivery, at refusal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryRecord {
    pub time: Timestamp,
    /// Transaction (queue) id.
    pub id: String,
    /// `received`, `refused`, `deleted`, `held`, `delivered`, `deferred`, `bounced`, `expired`, `removed`.
    pub event: String,
    pub client: String,
    pub sender: String,
    pub recipients: Vec<String>,
    pub size: u64,
    /// Row key of the reply, where there is one.
    pub reply: String,
    pub detail: String,
    /// Verdicts, scores, timing: whatever the summary record holds besides.
    pub facts: serde_json::Value,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryQuery {
    pub id: Option<String>,
    /// Exact or with `*`.
    pub sender: Option<String>,
    pub recipient: Option<String>,
    pub event: Option<String>,
    pub after: Option<Timestamp>,
    pub before: Option<Timestamp>,
    pub limit: u32,
}

#[async_trait]
pub trait History {
    /// May be lost at power loss (it is not mail), but not by kill -9 once it returned.
    async fn note(&self, record: HistoryRecord) -> Result<()>;
    /// Newest first.
    async fn find(&self, query: &HistoryQuery) -> Result<Vec<HistoryRecord>>;
    /// Deletes records older than `before`; returns how many.
    async fn expire_history(&self, before: Timestamp) -> Result<u64>;
}
