//! Deletes from the store what has expired: history, holds, filter state. No decision about mail.

use std::sync::Arc;
use std::time::Duration;

use postwarden_store::{Result, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::node::Node;

/// Time between two rounds.
pub const EVERY: Duration = Duration::from_secs(60);

/// Calls of one kind in a round: each deletes a bounded number, the rest waits for the next round.
pub const BATCHES_MAX: usize = 100;

/// Between two batches, so that mail comes first.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs until `stop`.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = round(&node) => {}
        }
    }
}

async fn round(node: &Node) {
    let now = node.now();
    let keep = node.config.load().log.history;
    let keep = Timestamp::try_from(keep.as_millis()).unwrap_or(Timestamp::MAX);
    // 0 is unlimited, as everywhere.
    if keep > 0 {
        let before = now.saturating_sub(keep);
        repeat("history", async || node.store.expire_history(before).await).await;
    }
    repeat("holds", async || node.store.expire_holds(now).await).await;
    repeat("state", async || node.store.expire_state(now).await).await;
}

async fn repeat(what: &str, delete: impl AsyncFn() -> Result<u64>) {
    for _ in 0..BATCHES_MAX {
        match delete().await {
            Ok(0) => return,
            Ok(count) => tracing::debug!("{count} expired entries deleted: {what}"),
            Err(error) => {
                tracing::warn!("expired entries were not deleted ({what}): {error}");
                return;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
