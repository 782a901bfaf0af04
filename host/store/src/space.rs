//! Space that is kept free on the disk, so that a full disk refuses new mail but the queue still
//! drains: each outcome has to be written too.

use std::os::fd::AsFd;

use crate::{Error, Result};

/// New content and new messages leave this many bytes free.
pub(crate) const SPACE_BYTES_MIN: u64 = 8 << 20;

/// Bytes free on the file system of an open file or folder, for this user.
pub(crate) fn free_bytes(place: impl AsFd) -> Result<u64> {
    let facts = rustix::fs::fstatvfs(place).map_err(|error| Error::file("free space", &error.into()))?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

/// `Full` unless `bytes` fit above what is kept free.
pub(crate) fn check_room(place: impl AsFd, bytes: u64) -> Result<()> {
    let free = free_bytes(place)?;
    if free < SPACE_BYTES_MIN.saturating_add(bytes) {
        return Err(Error::Full(format!("{} KiB are free, {} KiB stay so", free >> 10, SPACE_BYTES_MIN >> 10)));
    }
    Ok(())
}
