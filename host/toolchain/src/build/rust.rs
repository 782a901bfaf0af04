//! Rust: cargo makes a component by itself.

use std::path::Path;

use anyhow::{Context, bail};

use crate::Project;
use crate::tools::{find, need, run};

const TARGET: &str = "wasm32-wasip2";
pub(super) const INSTALL: &str = "curl -sSf https://sh.rustup.rs | sh";

/// The command that adds what filters are built for.
pub(super) fn lacks_target(project: &Project) -> Option<&'static str> {
    let rustc = find(&project.folder, "rustc")?;
    let libraries = run(&project.folder, &rustc, ["--print", "target-libdir", "--target", TARGET], &[]).ok()?;
    (!Path::new(libraries.trim()).is_dir()).then_some("rustup target add wasm32-wasip2")
}

pub(super) fn build(project: &Project) -> anyhow::Result<Vec<u8>> {
    let folder = &project.folder;
    let cargo = need(folder, "cargo", INSTALL)?;
    if let Some(install) = lacks_target(project) {
        bail!("this Rust cannot build for {TARGET}. Add it, then build again:\n  {install}");
    }
    run(folder, &cargo, ["build", "--release", "--quiet", "--target", TARGET, "--target-dir", "target"], &[])?;
    let name = project.name.replace('-', "_");
    let made = folder.join("target").join(TARGET).join("release").join(format!("{name}.wasm"));
    std::fs::read(&made).with_context(|| {
        format!("{}: Cargo.toml needs name = \"{}\" and crate-type = [\"cdylib\", …]", made.display(), project.name)
    })
}
