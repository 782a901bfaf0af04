//! JavaScript, and TypeScript translated to it: componentize-qjs puts QuickJS and the script into a component.

use anyhow::Context;

use super::work;
use crate::Project;
use crate::contract::WORLD;
use crate::tools::{need, run};

pub(super) const INSTALL: &str = "npm install";

pub(super) fn build(project: &Project, script: &str) -> anyhow::Result<Vec<u8>> {
    let folder = &project.folder;
    let made = work(project)?.join("filter.wasm");
    let out = made.display().to_string();
    let componentize = need(folder, "componentize-qjs", INSTALL)?;
    // `--sync`: the default runtime uses features of components that no server has yet.
    run(folder, &componentize, ["--sync", "-w", "wit", "-n", WORLD, "-j", script, "-o", &out], &[])?;
    std::fs::read(&made).with_context(|| out.clone())
}

pub(super) fn build_typescript(project: &Project) -> anyhow::Result<Vec<u8>> {
    let folder = &project.folder;
    let compiler = need(folder, "tsc", INSTALL)?;
    work(project)?;
    run(folder, &compiler, ["-p", "."], &[])?;
    build(project, "build/filter.js")
}
