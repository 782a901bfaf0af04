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
    /// Another process owns the store; the text names it.
    #[error("in use: {0}")]
    InUse(String),
    /// The caller asked for something that cannot be: the text says what is expected.
    #[error("invalid: {0}")]
    Invalid(String),
}

impl Error {
    /// What a failed file operation means. `what` names the operation and the file.
    pub(crate) fn file(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, NotFound, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full(format!("{what}: {error}")),
            NotFound => Self::NotFound(format!("{what}: {error}")),
            _ => Self::Unavailable(format!("{what}: {error}")),
        }
    }
}

/// Runs file or database work where it blocks nobody.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Unavailable(format!("work in a thread of the store ended early: {error}"))),
    }
}
