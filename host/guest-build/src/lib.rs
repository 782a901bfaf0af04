//! Builds filters as WebAssembly components from a build script: its own cargo, its own target folder, the target added
//! where it is missing. Knows nothing of filters; used by build scripts only.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of all filters.
pub const TARGET: &str = "wasm32-wasip2";

/// Settings of the outer build that must not reach the guests: they concern the server's own code.
const OUTER: &[&str] = &[
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_RUSTFLAGS",
    "CLIPPY_ARGS",
    "__CARGO_DEFAULT_LIB_METADATA",
];

/// Builds the workspace of guests at `manifest` and returns the folder with its `.wasm` files. Tells cargo to run the
/// build script again when one of `watched` changes.
pub fn build(manifest: &Path, watched: &[&Path]) -> Result<PathBuf, String> {
    for path in watched {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let target_folder = target_folder()?;
    add_target()?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--target", TARGET, "--manifest-path"]).arg(manifest);
    cargo.arg("--target-dir").arg(&target_folder);
    // The server carries its filters in itself: lines of source would be most of their bytes. Names stay, for traces.
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG", "false").env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
    for name in OUTER {
        cargo.env_remove(name);
    }
    let output = cargo.output().map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("the filters of {} do not build:\n{said}", manifest.display()));
    }
    Ok(target_folder.join(TARGET).join("release"))
}

/// Beside the outer build's folders, never in them: the outer cargo holds their lock.
fn target_folder() -> Result<PathBuf, String> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this is no build script")?);
    // OUT_DIR is TARGET-FOLDER/[TRIPLE/]PROFILE/build/PACKAGE/out
    let folder = out.ancestors().nth(4).ok_or("OUT_DIR is too short")?;
    Ok(folder.join("guests"))
}

/// Asks the compiler whether it has the target, and rustup for it where it has not.
fn add_target() -> Result<(), String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let folder = output.map_err(|error| format!("rustc does not start: {error}"))?.stdout;
    if Path::new(String::from_utf8_lossy(&folder).trim()).is_dir() {
        return Ok(());
    }
    match Command::new("rustup").args(["target", "add", TARGET]).status() {
        Ok(status) if status.success() => Ok(()),
        _ => {
            Err(format!("filters are built for {TARGET}, which this toolchain lacks; run: rustup target add {TARGET}"))
        }
    }
}
