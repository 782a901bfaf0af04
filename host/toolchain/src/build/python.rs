//! Python: componentize-py puts the interpreter and the module into a component.

use anyhow::Context;

use super::work;
use crate::Project;
use crate::contract::WORLD;
use crate::tools::{need, run};

pub(super) const INSTALL: &str = "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1";

pub(super) fn build(project: &Project) -> anyhow::Result<Vec<u8>> {
    let folder = &project.folder;
    let componentize = need(folder, "componentize-py", INSTALL)?;
    let made = work(project)?.join("filter.wasm");
    let out = made.display().to_string();
    run(folder, &componentize, ["-d", "wit", "-w", WORLD, "componentize", "filter", "-o", &out], &[])?;
    std::fs::read(&made).with_context(|| out.clone())
}
