//! Compiled code on disk, by digest, so that a restart does not compile again. Trusts only files whose digest it wrote
//! itself, in a folder that only this server may write.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::call::LogLine;
use crate::patterns::Lists;
use crate::reads::StateRead;

/// Files kept; the oldest are removed.
const CACHED_MAX: usize = 64;
/// Extension of the file with a filter's patterns.
const PATTERNS: &str = "patterns";

/// What is written beside the code.
#[derive(Serialize, Deserialize)]
struct Note {
    /// SHA-256 of the code, in hex.
    code: String,
    no_snapshot: Option<String>,
    #[serde(default)]
    state: Option<StateRead>,
    /// SHA-256 of the file of patterns, in hex; none: there are none.
    #[serde(default)]
    patterns: Option<String>,
    told: Vec<LogLine>,
}

/// A compiled component, why it is no snapshot, if it is none, what of the state is in it, its patterns, and what
/// `configure` had to say.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    pub(crate) no_snapshot: Option<String>,
    pub(crate) state: Option<StateRead>,
    pub(crate) lists: Lists,
    pub(crate) told: Vec<LogLine>,
}

impl Compiled {
    /// A snapshot with state in it that nothing tells the age of would be old at the next start, and nobody would know.
    pub(crate) fn may_be_kept(&self) -> bool {
        self.state.as_ref().is_none_or(StateRead::is_watched)
    }
}

/// What was compiled for this id and this engine. Anything wrong with it counts as absent.
pub(crate) fn read(engine: &Engine, folder: &Path, id: &str) -> Option<Compiled> {
    let (code_path, note_path) = paths(engine, folder, id);
    let note: Note = serde_json::from_slice(&std::fs::read(&note_path).ok()?).ok()?;
    if hex(&Sha256::digest(std::fs::read(&code_path).ok()?)) != note.code {
        tracing::warn!(file = %code_path.display(), "compiled code is damaged; the filter is compiled again");
        return None;
    }
    let lists = patterns(&code_path, note.patterns.as_deref())?;
    match deserialize(engine, &code_path) {
        Ok(component) => {
            let Note { no_snapshot, state, told, .. } = note;
            Some(Compiled { component, no_snapshot, state, lists, told })
        }
        Err(error) => {
            tracing::info!(file = %code_path.display(), %error, "compiled code is of another engine");
            None
        }
    }
}

/// The patterns beside the code. None: they are not what the note says.
fn patterns(code: &Path, digest: Option<&str>) -> Option<Lists> {
    let Some(digest) = digest else { return Some(Lists::default()) };
    let bytes = std::fs::read(code.with_extension(PATTERNS)).ok()?;
    if hex(&Sha256::digest(&bytes)) != digest {
        tracing::warn!(file = %code.display(), "patterns beside compiled code are damaged; the filter is compiled again");
        return None;
    }
    Lists::from_bytes(&bytes)
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the engine wrote this file, its digest was just compared, the folder is ours alone (0700), and files in it
    // are replaced by rename, never changed in place.
    unsafe { Component::deserialize_file(engine, path) }
}

/// Keeps it for the next start. An error costs only that start's time.
pub(crate) fn write(engine: &Engine, folder: &Path, id: &str, compiled: &Compiled) {
    if let Err(error) = try_write(engine, folder, id, compiled) {
        tracing::warn!(folder = %folder.display(), %error, "compiled code could not be kept");
    }
}

fn try_write(engine: &Engine, folder: &Path, id: &str, compiled: &Compiled) -> io::Result<()> {
    make_private(folder)?;
    let code = compiled.component.serialize().map_err(io::Error::other)?;
    let (code_path, note_path) = paths(engine, folder, id);
    let mut patterns = None;
    if !compiled.lists.is_empty() {
        let bytes = compiled.lists.to_bytes();
        replace(folder, &code_path.with_extension(PATTERNS), &bytes)?;
        patterns = Some(hex(&Sha256::digest(&bytes)));
    }
    let note = Note {
        code: hex(&Sha256::digest(&code)),
        patterns,
        no_snapshot: compiled.no_snapshot.clone(),
        state: compiled.state.clone(),
        told: compiled.told.clone(),
    };
    replace(folder, &code_path, &code)?;
    replace(folder, &note_path, &serde_json::to_vec(&note).map_err(io::Error::other)?)?;
    prune(folder)
}

fn paths(engine: &Engine, folder: &Path, id: &str) -> (PathBuf, PathBuf) {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let name = format!("{}-{:016x}", id.get(..32).unwrap_or(id), hasher.finish());
    (folder.join(format!("{name}.code")), folder.join(format!("{name}.json")))
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// A new file, then a rename: code that runs is mapped from the old one.
fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn prune(folder: &Path) -> io::Result<()> {
    let mut notes = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "json") {
            notes.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    notes.sort();
    let surplus = notes.len().saturating_sub(CACHED_MAX);
    for (_, note) in notes.into_iter().take(surplus) {
        std::fs::remove_file(note.with_extension("code"))?;
        match std::fs::remove_file(note.with_extension(PATTERNS)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::remove_file(note)?;
    }
    Ok(())
}

pub(crate) fn hex(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
