//! Message content on its way in: in memory while small, in a spool file above that.
//! Knows no backend; a backend takes a finished draft with `finish`.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::{NamedTempFile, TempPath};

use crate::body::{Body, INLINE_BYTES_MAX, read_at};
use crate::error::blocking;
use crate::lock::{lock_file, make_folder};
use crate::space::{SPACE_BYTES_MIN, check_room, free_bytes};
use crate::{Error, Result};

/// First allocation of a draft in bytes: most messages fit in it or need two steps more.
const MEMORY_BYTES_MIN: usize = 8 << 10;
const SPOOL_PREFIX: &str = "draft-";

/// Makes drafts: in memory up to [`INLINE_BYTES_MAX`] each and a budget for all together, in a file
/// of `<data-dir>/spool/` above it. Left-over files of a killed process are removed at the start.
#[derive(Clone, Debug)]
pub struct Drafts {
    spool: Arc<Spool>,
}

#[derive(Debug)]
struct Spool {
    folder: PathBuf,
    memory: AtomicUsize,
    memory_max: usize,
    /// Two processes must not clean up each other's files.
    lock: File,
}

/// Content that is being received. Dropping it removes what it has written.
pub struct Draft {
    /// The whole content while there is no file, else its end that is not written yet.
    memory: Vec<u8>,
    reserved: Reserved,
    file: Option<SpoolFile>,
    /// Bytes in the file.
    written: u64,
    /// A write that failed, or was abandoned half-way: the content is not whole any more.
    broken: Option<Error>,
}

struct SpoolFile {
    file: Arc<File>,
    path: TempPath,
}

/// Bytes of the common budget, given back on drop.
#[derive(Default)]
pub(crate) struct Reserved {
    spool: Option<Arc<Spool>>,
    bytes: usize,
}

/// A finished draft, for a backend.
pub(crate) enum Content {
    Memory(Vec<u8>, Reserved),
    /// Written, not yet synced.
    File {
        file: Arc<File>,
        path: TempPath,
        size: u64,
    },
}

impl Drafts {
    /// `memory_max`: bytes that all drafts together may hold in memory. `InUse` if another process
    /// uses the same spool.
    pub fn new(spool: PathBuf, memory_max: usize) -> Result<Self> {
        make_folder(&spool)?;
        let lock = lock_file(&spool.join("lock"))?;
        remove_left_overs(&spool)?;
        Ok(Self { spool: Arc::new(Spool { folder: spool, memory: AtomicUsize::new(0), memory_max, lock }) })
    }

    pub fn open(&self) -> Draft {
        let mut draft = Draft::from(Vec::new());
        draft.reserved.spool = Some(Arc::clone(&self.spool));
        draft
    }

    /// Bytes that may still be received: what is free on the spool's file system, without the part that
    /// is kept for outcomes.
    pub fn free_bytes(&self) -> Result<u64> {
        Ok(free_bytes(&self.spool.lock)?.saturating_sub(SPACE_BYTES_MIN))
    }

    /// Bytes that drafts hold in memory now.
    pub fn memory_used(&self) -> usize {
        self.spool.memory.load(Ordering::Relaxed)
    }
}

fn remove_left_overs(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|error| Error::file(folder.display(), &error))?;
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(SPOOL_PREFIX.as_bytes()) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|error| Error::file(path.display(), &error))?;
        }
    }
    Ok(())
}

impl Draft {
    /// Adds to the end. `Full` if there is no space; after any error the draft is of no use.
    pub async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.whole()?;
        if self.file.is_none() {
            let fits = self.reserved.spool.is_none() || self.memory.len() + bytes.len() <= INLINE_BYTES_MAX;
            if fits && self.make_room(bytes.len()) {
                self.memory.extend_from_slice(bytes);
                return Ok(());
            }
            self.open_file().await?;
        }
        if self.memory.len() + bytes.len() > INLINE_BYTES_MAX || !self.make_room(bytes.len()) {
            self.flush().await?;
        }
        if bytes.len() <= INLINE_BYTES_MAX && self.make_room(bytes.len()) {
            self.memory.extend_from_slice(bytes);
            Ok(())
        } else {
            self.write(bytes.to_vec()).await.map(drop)
        }
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.written + self.memory.len() as u64
    }

    /// The first bytes, at most `limit`: enough to look at the header section.
    pub async fn head(&mut self, limit: usize) -> Result<Vec<u8>> {
        self.whole()?;
        let mut head = Vec::new();
        if let Some(spooled) = &self.file {
            let length = limit.min(usize::try_from(self.written).unwrap_or(usize::MAX));
            head = read_at(Arc::clone(&spooled.file), 0, length).await?;
            if head.len() != length {
                return Err(Error::Damaged("a spool file is shorter than what was written to it".to_owned()));
            }
        }
        head.extend(self.memory.iter().copied().take(limit - head.len()));
        Ok(head)
    }

    /// A reader of what is there so far; lives on when the draft is gone.
    pub async fn body(&mut self) -> Result<Body> {
        self.whole()?;
        if self.file.is_none() {
            return Ok(Body::from_memory(Arc::new(self.memory.clone())));
        }
        self.flush().await?;
        let size = self.written;
        match &self.file {
            Some(spooled) => Ok(Body::from_file(Arc::clone(&spooled.file), size)),
            None => Err(Error::Unavailable("the spool file is gone".to_owned())),
        }
    }

    pub(crate) async fn finish(mut self) -> Result<Content> {
        self.whole()?;
        if self.file.is_some() {
            self.flush().await?;
        }
        let size = self.written;
        Ok(match self.file.take() {
            Some(spooled) => Content::File { file: spooled.file, path: spooled.path, size },
            None => Content::Memory(std::mem::take(&mut self.memory), std::mem::take(&mut self.reserved)),
        })
    }

    fn whole(&self) -> Result<()> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// Makes the memory hold `more` bytes if the budget allows it.
    fn make_room(&mut self, more: usize) -> bool {
        let needed = self.memory.len() + more;
        if needed > self.memory.capacity() {
            let capacity = needed.next_power_of_two().max(MEMORY_BYTES_MIN);
            if !self.reserved.raise_to(capacity) {
                return false;
            }
            self.memory.reserve_exact(capacity - self.memory.len());
        }
        true
    }

    async fn open_file(&mut self) -> Result<()> {
        let Some(spool) = self.reserved.spool.clone() else {
            return Err(Error::Unavailable("content without a spool folder".to_owned()));
        };
        let (file, path) = blocking(move || {
            let made = tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(&spool.folder);
            made.map(NamedTempFile::into_parts).map_err(|error| Error::file(spool.folder.display(), &error))
        })
        .await?;
        self.file = Some(SpoolFile { file: Arc::new(file), path });
        self.flush().await
    }

    /// Writes the memory to the file. It is kept for further bytes if the budget has it.
    async fn flush(&mut self) -> Result<()> {
        if !self.memory.is_empty() {
            let memory = std::mem::take(&mut self.memory);
            self.memory = self.write(memory).await?;
            self.memory.clear();
        }
        Ok(())
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let Some(spooled) = &self.file else {
            return Err(Error::Unavailable("the spool file is gone".to_owned()));
        };
        let (file, offset, length) = (Arc::clone(&spooled.file), self.written, bytes.len() as u64);
        self.broken = Some(Error::Unavailable("a write to the spool was abandoned".to_owned()));
        let written = blocking(move || {
            check_room(&file, length)?;
            file.write_all_at(&bytes, offset).map_err(|error| Error::file("spool file", &error))?;
            Ok(bytes)
        })
        .await;
        self.broken = written.as_ref().err().cloned();
        self.written += length;
        written
    }
}

impl Reserved {
    fn raise_to(&mut self, bytes: usize) -> bool {
        let Some(spool) = &self.spool else { return true };
        let more = bytes.saturating_sub(self.bytes);
        let taken = spool.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            Some(used + more).filter(|sum| *sum <= spool.memory_max)
        });
        if taken.is_ok() {
            self.bytes += more;
        }
        taken.is_ok()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(spool) = &self.spool {
            spool.memory.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

impl Content {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes, _) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }
}

/// Writes, syncs and names content of the server's own that is too large for a row.
pub(crate) fn write_synced(bytes: &[u8], folder: &Path, to: &Path) -> Result<()> {
    let fail = |error: &std::io::Error| Error::file(to.display(), error);
    let mut file = tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(folder).map_err(|error| fail(&error))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_data()).map_err(|error| fail(&error))?;
    file.persist(to).map_err(|error| fail(&error.error))?;
    Ok(())
}

impl From<Vec<u8>> for Draft {
    /// For content made by the server itself (bounces).
    fn from(bytes: Vec<u8>) -> Self {
        Self { memory: bytes, reserved: Reserved::default(), file: None, written: 0, broken: None }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({} bytes)", self.size())
    }
}
