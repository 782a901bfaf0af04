//! C: bindings are generated here, zig compiles, the component is made here.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::work;
use crate::Project;
use crate::component::{bindings, component};
use crate::tools::{find, need, run};

pub(super) const INSTALL: &str = "python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1";
/// Bytes of the guest's stack. The compiler's own default would make each instance reserve 16 MiB.
const STACK_BYTES: &str = "-Wl,-z,stack-size=65536";

pub(super) fn build(project: &Project) -> anyhow::Result<Vec<u8>> {
    let folder = &project.folder;
    let work = work(project)?;
    let generated = work.join("bindings");
    bindings(folder, wit_bindgen_c::Opts::default().build(), &generated)?;
    let (zig, first) = zig(project)?;
    let module = work.join("core.wasm");
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|ending| ending == "c") {
            sources.push(std::path::absolute(file)?);
        }
    }
    sources.sort();
    ensure!(!sources.is_empty(), "{} holds no file that ends with .c", folder.display());
    sources.extend(["filter.c", "filter_component_type.o"].map(|name| generated.join(name)));
    let flags = ["cc", "-target", "wasm32-wasi", "-mexec-model=reactor", "-std=c11", "-Wall", "-Os", "-s", STACK_BYTES];
    let mut arguments: Vec<PathBuf> = first.iter().chain(&flags).map(PathBuf::from).collect();
    arguments.extend([PathBuf::from("-I"), generated, PathBuf::from("-o"), module.clone()]);
    arguments.extend(sources);
    run(folder, &zig, arguments, &[])?;
    component(&std::fs::read(&module).with_context(|| module.display().to_string())?)
}

/// The program and its first arguments: `zig`, or the one that pip installs.
pub(super) fn zig(project: &Project) -> anyhow::Result<(PathBuf, &'static [&'static str])> {
    let folder = &project.folder;
    if let Some(zig) = find(folder, "zig").or_else(|| find(folder, "python-zig")) {
        return Ok((zig, &[]));
    }
    let python = need(folder, "python3", INSTALL)?;
    let there = run(folder, &python, ["-m", "ziglang", "version"], &[]);
    ensure!(there.is_ok(), "zig, which compiles C, is not installed. Install it, then build again:\n  {INSTALL}");
    Ok((python, &["-m", "ziglang"]))
}
