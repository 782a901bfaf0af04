//! Operations on the history: what happened to messages.

use postwarden_store::{HistoryQuery, HistoryRecord};
use serde::{Deserialize, Serialize};

use super::operation::{Operation, Parts, Refused};

pub const RECORDS_MAX: u32 = 10_000;

/// Newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FindHistory {
    pub query: HistoryQuery,
}

impl Operation for FindHistory {
    type Reply = Vec<HistoryRecord>;
    const ROUTE: &'static str = "history/find";

    async fn run(mut self, parts: &Parts<'_>) -> Result<Self::Reply, Refused> {
        self.query.limit = if self.query.limit == 0 { 100 } else { self.query.limit.min(RECORDS_MAX) };
        Ok(parts.store.find(&self.query).await?)
    }
}
