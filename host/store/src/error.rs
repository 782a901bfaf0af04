//! Why the store did not do it. Names who is to blame; no SMTP codes.

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// No space on the disk, or the store's own limit. The caller may try again later.
    #[error("no space left in the store: {0}")]
    Full(String),
    /// The backend cannot be reached or failed in a way that may pass.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    #[error("not found: {0}")]
    NotFound(String),
    #[error("already there: {0}")]
    Exists(String),
    /// A lease ended, or somebody else changed the row first.
    #[error("no longer ours: {0}")]
    Lost(String),
    /// What was read cannot be right. Never repaired silently.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Key, value, bucket or count above its limit.
    #[error("limit exceeded: {0}")]
    LimitExceeded(String),
}
