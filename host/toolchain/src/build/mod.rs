//! From a project to its component: one file a language. Installs nothing.

mod c;
mod go;
mod javascript;
mod python;
mod rust;

use std::path::PathBuf;

use anyhow::Context;

use crate::tools::find;
use crate::{Language, Project};

/// Builds it; the path of the component. The error is for the author.
pub fn build(project: &Project) -> anyhow::Result<PathBuf> {
    let component = match project.language {
        Language::Rust => rust::build(project),
        Language::C => c::build(project),
        Language::Js => javascript::build(project, "filter.js"),
        Language::Ts => javascript::build_typescript(project),
        Language::Python => python::build(project),
        Language::Go => go::build(project),
    }?;
    let file = project.component();
    // Beside and then in place: a server that watches the file never sees half of it.
    let new = file.with_extension("wasm.new");
    std::fs::write(&new, component)
        .and_then(|()| std::fs::rename(&new, &file))
        .with_context(|| file.display().to_string())?;
    Ok(file)
}

/// Commands that install what this machine lacks for the project.
pub fn missing(project: &Project) -> Vec<&'static str> {
    let folder = &project.folder;
    let lacks = |program: &str, install: &'static str| find(folder, program).is_none().then_some(install);
    let lacking = match project.language {
        Language::Rust => lacks("cargo", rust::INSTALL).or_else(|| rust::lacks_target(project)),
        Language::C => c::zig(project).err().map(|_| c::INSTALL),
        Language::Js | Language::Ts => lacks("componentize-qjs", javascript::INSTALL),
        Language::Python => lacks("componentize-py", python::INSTALL),
        Language::Go => lacks("go", go::INSTALL),
    };
    lacking.into_iter().collect()
}

/// Where generated sources and intermediate files are kept.
fn work(project: &Project) -> anyhow::Result<PathBuf> {
    let folder = project.folder.join("build");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(std::path::absolute(folder)?)
}
