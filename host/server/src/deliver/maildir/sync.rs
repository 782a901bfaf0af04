//! Makes many new files durable with few waits. Many files of one file system share one `syncfs`;
//! few files, and systems where that is slow or does not report errors, get an fsync each.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// From this many files on, one sync of the file system is cheaper than an fsync for each.
const SHARED_SYNC_FILES_MIN: usize = 4;
/// A shared sync that takes longer waits for the writes of others: fsync is used for a while.
const SHARED_SYNC_SLOW: Duration = Duration::from_millis(400);
/// How long that is.
const SHARED_SYNC_PAUSE: Duration = Duration::from_secs(30);

/// Which way is taken, from what was seen.
#[derive(Debug)]
pub(crate) struct Syncer {
    /// Linux reports a failed write-back through syncfs since 5.8.
    reliable: bool,
    pub(super) slow_until: Mutex<Option<Instant>>,
}

impl Syncer {
    pub(crate) fn new() -> Self {
        Self { reliable: shared_sync_reports_errors(), slow_until: Mutex::new(None) }
    }

    /// Whether a batch of so many files shares its syncs.
    pub(crate) fn shares(&self, files: usize) -> bool {
        if !self.reliable || files < SHARED_SYNC_FILES_MIN {
            return false;
        }
        let slow_until = self.slow_until.lock().map(|until| *until).unwrap_or(None);
        slow_until.is_none_or(|until| Instant::now() >= until)
    }

    fn took(&self, time: Duration) {
        if time > SHARED_SYNC_SLOW
            && let Ok(mut until) = self.slow_until.lock()
        {
            *until = Some(Instant::now() + SHARED_SYNC_PAUSE);
        }
    }
}

/// One open file for each file system that a batch writes to. Errors of a write-back are seen by
/// files that were open before it, so the first file of each stays open.
#[derive(Debug, Default)]
pub(crate) struct Systems {
    by_device: HashMap<u64, File>,
}

impl Systems {
    /// The file's device; the first file of a device is kept open.
    pub(crate) fn note(&mut self, file: &File) -> io::Result<u64> {
        let device = file.metadata()?.dev();
        if let std::collections::hash_map::Entry::Vacant(slot) = self.by_device.entry(device) {
            slot.insert(file.try_clone()?);
        }
        Ok(device)
    }

    /// Syncs each file system; the errors by device.
    pub(crate) fn sync(&self, syncer: &Syncer) -> HashMap<u64, io::Error> {
        let mut failed = HashMap::new();
        for (device, file) in &self.by_device {
            let started = Instant::now();
            if let Err(error) = sync_file_system(file) {
                failed.insert(*device, error);
            }
            syncer.took(started.elapsed());
        }
        failed
    }
}

/// fsync of a folder: its entries are durable afterwards.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(target_os = "linux")]
fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_file: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn shared_sync_reports_errors() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 8)
}

#[cfg(not(target_os = "linux"))]
fn shared_sync_reports_errors() -> bool {
    false
}
