//! Loads the filters of a configuration and changes who stands in their slots: at start, by reload, by a changed file,
//! by an operator. A component that does not load changes nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::{Notify, OwnedMutexGuard};

use super::load::{Loader, component, read};
use super::record::{Chosen, Folder, Kept, Record};
use super::slot::{Canary, Slot, Version};
use super::{Filters, builtin};
use crate::config::{self, Config};

#[cfg(test)]
mod tests;

/// Files looked at for a change, of one filter.
const WATCHED_MAX: usize = 10_000;

pub struct Manager {
    /// `filters` in the data folder.
    folder: PathBuf,
    pub(super) loader: Box<dyn Loader>,
    /// One change at a time.
    pub(super) changing: Arc<tokio::sync::Mutex<()>>,
    /// As they were when they were last loaded or refused.
    seen: Mutex<HashMap<String, Seen>>,
    /// When the state of a filter is compared next.
    pub(super) due: Mutex<HashMap<String, tokio::time::Instant>>,
    /// Told when other files are to be watched.
    pub(super) moved: Notify,
}

/// Who changed something: a changed file.
const FILE: &str = "file";

type Seen = Vec<(PathBuf, Option<(u64, SystemTime)>)>;

/// What could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter \"{name}\": {message}")]
pub struct Refused {
    pub name: String,
    pub message: String,
}

/// Loaded beside what runs; nothing has changed yet.
pub struct Prepared {
    filters: Vec<(config::Filter, Ready, Option<Candidate>)>,
    /// Nothing else changes until this was committed or given up.
    _turn: OwnedMutexGuard<()>,
}

/// To be asked beside, with its bytes to be kept.
type Candidate = (Canary, Vec<u8>);

enum Ready {
    /// To be installed, with its bytes to be kept.
    Loaded(Arc<Version>, Vec<u8>),
    /// What stands already, or what an operator rolled back to.
    Stands(Arc<Version>),
}

impl Manager {
    pub fn new(folder: PathBuf, loader: Box<dyn Loader>) -> Self {
        let (changing, moved) = (Arc::default(), Notify::new());
        Self { folder, loader, changing, seen: Mutex::default(), due: Mutex::default(), moved }
    }

    /// Loads everything a configuration names. With `start`, a version that was kept stands in for one that is broken.
    pub async fn prepare(&self, filters: &Filters, config: &Config, start: bool) -> Result<Prepared, Vec<Refused>> {
        let turn = Arc::clone(&self.changing).lock_owned().await;
        let mut prepared = Prepared { filters: Vec::new(), _turn: turn };
        let mut refused = Vec::new();
        for filter in config.filters.iter().filter(|filter| is_here(filter)) {
            self.look(filter);
            let slot = filters.slot(&filter.name);
            match self.ready(filter, slot.as_deref(), start).await {
                Ok(ready) => match self.canary(filter).await {
                    Ok(canary) => prepared.filters.push((filter.clone(), ready, canary)),
                    Err(message) => refused.push(Refused { name: filter.name.clone(), message }),
                },
                Err(message) => refused.push(Refused { name: filter.name.clone(), message }),
            }
        }
        for Refused { name, message } in &refused {
            self.note(name, "refused", if start { "start" } else { "configuration" }, None, message);
        }
        if refused.is_empty() { Ok(prepared) } else { Err(refused) }
    }

    /// Makes what was prepared stand, in the order of the configuration.
    pub fn commit(&self, filters: &Filters, prepared: Prepared, by: &str) {
        let mut slots = Vec::new();
        for (filter, ready, canary) in prepared.filters {
            let slot = match filters.slot(&filter.name) {
                Some(slot) => {
                    slot.config.store(Arc::new(filter));
                    slot
                }
                None => Slot::new(filter, None),
            };
            match ready {
                Ready::Loaded(version, bytes) => self.install(&slot, version, &bytes, by),
                Ready::Stands(version) if slot.standing().is_none() => slot.install(version),
                Ready::Stands(_) => {}
            }
            self.ask_beside(&slot, canary, by);
            slots.push(slot);
        }
        filters.set(slots);
        self.moved.notify_one();
    }

    async fn ready(&self, filter: &config::Filter, slot: Option<&Slot>, start: bool) -> Result<Ready, String> {
        let folder = self.folder(&filter.name);
        let record = folder.read();
        let loaded = self.load_wanted(filter, &record).await;
        if !start {
            let (version, bytes) = loaded?;
            return Ok(match slot.and_then(Slot::standing) {
                Some(standing) if standing.id == version.id || record.rolled_back.contains(&version.id) => {
                    Ready::Stands(standing)
                }
                _ => Ready::Loaded(version, bytes),
            });
        }
        let kept = record.versions.last();
        match (loaded, kept) {
            (Ok((version, _)), Some(kept)) if record.rolled_back.contains(&version.id) => {
                tracing::warn!(filter = filter.name, version = version.short(), "this version was rolled back");
                Ok(Ready::Stands(self.load_kept(filter, kept).await?))
            }
            (Ok((version, _)), Some(kept)) if kept.id == version.id => Ok(Ready::Stands(version)),
            (Ok((version, bytes)), _) => Ok(Ready::Loaded(version, bytes)),
            (Err(error), None) => Err(error),
            (Err(error), Some(kept)) => {
                let version = self.load_kept(filter, kept).await.map_err(|second| format!("{error}; {second}"))?;
                let short = version.short();
                tracing::error!(filter = filter.name, version = short, "{error}: the version kept before stands");
                self.note(&filter.name, "refused", "start", Some(&version.id), &error);
                Ok(Ready::Stands(version))
            }
        }
    }

    /// With the settings it had, and what the configuration allows it today.
    async fn load_kept(&self, filter: &config::Filter, kept: &Kept) -> Result<Arc<Version>, String> {
        let said = |error: String| format!("the version kept before: {error}");
        let bytes = read(&self.folder(&filter.name).component(&kept.component)).await.map_err(said)?;
        // It stands in for what is worse: today's tests are no reason to have nothing.
        let before = config::Filter { settings: kept.settings.clone(), self_test: None, ..filter.clone() };
        self.loader.load(&before, bytes, &kept.source).await.map_err(said)
    }

    /// The configured component, or the candidate that was promoted in its place.
    async fn load_wanted(&self, filter: &config::Filter, record: &Record) -> Result<(Arc<Version>, Vec<u8>), String> {
        if let Some(promoted) = record.promoted.as_ref().filter(|chosen| still(chosen, filter)) {
            let bytes = read(&self.folder(&filter.name).component(&promoted.component)).await?;
            return Ok((self.loader.load(filter, bytes.clone(), &promoted.candidate).await?, bytes));
        }
        self.load_from(filter, &filter.component).await
    }

    async fn load_from(&self, filter: &config::Filter, source: &str) -> Result<(Arc<Version>, Vec<u8>), String> {
        let bytes = component(source).await?;
        let version = self.loader.load(filter, bytes.clone(), source).await;
        Ok((version.map_err(|error| format!("{source}: {error}"))?, bytes))
    }

    async fn canary(&self, filter: &config::Filter) -> Result<Option<Candidate>, String> {
        let Some(candidate) = &filter.canary else { return Ok(None) };
        let record = self.folder(&filter.name).read();
        if record.promoted.as_ref().is_some_and(|chosen| still(chosen, filter)) {
            return Ok(None);
        }
        let (version, bytes) =
            self.load_from(filter, &candidate.component).await.map_err(|error| format!("canary: {error}"))?;
        let dropped = record.dropped.as_ref().filter(|chosen| still(chosen, filter));
        if dropped.is_some_and(|chosen| chosen.component == version.component) {
            return Ok(None);
        }
        Ok(Some((Canary { version, share: candidate.share }, bytes)))
    }

    /// Begins to ask a candidate, ends that, or goes on.
    fn ask_beside(&self, slot: &Slot, candidate: Option<Candidate>, by: &str) {
        let Some((canary, bytes)) = candidate else { return slot.canary.store(None) };
        let before = slot.canary.load_full();
        if before.is_none_or(|before| before.version.id != canary.version.id) {
            let folder = self.folder(&slot.name);
            folder.keep(&canary.version.component, &bytes);
            let mut record = folder.read();
            record.candidate = Some(canary.version.component.clone());
            record.note("canary", by, Some(&canary.version.id), &canary.version.source);
            folder.write(&record);
        }
        slot.canary.store(Some(Arc::new(canary)));
    }

    fn install(&self, slot: &Slot, version: Arc<Version>, bytes: &[u8], by: &str) {
        let folder = self.folder(&slot.name);
        let mut record = folder.read();
        folder.keep(&version.component, bytes);
        record.stands(&version, &slot.config.load().settings);
        record.rolled_back.clear();
        record.note("loaded", by, Some(&version.id), &version.source);
        folder.write(&record);
        slot.install(version);
    }

    /// Loads one filter again. Tells the version that stands now, and whether it is another one.
    pub async fn reload(&self, filters: &Filters, name: &str, by: &str) -> Result<(Arc<Version>, bool), Refused> {
        let _turn = self.changing.lock().await;
        let slot = self.slot(filters, name)?;
        let filter = slot.config.load_full();
        self.look(&filter);
        let record = self.folder(name).read();
        let loaded = async { Ok((self.load_wanted(&filter, &record).await?, self.canary(&filter).await?)) };
        let ((version, bytes), canary) = loaded.await.map_err(|message: String| {
            self.note(name, "refused", by, None, &message);
            Refused { name: name.to_owned(), message }
        })?;
        self.ask_beside(&slot, canary, by);
        if let Some(standing) = slot.standing() {
            // What was rolled back comes again only when an operator asks for it.
            let pinned = by == FILE && record.rolled_back.contains(&version.id);
            if standing.id == version.id && standing.state != version.state {
                slot.refresh(&standing, Arc::clone(&version));
                return Ok((version, true));
            }
            if standing.id == version.id || pinned {
                return Ok((standing, false));
            }
        }
        self.install(&slot, Arc::clone(&version), &bytes, by);
        Ok((version, true))
    }

    /// Loads again what has changed on disk.
    pub async fn reload_changed(&self, filters: &Filters) {
        for slot in filters.all().iter() {
            let filter = slot.config.load_full();
            if !self.has_changed(&filter) {
                continue;
            }
            match self.reload(filters, &slot.name, FILE).await {
                Ok((version, true)) => {
                    tracing::info!(filter = slot.name, version = version.short(), "a changed filter stands");
                }
                Ok((_, false)) => {}
                Err(error) => tracing::error!("{error}; the version that stands stays"),
            }
        }
    }

    /// An earlier version stands again: the one before, or the one whose id or component begins with `to`. What was
    /// newer does not come back by itself.
    pub async fn rollback(&self, filters: &Filters, name: &str, to: Option<&str>) -> Result<Arc<Version>, Refused> {
        let _turn = self.changing.lock().await;
        let slot = self.slot(filters, name)?;
        let refused = |message: String| Refused { name: name.to_owned(), message };
        let bad = slot.standing().ok_or_else(|| refused("no version stands".to_owned()))?;
        let folder = self.folder(name);
        let mut record = folder.read();
        let wanted = |kept: &&Kept| {
            kept.id != bad.id && to.is_none_or(|to| kept.id.starts_with(to) || kept.component.starts_with(to))
        };
        let kept = record.versions.iter().rev().find(wanted).cloned().ok_or_else(|| {
            let known: Vec<_> =
                record.versions.iter().rev().map(|kept| kept.id.get(..12).unwrap_or(&kept.id)).collect();
            match to {
                None => refused("there is no version before".to_owned()),
                Some(to) => refused(format!("there is no earlier version {to}; kept are: {}", known.join(", "))),
            }
        })?;
        let version = match step_back(&slot, &kept.id) {
            Some(version) => version,
            None => {
                let filter = slot.config.load_full();
                let version = self.load_kept(&filter, &kept).await.map_err(refused)?;
                let fresh = Slot::new((*filter).clone(), Some(Arc::clone(&version)));
                fresh.canary.store(slot.canary.load_full());
                let slots = filters.all();
                let with = slots.iter().map(|old| if old.name == name { Arc::clone(&fresh) } else { Arc::clone(old) });
                filters.set(with.collect());
                version
            }
        };
        record.go_back(&bad.id, &kept.id);
        record.stands(&version, &kept.settings);
        record.note("rolled-back", "command", Some(&version.id), &format!("from {}", bad.short()));
        folder.write(&record);
        Ok(version)
    }

    /// Whether the record says already that this version was rolled back, or replaced.
    pub(super) fn knows_rollback(&self, name: &str, id: &str) -> bool {
        let record = self.folder(name).read();
        record.rolled_back.iter().any(|known| known == id) || !record.versions.iter().any(|kept| kept.id == id)
    }

    /// Writes down a rollback that failures led to.
    pub fn noticed_rollback(&self, name: &str, from: &Version, to: &Version) {
        let folder = self.folder(name);
        let mut record = folder.read();
        let settings = record.versions.iter().find(|kept| kept.id == to.id).map(|kept| kept.settings.clone());
        record.go_back(&from.id, &to.id);
        record.stands(to, &settings.unwrap_or_default());
        record.note("rolled-back", "failures", Some(&to.id), &format!("from {}", from.short()));
        folder.write(&record);
    }

    /// The candidate stands, until the configuration names other components.
    pub async fn promote(&self, filters: &Filters, name: &str) -> Result<Arc<Version>, Refused> {
        let _turn = self.changing.lock().await;
        let (slot, canary, chosen) = self.candidate(filters, name)?;
        let folder = self.folder(name);
        let bytes = read(&folder.component(&chosen.component)).await;
        let bytes = bytes.map_err(|message| Refused { name: name.to_owned(), message })?;
        let mut record = folder.read();
        record.promoted = Some(chosen);
        record.note("promoted", "command", Some(&canary.version.id), &canary.version.source);
        folder.write(&record);
        self.install(&slot, Arc::clone(&canary.version), &bytes, "command");
        slot.canary.store(None);
        Ok(Arc::clone(&canary.version))
    }

    /// The candidate is not asked any more, until it changes.
    pub async fn drop_canary(&self, filters: &Filters, name: &str) -> Result<Arc<Version>, Refused> {
        let _turn = self.changing.lock().await;
        let (slot, canary, chosen) = self.candidate(filters, name)?;
        let folder = self.folder(name);
        let mut record = folder.read();
        record.dropped = Some(chosen);
        record.note("dropped", "command", Some(&canary.version.id), &canary.version.source);
        folder.write(&record);
        slot.canary.store(None);
        Ok(Arc::clone(&canary.version))
    }

    fn candidate(&self, filters: &Filters, name: &str) -> Result<(Arc<Slot>, Arc<Canary>, Chosen), Refused> {
        let slot = self.slot(filters, name)?;
        let refused = || Refused {
            name: name.to_owned(),
            message: "it has no canary: add canary = { component = \"new.wasm\", share = 0.05 }".to_owned(),
        };
        let canary = slot.canary.load_full().ok_or_else(refused)?;
        let filter = slot.config.load();
        let chosen = Chosen {
            standing: filter.component.clone(),
            candidate: canary.version.source.clone(),
            component: canary.version.component.clone(),
        };
        Ok((slot, canary, chosen))
    }

    /// What is known of this filter over restarts.
    pub fn record(&self, name: &str) -> Record {
        self.folder(name).read()
    }

    /// Files and folders whose change reloads a filter.
    pub(super) fn watched(&self) -> Vec<PathBuf> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.values().flatten().map(|(path, _)| path.clone()).collect()
    }

    fn look(&self, filter: &config::Filter) {
        let now = files_of(filter);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(filter.name.clone(), now);
    }

    fn has_changed(&self, filter: &config::Filter) -> bool {
        let now = files_of(filter);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&filter.name) != Some(&now)
    }

    fn slot(&self, filters: &Filters, name: &str) -> Result<Arc<Slot>, Refused> {
        filters.slot(name).ok_or_else(|| {
            let known: Vec<_> = filters.all().iter().map(|slot| slot.name.clone()).collect();
            let known = if known.is_empty() { "no filter is loaded".to_owned() } else { known.join(", ") };
            Refused { name: name.to_owned(), message: format!("there is none of that name; there are: {known}") }
        })
    }

    fn note(&self, name: &str, event: &str, by: &str, version: Option<&str>, detail: &str) {
        let folder = self.folder(name);
        let mut record = folder.read();
        record.note(event, by, version, detail);
        folder.write(&record);
    }

    pub(super) fn folder(&self, name: &str) -> Folder {
        Folder::new(&self.folder, name)
    }
}

/// Back in memory, without loading. None: the version is not there.
fn step_back(slot: &Slot, id: &str) -> Option<Arc<Version>> {
    if !slot.versions().iter().skip(1).any(|version| version.id == id) {
        return None;
    }
    loop {
        let version = slot.rollback()?;
        if version.id == id {
            return Some(version);
        }
    }
}

/// A built-in filter that this build lacks is left out; the configuration's reader has said so.
pub(super) fn is_here(filter: &config::Filter) -> bool {
    filter.component.strip_prefix("builtin:").is_none_or(|name| builtin(name).is_some())
}

/// Whether the decision is about what the configuration still names.
fn still(chosen: &Chosen, filter: &config::Filter) -> bool {
    chosen.standing == filter.component
        && filter.canary.as_ref().is_none_or(|canary| canary.component == chosen.candidate)
}

fn files_of(filter: &config::Filter) -> Seen {
    let components = [Some(&filter.component), filter.canary.as_ref().map(|canary| &canary.component)];
    let components = components.into_iter().flatten().filter(|component| !component.starts_with("builtin:"));
    let granted = super::includes::granted(filter).into_values();
    let mut pending: Vec<PathBuf> = components.map(PathBuf::from).chain(granted).collect();
    let mut seen = Seen::new();
    while let Some(path) = pending.pop() {
        let meta = std::fs::metadata(&path).ok();
        if meta.as_ref().is_some_and(std::fs::Metadata::is_dir)
            && let Ok(entries) = std::fs::read_dir(&path)
        {
            pending.extend(entries.flatten().map(|entry| entry.path()).take(WATCHED_MAX));
        }
        let state = meta.and_then(|meta| Some((meta.len(), meta.modified().ok()?)));
        seen.push((path, state));
        if seen.len() >= WATCHED_MAX {
            break;
        }
    }
    seen.sort();
    seen
}
