//! What all parts of a running server share. No behaviour of its own beyond handing things out.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use postwarden_store::{Accounts, Drafts, Ids, Store, Timestamp};
use tokio::sync::Notify;

use crate::auth::Failures;
use crate::config::Config;
use crate::deliver::usage::Usage;
use crate::directory::Directory;
use crate::dns::Dns;

pub struct Node {
    /// Name of this node in the store (leases): hostname and process id.
    pub name: String,
    pub started: Instant,
    /// Replaced whole by a reload.
    pub config: ArcSwap<Config>,
    pub store: Arc<dyn Store>,
    pub drafts: Drafts,
    pub ids: Ids,
    /// Where accounts, aliases and lists live: the store, or `accounts.toml`.
    pub accounts: Arc<dyn Accounts + Send + Sync>,
    pub directory: Directory,
    pub dns: ArcSwap<Dns>,
    pub auth_failures: Failures,
    pub usage: Usage,
    /// Woken when something may be due.
    pub queue_wake: Notify,
}

impl Node {
    /// Wall-clock time for records and schedules.
    pub fn now(&self) -> Timestamp {
        now()
    }
}

/// Milliseconds since the Unix epoch.
pub fn now() -> Timestamp {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX))
}
