//! From the queue to mailboxes and next hops: claims due recipients, delivers, settles, bounces.

mod maildir;
mod schedule;
pub mod usage;

pub use maildir::path::maildir_path;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::node::Node;

/// Runs until `stop`; then finishes what is in progress within a limit and releases the rest.
#[allow(unused_variables, clippy::todo)]
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    todo!()
}
