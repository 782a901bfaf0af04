//! Message content on its way in (a draft) and out (a body), in bounded memory.

use crate::Result;

/// Content larger than this many bytes lives in a file (or in rows of its own), not in memory.
pub const INLINE_BYTES_MAX: usize = 64 << 10;

/// Content is handed out in chunks of at most this many bytes.
pub const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Makes drafts: in memory up to [`INLINE_BYTES_MAX`] each and a budget for all together, in a file
/// of `<data-dir>/spool/` above it. Left-over files of a killed process are removed at the start.
#[derive(Debug)]
pub struct Drafts {}

/// Content that is being received. Dropping it removes what it has written.
#[derive(Debug)]
pub struct Draft {}

/// Content of a stored message, or of a finished draft.
#[derive(Debug)]
pub struct Body {}

#[allow(unused_variables, clippy::todo)]
impl Drafts {
    /// `memory_max`: bytes that all drafts together may hold in memory.
    pub fn new(spool: std::path::PathBuf, memory_max: usize) -> Result<Self> {
        todo!()
    }
    pub fn open(&self) -> Draft {
        todo!()
    }
    /// Bytes free on the spool's file system.
    pub fn free_bytes(&self) -> Result<u64> {
        todo!()
    }
}

#[allow(unused_variables, clippy::todo)]
impl Draft {
    pub async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        todo!()
    }
    pub fn size(&self) -> u64 {
        todo!()
    }
    /// The first bytes, at most `limit`: enough to look at the header section.
    pub async fn head(&mut self, limit: usize) -> Result<Vec<u8>> {
        todo!()
    }
}

#[allow(unused_variables, clippy::todo)]
impl Body {
    pub fn size(&self) -> u64 {
        todo!()
    }
    /// The whole content where it is in memory, so that small messages need no copy and no await.
    pub fn inline(&self) -> Option<&[u8]> {
        todo!()
    }
    /// The next chunk, at most [`CHUNK_BYTES_MAX`]; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        todo!()
    }
}

#[allow(clippy::todo)]
impl From<Vec<u8>> for Draft {
    /// For content made by the server itself (bounces).
    fn from(_bytes: Vec<u8>) -> Self {
        todo!()
    }
}
