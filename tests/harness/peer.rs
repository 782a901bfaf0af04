//! Programs of other people that tests use. A laptop without them skips with one line; CI must have them.

use std::path::{Path, PathBuf};

/// Where Debian keeps what is not on every PATH.
const FOLDERS: &[&str] =
    &["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/lib/postfix/sbin", "/usr/libexec/postfix"];

pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Says that something is not tested here, or fails in CI.
pub fn skip(what: &str) {
    assert!(!in_ci(), "CI must not skip: {what}");
    println!("skipped: {what}");
    eprintln!("skipped: {what}");
}

/// The program's path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    FOLDERS
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The program's path; `None` after a word about the skip.
pub fn need(program: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A file of `tests/peers`.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").join(name)
}
