//! accounts.toml as a backend of accounts, for those who keep configuration in git.
//!
//! The file lies beside the configuration. It is read again when it changes; a file with an error
//! changes nothing (the entries read before stand) and is told in the log. Commands rewrite it whole
//! and keep its comments.

mod edit;
mod read;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use postwarden_store::accounts::Entry;
use postwarden_store::{Accounts, Error, Result};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::config::read::Problem;

const FILE_NAME: &str = "accounts.toml";
/// For passwords in a file that is made anew.
const FILE_MODE: u32 = 0o600;

/// Entries by address.
type Entries = BTreeMap<String, Entry>;

pub struct AccountsFile {
    inner: Arc<Inner>,
}

struct Inner {
    file: PathBuf,
    known: Mutex<Known>,
    /// Held while the file is rewritten.
    writing: Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    entries: Arc<Entries>,
    stamp: Stamp,
    generation: i64,
}

/// What tells that a file is another one: device, inode, size, time of change in seconds and nanoseconds.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl AccountsFile {
    /// All errors of the file at once. An absent file is an empty one.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let file = path(config);
        let known = load(&file).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("accounts cannot be read:\n{}", lines.join("\n"))
        })?;
        Ok(Self { inner: Arc::new(Inner { file, known: Mutex::new(known), writing: Mutex::default() }) })
    }
}

/// The errors of the file, for `postwarden check`.
pub fn check(config: &Config) -> Vec<Problem> {
    load(&path(config)).err().unwrap_or_default()
}

fn path(config: &Config) -> PathBuf {
    let folder = config.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    folder.join(FILE_NAME)
}

fn stamp(file: &Path) -> Stamp {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

fn read_text(file: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

fn load(file: &Path) -> std::result::Result<Known, Vec<Problem>> {
    // Before the content: a change in between is seen at the next look.
    let stamp = stamp(file);
    let text = read_text(file).map_err(|error| {
        vec![Problem {
            file: file.to_owned(),
            line: None,
            key: String::new(),
            message: format!("cannot be read: {error}"),
        }]
    })?;
    let entries = Arc::new(read::parse(&text, file)?);
    Ok(Known { entries, stamp, generation: generation(&text) })
}

/// The same content is the same generation, on every node.
fn generation(text: &str) -> i64 {
    let digest = Sha256::digest(text.as_bytes());
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

impl Inner {
    /// The entries as they stand in the file now.
    fn current(&self) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = stamp(&self.file);
        if seen != known.stamp {
            match load(&self.file) {
                Ok(loaded) => *known = loaded,
                Err(problems) => {
                    // Told once for each state of the file.
                    known.stamp = seen;
                    for problem in problems {
                        tracing::error!("{problem}; the accounts read before stay in use");
                    }
                }
            }
        }
        known.clone()
    }

    fn change(&self, change: impl FnOnce(&mut toml_edit::DocumentMut, &Entries) -> Result<()>) -> Result<()> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let unavailable =
            |error: &dyn std::fmt::Display| Error::Unavailable(format!("{}: {error}", self.file.display()));
        let text = read_text(&self.file).map_err(|error| unavailable(&error))?;
        let entries = read::parse(&text, &self.file).map_err(damaged)?;
        let mut document = text.parse::<toml_edit::DocumentMut>().map_err(|error| Error::Damaged(error.to_string()))?;
        change(&mut document, &entries)?;
        let text = document.to_string();
        // What would not be read again is not written.
        read::parse(&text, &self.file).map_err(damaged)?;
        replace(&self.file, &text).map_err(|error| unavailable(&error))
    }
}

fn damaged(problems: Vec<Problem>) -> Error {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Error::Damaged(format!("the file has errors, so nothing was changed:\n{}", lines.join("\n")))
}

/// The new content or the old one, also after a crash.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mode = std::fs::metadata(file).map_or(FILE_MODE, |metadata| metadata.permissions().mode() & 0o7777);
    let partial = folder.join(format!(".{FILE_NAME}.{}", std::process::id()));
    let written = (|| {
        let mut out = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&partial)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&partial, file)?;
        std::fs::File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    written
}

#[async_trait]
impl Accounts for AccountsFile {
    async fn lookup(&self, address: &str) -> Result<Option<Entry>> {
        Ok(self.inner.current().entries.get(address).cloned())
    }

    async fn put(&self, entry: Entry, replace: bool) -> Result<()> {
        let inner = self.inner.clone();
        blocking(move || inner.change(|document, entries| edit::put(document, entries, &entry, replace))).await
    }

    async fn remove(&self, address: &str) -> Result<()> {
        let (inner, address) = (self.inner.clone(), address.to_owned());
        blocking(move || inner.change(|document, _| edit::remove(document, &address))).await
    }

    async fn entries(&self, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = after.map_or(Unbounded, Excluded);
        let entries = self.inner.current().entries;
        Ok(entries.range::<str, _>((start, Unbounded)).take(limit).map(|(_, entry)| entry.clone()).collect())
    }

    async fn generation(&self) -> Result<i64> {
        Ok(self.inner.current().generation)
    }
}

async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Unavailable(error.to_string()))?
}

#[cfg(test)]
mod tests;
