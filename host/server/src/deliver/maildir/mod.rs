//! Delivery into Maildir folders: written to `tmp/`, made durable, renamed to `new/`, the folder made
//! durable. Blocking; called off the async threads with a whole batch, so that its files share syncs.
//!
//! The name in `new/` follows from the queue id and the recipient's position: a delivery that is
//! repeated after a crash finds its own file and makes no second one. Line ends are LF in the file,
//! as readers of Maildirs expect, and a Return-Path that the client wrote gives way to the true one;
//! nothing else of the content changes.

pub(crate) mod path;
pub(crate) mod sync;
mod write;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use postwarden_mail::header;
use sync::{Syncer, Systems, sync_folder};
pub(crate) use write::{Chunks, Source};
use write::{Target, to_lf, write_inline, write_stream};

/// A message has one, and final delivery sets it (RFC 5321 section 4.4).
const RETURN_PATH: &str = "Return-Path";
/// What lies in `tmp/` longer than this was left by a killed process.
const LEFTOVER_AGE: Duration = Duration::from_secs(36 * 3600);
/// Files looked at in one `tmp/` at once.
const LEFTOVERS_MAX: usize = 10_000;
/// Files of one content that are open at once.
const STREAM_TARGETS_MAX: usize = 32;
/// Mailboxes remembered as swept.
const SWEPT_MAX: usize = 100_000;

/// One copy of one message for one mailbox.
#[derive(Debug)]
pub(crate) struct Copy {
    /// The mailbox folder.
    pub mailbox: PathBuf,
    /// Name of the file in `new/`; see [`file_name`].
    pub name: String,
    /// Fields that stand before the content, with CRLF line ends.
    pub head: Vec<u8>,
    /// An earlier try may have succeeded without being recorded.
    pub repeated: bool,
}

/// Copies that share their content.
pub(crate) struct Parcel<'a> {
    pub copies: Vec<Copy>,
    pub content: Source<'a>,
}

/// What became of one copy.
#[derive(Debug)]
pub(crate) enum Stored {
    /// Bytes of the file.
    New(u64),
    /// It lay there already.
    Already,
}

/// The name of a delivered message: the same whenever the same recipient of the same message is
/// delivered again, and of no other.
pub(crate) fn file_name(received_ms: i64, id: &str, index: u32, hostname: &str) -> String {
    let host: String =
        hostname.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect();
    format!("{}.Q{id}R{index}.{host}", received_ms.max(0) / 1000)
}

/// What lives as long as the server.
#[derive(Debug)]
pub(crate) struct Maildirs {
    syncer: Syncer,
    swept: Mutex<HashSet<PathBuf>>,
}

impl Maildirs {
    pub(crate) fn new() -> Self {
        Self { syncer: Syncer::new(), swept: Mutex::new(HashSet::new()) }
    }

    /// Delivers all copies of all parcels; one result for each copy, in order. A result `Ok` is durable.
    pub(crate) fn deliver(&self, parcels: Vec<Parcel>) -> Vec<Vec<io::Result<Stored>>> {
        let copies: Vec<&Copy> = parcels.iter().flat_map(|parcel| &parcel.copies).collect();
        let shared = self.syncer.shares(copies.len());
        let found = already_there(&copies);
        let mut batch = Batch { shared, systems: Systems::default() };
        let mut results: Vec<Vec<Step>> = Vec::with_capacity(parcels.len());
        for mut parcel in parcels {
            for copy in &parcel.copies {
                self.sweep(&copy.mailbox);
            }
            results.push(batch.write(&mut parcel, &found));
        }
        batch.finish(&self.syncer, &mut results);
        results.into_iter().map(|parcel| parcel.into_iter().map(Step::result).collect()).collect()
    }

    /// Removes what killed processes left in `tmp/`, once for each mailbox and process.
    fn sweep(&self, mailbox: &Path) {
        let Ok(mut swept) = self.swept.lock() else { return };
        if swept.contains(mailbox) {
            return;
        }
        if swept.len() >= SWEPT_MAX {
            swept.clear();
        }
        swept.insert(mailbox.to_owned());
        drop(swept);
        let Ok(entries) = fs::read_dir(mailbox.join("tmp")) else { return };
        let now = SystemTime::now();
        for entry in entries.take(LEFTOVERS_MAX).flatten() {
            let modified = entry.metadata().and_then(|meta| meta.modified());
            if modified.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > LEFTOVER_AGE)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// How far one copy has come.
#[derive(Debug)]
enum Step {
    Written(Target),
    Renamed { target: Target },
    Done(Stored),
    Failed(io::Error),
}

impl Step {
    fn result(self) -> io::Result<Stored> {
        match self {
            Self::Done(stored) => Ok(stored),
            Self::Failed(error) => Err(error),
            // Not reached: `finish` leaves none of them.
            Self::Written(_) | Self::Renamed { .. } => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    fn target(&mut self) -> Option<&mut Target> {
        if let Self::Written(target) = self { Some(target) } else { None }
    }

    fn fail(&mut self, error: &io::Error) {
        if let Self::Written(target) = self {
            let _ = fs::remove_file(&target.temporary);
        }
        *self = Self::Failed(clone_error(error));
    }
}

/// A complete file: synced now, or noted for the sync of its file system.
fn note(systems: &mut Systems, shared: bool, file: &fs::File) -> io::Result<u64> {
    if shared { systems.note(file) } else { file.sync_all().map(|()| 0) }
}

struct Batch {
    shared: bool,
    systems: Systems,
}

impl Batch {
    fn write(&mut self, parcel: &mut Parcel, found: &HashSet<PathBuf>) -> Vec<Step> {
        let mut steps = Vec::with_capacity(parcel.copies.len());
        match &mut parcel.content {
            Source::Inline(bytes) => {
                let body = to_lf(&header::without(bytes, RETURN_PATH));
                for copy in &parcel.copies {
                    let mut step = self.open(copy, found);
                    if let Step::Written(target) = &mut step {
                        write_inline(target, &body, &mut |file| note(&mut self.systems, self.shared, file));
                    }
                    steps.push(step);
                }
            }
            Source::Stream(open) => {
                for copies in parcel.copies.chunks(STREAM_TARGETS_MAX) {
                    let mut group: Vec<Step> = copies.iter().map(|copy| self.open(copy, found)).collect();
                    let mut targets: Vec<&mut Target> = group.iter_mut().filter_map(Step::target).collect();
                    if !targets.is_empty() {
                        let sync = &mut |file: &_| note(&mut self.systems, self.shared, file);
                        write_stream(&mut targets, open(), sync);
                    }
                    steps.append(&mut group);
                }
            }
        }
        for step in &mut steps {
            if let Some(error) = step.target().and_then(|target| target.failed.take()) {
                step.fail(&error);
            }
        }
        steps
    }

    fn open(&self, copy: &Copy, found: &HashSet<PathBuf>) -> Step {
        let place = copy.mailbox.join("new").join(&copy.name);
        if copy.repeated && found.contains(&place) {
            return Step::Done(Stored::Already);
        }
        match Target::open(copy, place, self.shared) {
            Ok(target) => Step::Written(target),
            Err(error) => Step::Failed(error),
        }
    }

    fn finish(&self, syncer: &Syncer, parcels: &mut [Vec<Step>]) {
        let mut steps: Vec<&mut Step> = parcels.iter_mut().flatten().collect();
        if self.shared {
            let failed = self.systems.sync(syncer);
            for step in &mut steps {
                if let Step::Written(target) = step
                    && let Some(error) = failed.get(&target.device)
                {
                    let error = clone_error(error);
                    step.fail(&error);
                }
            }
        }
        for step in &mut steps {
            let Step::Written(target) = step else { continue };
            match target.rename() {
                Ok(()) => {
                    let target = std::mem::take(target);
                    **step = Step::Renamed { target };
                }
                Err(error) => step.fail(&error),
            }
        }
        let failed_devices = if self.shared { self.systems.sync(syncer) } else { HashMap::new() };
        let mut folders: HashMap<PathBuf, Option<io::Error>> = HashMap::new();
        for step in steps {
            let Step::Renamed { target } = step else { continue };
            let error = if self.shared {
                failed_devices.get(&target.device).map(clone_error)
            } else {
                let folder = target.place.parent().map(Path::to_owned).unwrap_or_default();
                let synced = folders.entry(folder).or_insert_with_key(|folder| sync_folder(folder).err());
                synced.as_ref().map(clone_error)
            };
            *step = match error {
                Some(error) => Step::Failed(error),
                None => Step::Done(Stored::New(target.bytes)),
            };
        }
    }
}

/// Which of the repeated copies lie in their mailboxes already: unread in `new/`, or in `cur/`,
/// where the reader has put flags behind the name.
fn already_there(copies: &[&Copy]) -> HashSet<PathBuf> {
    let mut found = HashSet::new();
    let mut wanted: HashMap<&Path, HashMap<&str, PathBuf>> = HashMap::new();
    for copy in copies.iter().filter(|copy| copy.repeated) {
        let place = copy.mailbox.join("new").join(&copy.name);
        if place.exists() {
            found.insert(place);
        } else {
            wanted.entry(&copy.mailbox).or_default().insert(&copy.name, place);
        }
    }
    for (mailbox, names) in wanted {
        let Ok(entries) = fs::read_dir(mailbox.join("cur")) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let base = name.split_once(':').map_or(&*name, |(base, _)| base);
            if let Some(place) = names.get(base) {
                found.insert(place.clone());
            }
        }
    }
    found
}

/// One error may concern many copies.
fn clone_error(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests;
