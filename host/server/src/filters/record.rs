//! What is known of a filter over restarts: its last versions, what an operator decided, what happened. One folder a
//! filter, written whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use postwarden_store::Timestamp;
use serde::{Deserialize, Serialize};

use super::slot::{VERSIONS_MAX, Version};
use crate::node::now;

/// Events kept of one filter.
const EVENTS_MAX: usize = 200;
/// Versions remembered as rolled back from, of one filter.
const ROLLED_BACK_MAX: usize = 20;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Record {
    /// Oldest first; the last one stands.
    pub versions: Vec<Kept>,
    /// Versions that were rolled back from since one was loaded last: they are not loaded again by themselves.
    pub rolled_back: Vec<String>,
    /// SHA-256 of the component that was asked beside last.
    pub candidate: Option<String>,
    /// The candidate that stands instead of the configured component.
    pub promoted: Option<Chosen>,
    /// The candidate that is not asked any more.
    pub dropped: Option<Chosen>,
    /// Oldest first.
    pub events: Vec<Event>,
}

/// A version whose component lies in the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub id: String,
    pub component: String,
    pub source: String,
    pub loaded: Timestamp,
    /// What it was configured with: a rollback goes back to these too. Grants and budgets are always today's.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// A decision about a candidate. It ends when the configuration names other components.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The configured component at that time.
    pub standing: String,
    /// The candidate at that time.
    pub candidate: String,
    /// SHA-256 of the candidate's component.
    pub component: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub time: Timestamp,
    /// `loaded`, `refused`, `rolled-back`, `promoted`, `dropped`, `canary`.
    pub event: String,
    /// `start`, `configuration`, `file`, `command`, `failures`.
    pub by: String,
    pub version: Option<String>,
    pub detail: String,
}

/// The folder of one filter.
#[derive(Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// `name` is the filter's; what is no plain character in it is written as its number.
    pub fn new(all: &Path, name: &str) -> Self {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '-' { c.to_string() } else { format!("_{:x}", u32::from(c)) }
        };
        Self { path: all.join(name.chars().map(plain).collect::<String>()) }
    }

    /// A record that cannot be read counts as empty: it holds nothing that mail needs.
    pub fn read(&self) -> Record {
        let text = match std::fs::read(self.path.join("record.json")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Record::default(),
            Err(error) => {
                tracing::warn!(folder = %self.path.display(), %error, "the record of a filter cannot be read");
                return Record::default();
            }
        };
        serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::warn!(folder = %self.path.display(), %error, "the record of a filter is damaged and begun anew");
            Record::default()
        })
    }

    pub fn write(&self, record: &Record) {
        let written = serde_json::to_vec_pretty(record).map_err(io::Error::other);
        let done = written.and_then(|text| self.replace("record.json", &text)).and_then(|()| self.prune(record));
        if let Err(error) = done {
            tracing::error!(folder = %self.path.display(), %error, "the record of a filter cannot be written");
        }
    }

    pub fn component(&self, digest: &str) -> PathBuf {
        self.path.join(format!("{digest}.wasm"))
    }

    /// Puts a component by, so that it can stand again.
    pub fn keep(&self, digest: &str, bytes: &[u8]) {
        if self.component(digest).exists() {
            return;
        }
        if let Err(error) = self.replace(&format!("{digest}.wasm"), bytes) {
            tracing::error!(folder = %self.path.display(), %error, "a version of a filter cannot be kept");
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.path)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.path.join(name)).map_err(|error| error.error)?;
        std::fs::File::open(&self.path)?.sync_all()
    }

    fn prune(&self, record: &Record) -> io::Result<()> {
        let chosen = [&record.promoted, &record.dropped].into_iter().flatten().map(|chosen| &chosen.component);
        let kept = record.versions.iter().map(|kept| &kept.component);
        let kept: Vec<&String> = kept.chain(chosen).chain(&record.candidate).collect();
        for entry in std::fs::read_dir(&self.path)? {
            let path = entry?.path();
            let digest = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".wasm"));
            if digest.is_some_and(|digest| !kept.iter().any(|kept| *kept == digest)) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Record {
    /// `settings`: what it was loaded with.
    pub fn stands(&mut self, version: &Version, settings: &serde_json::Map<String, serde_json::Value>) {
        self.versions.retain(|kept| kept.id != version.id);
        self.versions.push(Kept {
            id: version.id.clone(),
            component: version.component.clone(),
            source: version.source.clone(),
            loaded: version.loaded,
            settings: settings.clone(),
        });
        let surplus = self.versions.len().saturating_sub(VERSIONS_MAX);
        self.versions.drain(..surplus);
    }

    /// Versions newer than this one are gone and do not come back by themselves.
    pub fn go_back(&mut self, bad: &str, to: &str) {
        if let Some(index) = self.versions.iter().position(|kept| kept.id == to) {
            self.rolled_back.extend(self.versions.drain(index.saturating_add(1)..).map(|kept| kept.id));
        } else {
            self.versions.retain(|kept| kept.id != bad);
        }
        if !self.rolled_back.iter().any(|id| id == bad) {
            self.rolled_back.push(bad.to_owned());
        }
        let surplus = self.rolled_back.len().saturating_sub(ROLLED_BACK_MAX);
        self.rolled_back.drain(..surplus);
        self.promoted = None;
    }

    /// Why the last load failed, if none has worked since.
    pub fn last_error(&self) -> Option<&Event> {
        let load = |event: &&Event| matches!(event.event.as_str(), "loaded" | "refused");
        self.events.iter().rev().find(load).filter(|event| event.event == "refused")
    }

    pub fn note(&mut self, event: &str, by: &str, version: Option<&str>, detail: &str) {
        let version = version.map(str::to_owned);
        self.events.push(Event { time: now(), event: event.into(), by: by.into(), version, detail: detail.into() });
        let surplus = self.events.len().saturating_sub(EVENTS_MAX);
        self.events.drain(..surplus);
    }
}
