//! What outlives a process: queue, message bodies, holds, history, accounts and filter state.
//! Traits and plain values here; one backend a folder; no SMTP, no policy, no clock (time is an argument).
//!
//! Both backends pass one conformance suite (`tests/conformance`). What a trait promises is written
//! at its method and tested there.

pub mod accounts;
pub mod body;
mod clock;
mod codes;
pub mod draft;
pub mod error;
mod filter;
pub mod history;
pub mod holds;
pub mod id;
mod lock;
mod open;
pub mod postgres;
pub mod queue;
mod space;
pub mod sqlite;
pub mod state;

pub use accounts::{Account, Accounts, Alias, List, Password};
pub use body::Body;
pub use draft::{Draft, Drafts};
pub use error::{Error, Result};
pub use history::{History, HistoryQuery, HistoryRecord};
pub use holds::{HoldReason, Holds};
pub use id::{Id, Ids};
pub use open::{Backend, Opened, open};
pub use queue::Queue;
pub use state::FilterState;

/// Milliseconds since the Unix epoch.
pub type Timestamp = i64;

/// One backend: everything the server keeps.
pub trait Store: Queue + Holds + History + Accounts + FilterState + Send + Sync {}
impl<T: Queue + Holds + History + Accounts + FilterState + Send + Sync> Store for T {}
