//! Maildirs as a mail reader sees them, and waiting with a limit.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What does not happen in this time will not happen.
pub const WAIT_MAX: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);

/// Waits until `check` gives something; fails with `what` after [`WAIT_MAX`].
pub fn wait_for<T>(what: &str, check: impl FnMut() -> Option<T>) -> T {
    wait_within(WAIT_MAX, what, check)
}

pub fn wait_within<T>(limit: Duration, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for: {what}");
        std::thread::sleep(POLL);
    }
}

/// Files in `new` and `cur` of one Maildir, oldest name first. A missing Maildir is empty.
pub fn files(maildir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["new", "cur"] {
        let Ok(entries) = std::fs::read_dir(maildir.join(folder)) else { continue };
        files.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())));
    }
    files.sort_by_key(|path| {
        (std::fs::metadata(path).and_then(|data| data.modified()).ok(), path.file_name().map(ToOwned::to_owned))
    });
    files
}

/// Contents of all messages of one Maildir.
pub fn messages(maildir: &Path) -> Vec<Vec<u8>> {
    files(maildir).iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// The header section of a message, as text.
pub fn header(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message).replace("\r\n", "\n");
    text.split("\n\n").next().unwrap_or("").to_owned()
}
