//! What an operation is, what it works on, and how it says no. No HTTP here.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use postwarden_store::{Accounts, Store, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::node::Node;

/// What operations work on: the parts of a running server, or a store that a command opened itself.
pub struct Parts<'a> {
    pub config: Arc<Config>,
    pub store: &'a dyn Store,
    pub accounts: &'a (dyn Accounts + Send + Sync),
    /// The running server; none where a command works on the store itself.
    pub node: Option<&'a Arc<Node>>,
    pub now: Timestamp,
}

impl<'a> Parts<'a> {
    pub fn of(node: &'a Arc<Node>) -> Self {
        Self {
            config: node.config.load_full(),
            store: node.store.as_ref(),
            accounts: node.accounts.as_ref(),
            node: Some(node),
            now: node.now(),
        }
    }

    /// Something may be due now, and somebody wants to see it tried.
    pub(super) fn wake_queue(&self) {
        if let Some(node) = self.node {
            node.queue_hurry.fetch_add(1, Ordering::Relaxed);
            node.queue_wake.notify_one();
        }
    }
}

/// One thing an operator can ask for, with what it returns. The struct itself is the request's JSON.
pub trait Operation: Serialize + DeserializeOwned + Send + 'static {
    type Reply: Serialize + DeserializeOwned + Send;
    /// Below `/api/v1/`.
    const ROUTE: &'static str;
    /// Whether it changes anything; such operations are logged.
    const CHANGES: bool = false;
    /// Bytes of its JSON.
    const REQUEST_BYTES_MAX: usize = 1 << 20;

    fn run(self, parts: &Parts<'_>) -> impl Future<Output = Result<Self::Reply, Refused>> + Send;
}

/// Why an operation was not done, for people: what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    pub kind: Kind,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request itself is wrong.
    Invalid,
    NotFound,
    /// It would be possible, but not like this.
    Refused,
    /// The token is missing or wrong.
    Unauthorised,
    /// The store, or another part, cannot do it now.
    Unavailable,
}

impl Refused {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }
}

impl From<postwarden_store::Error> for Refused {
    fn from(error: postwarden_store::Error) -> Self {
        use postwarden_store::Error;
        let kind = match &error {
            Error::NotFound(_) => Kind::NotFound,
            Error::Exists(_) | Error::Lost(_) => Kind::Refused,
            Error::LimitExceeded(_) | Error::Invalid(_) => Kind::Invalid,
            Error::Full(_) | Error::Unavailable(_) | Error::Damaged(_) | Error::InUse(_) => Kind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}
