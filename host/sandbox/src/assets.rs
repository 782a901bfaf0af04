//! The files an operator attached to a filter, read once at load. Reading is bounded; nothing here follows a guest.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of all files of one filter.
pub(crate) const ASSET_BYTES_MAX: u64 = 512 << 20;
/// Files of one filter.
pub(crate) const ASSETS_MAX: usize = 10_000;

/// Name to content. A file has the name of its grant; a file in a granted folder `NAME/path/below`.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    files: BTreeMap<String, Arc<[u8]>>,
    /// Where they came from, for those who watch for changes.
    pub paths: Vec<PathBuf>,
}

impl Assets {
    /// Reads all granted files. The error names the grant and the file.
    pub fn read(granted: &BTreeMap<String, PathBuf>) -> Result<Self, String> {
        let mut assets = Self::default();
        let mut left = ASSET_BYTES_MAX;
        for (name, path) in granted {
            assets.paths.push(path.clone());
            assets.add(name, path, &mut left).map_err(|error| format!("files.{name}: {}: {error}", path.display()))?;
        }
        Ok(assets)
    }

    /// For tests and for settings that come from elsewhere than a file.
    pub fn with(mut self, name: &str, content: impl Into<Arc<[u8]>>) -> Self {
        self.files.insert(name.to_owned(), content.into());
        self
    }

    fn add(&mut self, name: &str, path: &Path, left: &mut u64) -> io::Result<()> {
        let mut pending = vec![(name.to_owned(), path.to_owned())];
        while let Some((name, path)) = pending.pop() {
            let meta = std::fs::metadata(&path)?;
            if self.files.len().saturating_add(pending.len()) >= ASSETS_MAX {
                return Err(io::Error::other(format!("more than {ASSETS_MAX} files")));
            }
            if meta.is_dir() {
                for entry in std::fs::read_dir(&path)? {
                    let entry = entry?;
                    if let Some(file) = entry.file_name().to_str().filter(|file| !file.starts_with('.')) {
                        pending.push((format!("{name}/{file}"), entry.path()));
                    }
                    if pending.len() > ASSETS_MAX {
                        return Err(io::Error::other(format!("more than {ASSETS_MAX} files")));
                    }
                }
                continue;
            }
            *left = left
                .checked_sub(meta.len())
                .ok_or_else(|| io::Error::other(format!("more than {ASSET_BYTES_MAX} bytes in all files")))?;
            self.files.insert(name, std::fs::read(&path)?.into());
        }
        Ok(())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<[u8]>> {
        self.files.get(name)
    }

    /// Name and content of all, for the digest of a version.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, content)| (name.as_str(), content.as_ref()))
    }
}
