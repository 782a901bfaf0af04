//! Bindings for C and Go, and components from core modules: what wit-bindgen and wasm-tools do, so that nobody has to
//! install them.

use std::path::Path;

use anyhow::Context;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_component::{ComponentEncoder, embed_component_metadata};

use crate::contract::{ENCODING, world_of};

/// Writes what a generator makes of the project's world into `out`. Files of before stay if nothing has changed, so
/// that compilers with a cache find it.
pub(crate) fn bindings(project: &Path, mut generator: Box<dyn WorldGenerator>, out: &Path) -> anyhow::Result<()> {
    let (mut resolve, world) = world_of(project)?;
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files)?;
    for (name, content) in files.iter() {
        let file = out.join(name);
        if std::fs::read(&file).is_ok_and(|before| before == content) {
            continue;
        }
        std::fs::create_dir_all(file.parent().unwrap_or(out))?;
        std::fs::write(&file, content).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// Adds the project's world to a core module whose toolchain did not.
pub(crate) fn embed(project: &Path, module: &mut Vec<u8>) -> anyhow::Result<()> {
    let (resolve, world) = world_of(project)?;
    embed_component_metadata(module, &resolve, world, ENCODING)
}

/// A component from a core module that knows its world. WASI of the first preview is translated to the second.
pub(crate) fn component(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let make = || {
        ComponentEncoder::default()
            .validate(true)
            .module(module)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
            .encode()
    };
    make().context("the compiled module is no filter: an exported function is missing or has another type")
}
