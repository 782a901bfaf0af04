//! Deletes from the store what has expired: history, holds, filter state; lets DMARC reports go out. No decision about
//! mail.

use std::sync::Arc;
use std::time::Duration;

use postwarden_store::{Result, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::dmarc_reports;
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

#[derive(Clone, Copy, Debug)]
enum Kind {
    History,
    Holds,
    State,
}

async fn round(node: &Node) {
    if let Err(error) = dmarc_reports::round(node).await {
        tracing::warn!("DMARC reports were not sent: {error}");
    }
    for kind in [Kind::History, Kind::Holds, Kind::State] {
        for _ in 0..BATCHES_MAX {
            match batch(node, kind).await {
                Ok(0) => break,
                Ok(count) => tracing::debug!("{count} expired entries deleted: {kind:?}"),
                Err(error) => {
                    tracing::warn!("expired entries were not deleted ({kind:?}): {error}");
                    break;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn batch(node: &Node, kind: Kind) -> Result<u64> {
    let now = node.now();
    match kind {
        Kind::History => {
            let keep = node.config.load().log.history;
            // 0 is unlimited, as everywhere.
            if keep.is_zero() {
                return Ok(0);
            }
            let keep = Timestamp::try_from(keep.as_millis()).unwrap_or(Timestamp::MAX);
            node.store.expire_history(now.saturating_sub(keep)).await
        }
        Kind::Holds => node.store.expire_holds(now).await,
        Kind::State => node.store.expire_state(now).await,
    }
}
