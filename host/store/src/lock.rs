//! Folders of the store: readable by one user, used by one process at a time. The lock is advisory;
//! the kernel takes it back when the process dies.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::{Error, Result};

/// With its parents, where they are missing.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| Error::file(path.display(), &error))
}

/// Locks the file until the handle is dropped; `InUse` names the process that has it.
pub(crate) fn lock_file(path: &Path) -> Result<File> {
    let fail = |error: &std::io::Error| Error::file(path.display(), error);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| fail(&error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            // The number is a help for people; the lock does not depend on it.
            let number = format!("{}\n", std::process::id());
            file.set_len(0)
                .and_then(|()| std::os::unix::fs::FileExt::write_all_at(&file, number.as_bytes(), 0))
                .map_err(|error| fail(&error))?;
            Ok(file)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut owner = String::new();
            let _ = file.by_ref().take(20).read_to_string(&mut owner);
            let owner = if owner.trim().is_empty() { "another process" } else { owner.trim() };
            Err(Error::InUse(format!("{} is locked by process {owner}", path.display())))
        }
        Err(error) => Err(fail(&error.into())),
    }
}
