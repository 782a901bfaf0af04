//! How many bytes lie in a mailbox and in a domain, for quotas (row 33). A folder is measured once and
//! then counted along; it is measured again after a while, or when its reader has changed something.
//! Only what is asked for is measured: without quotas nothing is.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use super::maildir::path::component;
use crate::config::{Config, LocalDelivery};

/// A measurement is trusted so long.
const RESCAN: Duration = Duration::from_secs(600);
/// A folder that its reader keeps changing is measured at most this often.
const RESCAN_CHANGED: Duration = Duration::from_secs(5);
/// Mailboxes and domains remembered at once.
const REMEMBERED_MAX: usize = 100_000;
/// Folders of one mailbox that are counted (`.Sent`, `.Archive`, ...).
const SUBFOLDERS_MAX: usize = 10_000;

pub struct Usage {
    mailboxes: Mutex<HashMap<String, Measured>>,
    domains: Mutex<HashMap<String, Measured>>,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    bytes: u64,
    at: Instant,
    /// When the reader's folder changed last, as the file system says.
    changed: Option<SystemTime>,
}

#[allow(clippy::new_without_default)]
impl Usage {
    pub fn new() -> Self {
        Self { mailboxes: Mutex::new(HashMap::new()), domains: Mutex::new(HashMap::new()) }
    }

    /// Bytes in the account's mailbox; 0 where this server does not keep it (LMTP).
    pub async fn mailbox(&self, config: &Config, account: &str) -> u64 {
        let Some(path) = super::maildir_path(config, account) else { return 0 };
        self.measure(&self.mailboxes, account, move || Some(read_marker(&path)), {
            let path = super::maildir_path(config, account).unwrap_or_default();
            move || mailbox_bytes(&path)
        })
        .await
    }

    /// Bytes in all mailboxes of the domain.
    pub async fn domain(&self, config: &Config, domain: &str) -> u64 {
        let LocalDelivery::Maildir { pattern } = &config.delivery.local else { return 0 };
        let pattern = pattern.clone();
        let name = domain.to_owned();
        // What readers delete is seen only when the time is over: there is no one folder to look at.
        self.measure(
            &self.domains,
            domain,
            || None,
            move || domain_mailboxes(&pattern, &name).iter().map(|path| mailbox_bytes(path)).sum(),
        )
        .await
    }

    /// A message of so many bytes was put into the account's mailbox.
    pub fn delivered(&self, account: &str, bytes: u64) {
        let domain = account.rsplit_once('@').map_or("", |(_, domain)| domain);
        for (map, key) in [(&self.mailboxes, account), (&self.domains, domain)] {
            if let Ok(mut map) = map.lock()
                && let Some(measured) = map.get_mut(key)
            {
                measured.bytes = measured.bytes.saturating_add(bytes);
            }
        }
    }

    /// The remembered figure if it still stands, else a new one, taken off the async threads.
    async fn measure(
        &self,
        map: &Mutex<HashMap<String, Measured>>,
        key: &str,
        changed: impl FnOnce() -> Option<Option<SystemTime>>,
        scan: impl FnOnce() -> u64 + Send + 'static,
    ) -> u64 {
        let known = map.lock().ok().and_then(|map| map.get(key).copied());
        let changed = changed();
        if let Some(known) = known {
            let age = known.at.elapsed();
            let same = changed.is_none_or(|changed| changed == known.changed);
            if age < RESCAN_CHANGED || (same && age < RESCAN) {
                return known.bytes;
            }
        }
        let at = Instant::now();
        let bytes = tokio::task::spawn_blocking(scan).await.unwrap_or(0);
        if let Ok(mut map) = map.lock() {
            if map.len() >= REMEMBERED_MAX {
                map.clear();
            }
            map.insert(key.to_owned(), Measured { bytes, at, changed: changed.flatten() });
        }
        bytes
    }
}

/// The time `cur/` changed: readers move messages there, and delete them there. (`new/` changes with
/// each delivery, which is counted along.)
fn read_marker(mailbox: &Path) -> Option<SystemTime> {
    fs::metadata(mailbox.join("cur")).and_then(|meta| meta.modified()).ok()
}

/// All messages of a mailbox and its subfolders (whose names begin with a dot).
fn mailbox_bytes(mailbox: &Path) -> u64 {
    let own = folder_bytes(mailbox);
    let Ok(entries) = fs::read_dir(mailbox) else { return own };
    let subfolders = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    own + subfolders.take(SUBFOLDERS_MAX).map(|entry| folder_bytes(&entry.path())).sum::<u64>()
}

fn folder_bytes(folder: &Path) -> u64 {
    ["new", "cur"]
        .iter()
        .filter_map(|part| fs::read_dir(folder.join(part)).ok())
        .flat_map(|entries| entries.flatten())
        .filter_map(|entry| entry.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|meta| meta.len())
        .sum()
}

/// The folders of all mailboxes that a pattern can mean in one domain.
fn domain_mailboxes(pattern: &str, domain: &str) -> Vec<PathBuf> {
    let Some(domain) = component(domain) else { return Vec::new() };
    let pattern = PathBuf::from(pattern.replace("{domain}", &domain));
    let mut folders = vec![PathBuf::new()];
    for part in pattern.components() {
        let name = part.as_os_str().to_string_lossy();
        match (part, name.split_once("{user}")) {
            (Component::Normal(_), Some((before, after))) => {
                folders = folders.iter().flat_map(|folder| matching(folder, before, after)).collect();
            }
            _ => folders.iter_mut().for_each(|folder| folder.push(part)),
        }
    }
    folders
}

fn matching(folder: &Path, before: &str, after: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let fits =
        |name: &str| name.len() > before.len() + after.len() && name.starts_with(before) && name.ends_with(after);
    entries.flatten().filter(|entry| fits(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::maildir::path::fill;
    use super::*;

    fn put(root: &Path, file: &str, bytes: usize) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![b'x'; bytes]).unwrap();
    }

    #[test]
    fn messages_count_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        for (file, bytes) in
            [("a/new/1", 10), ("a/cur/2:2,S", 20), ("a/.Sent/cur/3", 40), ("a/tmp/4", 80), ("a/index", 160)]
        {
            put(root.path(), file, bytes);
        }
        assert_eq!(mailbox_bytes(&root.path().join("a")), 70);
        assert_eq!(mailbox_bytes(&root.path().join("b")), 0);
    }

    #[test]
    fn the_mailboxes_of_a_domain_in_any_pattern() {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().to_str().unwrap();
        for file in [
            "x.example/al/m/new/1",
            "x.example/bo/m/new/1",
            "y.example/al/m/new/1",
            "al@x.example/new/1",
            "al@y.example/new/1",
        ] {
            put(root.path(), file, 1);
        }
        let of = |pattern: &str| domain_mailboxes(&format!("{base}/{pattern}"), "x.example").len();
        assert_eq!(of("{domain}/{user}/m"), 2);
        assert_eq!(of("{user}@{domain}"), 1);
        assert_eq!(
            fill(&format!("{base}/{{user}}@{{domain}}"), "al@x.example").unwrap(),
            root.path().join("al@x.example")
        );
    }

    #[tokio::test]
    async fn counted_along_and_measured_again_when_the_reader_changed_something() {
        let usage = Usage::new();
        let map = || usage.mailboxes.lock().unwrap();
        let now = SystemTime::now();
        let ask = |changed: SystemTime, bytes: u64| {
            usage.measure(&usage.mailboxes, "a@x", move || Some(Some(changed)), move || bytes)
        };
        assert_eq!(ask(now, 100).await, 100);
        usage.delivered("a@x", 5);
        usage.delivered("b@x", 5);
        assert_eq!(ask(now, 999).await, 105);
        // Changed, but measured just now.
        assert_eq!(ask(now + Duration::from_secs(1), 999).await, 105);
        map().get_mut("a@x").unwrap().at = Instant::now().checked_sub(RESCAN_CHANGED).unwrap();
        assert_eq!(ask(now, 999).await, 105);
        assert_eq!(ask(now + Duration::from_secs(1), 50).await, 50);
        map().get_mut("a@x").unwrap().at = Instant::now().checked_sub(RESCAN).unwrap();
        assert_eq!(ask(now + Duration::from_secs(1), 7).await, 7);
    }
}
