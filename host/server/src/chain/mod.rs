//! The filter chain: asks the filters of a hook in their order and turns their verdicts into a refusal, a hold or
//! nothing. Who stands in a slot is `filters`; what runs a component is the sandbox; no reply text stands here.
//!
//! Reject, defer and discard end the chain of their hook at once. Quarantine and challenge let later filters go on,
//! since a refusal is stronger: a virus in held mail is refused. `accept` skips the rest of its hook, but for filters
//! that run always. A hold at connection hooks holds each message of the connection, one at RCPT the whole message.

mod ask;
mod conversation;
mod decision;
mod edit;
mod facts;
mod feedback;
mod hooks;
mod message;
mod outcome;

pub use conversation::Conversation;
pub(crate) use decision::{Report, describe};
pub(crate) use edit::message as edited;
pub(crate) use facts::apply as apply_to_envelope;
pub use feedback::{Learned, feedback};
pub(crate) use hooks::{connection, deferral, recipient, refusal, sender};
pub(crate) use message::{Changes, Fated, message};
pub(crate) use outcome::outcome;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of messages that are in memory for filters at one time, over all sessions.
pub const CONTENT_BYTES_MAX: u64 = 256 << 20;
/// Messages whose outcome waits to be told to filters; more are dropped and counted.
pub const OUTCOMES_WAITING_MAX: usize = 1000;
/// Messages whose outcome is being told.
pub const OUTCOMES_RUNNING_MAX: usize = 8;

/// What all chains of a server share.
pub struct Shared {
    /// In KiB.
    pub(self) content: Arc<Semaphore>,
    pub(self) outcomes_waiting: Arc<Semaphore>,
    pub(self) outcomes_running: Arc<Semaphore>,
    /// Outcomes no filter was told.
    pub outcomes_dropped: AtomicU64,
}

impl Shared {
    /// Room for so many KiB of a message, within [`CONTENT_BYTES_MAX`]; none: the server is stopping.
    pub(crate) async fn memory(&self, kibibytes: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.content).acquire_many_owned(kibibytes).await.ok()
    }
}

impl Default for Shared {
    fn default() -> Self {
        let kibibytes = usize::try_from(CONTENT_BYTES_MAX >> 10).unwrap_or(usize::MAX);
        Self {
            content: Arc::new(Semaphore::new(kibibytes)),
            outcomes_waiting: Arc::new(Semaphore::new(OUTCOMES_WAITING_MAX)),
            outcomes_running: Arc::new(Semaphore::new(OUTCOMES_RUNNING_MAX)),
            outcomes_dropped: AtomicU64::new(0),
        }
    }
}
