//! Message content on its way out, in chunks and in bounded memory.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::blocking;
use crate::{Error, Result};

/// Content larger than this many bytes lives in a file (or in rows of its own), not in memory.
pub const INLINE_BYTES_MAX: usize = 64 << 10;

/// Content is handed out in chunks of at most this many bytes.
pub const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Content of a stored message, or of a draft: a reader with a position.
pub struct Body {
    source: Source,
    size: u64,
    position: u64,
}

#[derive(Clone)]
enum Source {
    Inline(Arc<Vec<u8>>),
    Open(Arc<File>),
    /// Opened at the first read, so that a thousand claimed messages need no thousand descriptors.
    Path(PathBuf),
    Chunks(Arc<dyn Chunks>),
}

/// Content that a backend reads piece by piece.
#[async_trait]
pub(crate) trait Chunks: Send + Sync {
    /// Bytes from `offset`, a multiple of [`CHUNK_BYTES_MAX`]; all chunks but the last one are full.
    async fn chunk(&self, offset: u64) -> Result<Vec<u8>>;
}

impl Body {
    pub(crate) fn from_memory(bytes: Arc<Vec<u8>>) -> Self {
        let size = bytes.len() as u64;
        Self { source: Source::Inline(bytes), size, position: 0 }
    }

    pub(crate) fn from_file(file: Arc<File>, size: u64) -> Self {
        Self { source: Source::Open(file), size, position: 0 }
    }

    pub(crate) fn from_path(path: PathBuf, size: u64) -> Self {
        Self { source: Source::Path(path), size, position: 0 }
    }

    pub(crate) fn from_chunks(chunks: Arc<dyn Chunks>, size: u64) -> Self {
        Self { source: Source::Chunks(chunks), size, position: 0 }
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The whole content where it is in memory, so that small messages need no copy and no await.
    pub fn inline(&self) -> Option<&[u8]> {
        match &self.source {
            Source::Inline(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A second reader of the same content, from its beginning.
    pub fn again(&self) -> Self {
        Self { source: self.source.clone(), size: self.size, position: 0 }
    }

    /// The next chunk, at most [`CHUNK_BYTES_MAX`]; `None` at the end. `Damaged` if the content is
    /// shorter than was stored, `NotFound` if it was removed meanwhile.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if self.position >= self.size {
            return Ok(None);
        }
        if let Source::Path(path) = &self.source {
            let path = path.clone();
            let file = blocking(move || File::open(&path).map_err(|error| Error::file(path.display(), &error))).await?;
            self.source = Source::Open(Arc::new(file));
        }
        let length = usize::try_from(self.size - self.position).unwrap_or(usize::MAX).min(CHUNK_BYTES_MAX);
        let chunk = match &self.source {
            Source::Inline(bytes) => {
                let rest = usize::try_from(self.position).ok().and_then(|start| bytes.get(start..));
                rest.map(|rest| rest.iter().copied().take(length).collect())
            }
            Source::Open(file) => Some(read_at(Arc::clone(file), self.position, length).await?),
            Source::Chunks(chunks) => Some(chunks.chunk(self.position).await?),
            Source::Path(_) => None,
        };
        match chunk {
            Some(chunk) if chunk.len() == length => {
                self.position += length as u64;
                Ok(Some(chunk))
            }
            _ => Err(Error::Damaged(format!("content ends before its {} bytes", self.size))),
        }
    }
}

/// Exactly `length` bytes unless the file is shorter.
pub(crate) async fn read_at(file: Arc<File>, offset: u64, length: usize) -> Result<Vec<u8>> {
    blocking(move || {
        let mut bytes = vec![0; length];
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(Vec::new()),
            Err(error) => Err(Error::file("content file", &error)),
        }
    })
    .await
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} of {} bytes)", self.position, self.size)
    }
}
