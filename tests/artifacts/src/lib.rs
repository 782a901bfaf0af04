//! Where the built test filters are. Nothing else.

use std::path::{Path, PathBuf};

/// The component of a package in `tests/guests`.
pub fn guest(name: &str) -> PathBuf {
    Path::new(env!("GUESTS")).join(format!("{}.wasm", name.replace('-', "_")))
}
