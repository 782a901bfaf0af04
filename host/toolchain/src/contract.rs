//! The contract of this server, as text and as types. Changes nothing in it.

use std::path::Path;

use anyhow::Context;
use include_dir::{Dir, include_dir};
use wit_bindgen_core::wit_parser::{PackageId, Resolve, WorldId};
use wit_component::StringEncoding;

/// `wit/0.1`
pub(crate) static WIT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../wit/0.1");
/// The world every project has.
pub const WORLD: &str = "filter";
pub(crate) const ENCODING: StringEncoding = StringEncoding::UTF8;

/// The contract's package, parsed.
pub fn parsed() -> anyhow::Result<(Resolve, PackageId)> {
    let mut text = String::new();
    // The file with the package's name comes first: one source must begin with it.
    let mut files: Vec<_> = WIT.files().collect();
    files.sort_by_key(|file| (!file.path().ends_with("package.wit"), file.path()));
    for file in files {
        text.push_str(file.contents_utf8().context("the contract is text")?);
        text.push('\n');
    }
    let mut resolve = Resolve::default();
    let package = resolve.push_source("contract.wit", &text)?;
    Ok((resolve, package))
}

/// `0.1.0`
pub fn version() -> anyhow::Result<String> {
    let (resolve, package) = parsed()?;
    let name = resolve.packages.get(package).map(|package| package.name.clone()).context("the contract has a name")?;
    Ok(name.version.map(|version| version.to_string()).unwrap_or_default())
}

/// The world of a project: its folder `wit`.
pub(crate) fn world_of(folder: &Path) -> anyhow::Result<(Resolve, WorldId)> {
    let wit = folder.join("wit");
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_path(&wit)
        .with_context(|| format!("{} is not the contract and a world that includes it", wit.display()))?;
    let world = resolve
        .select_world(&[package], Some(WORLD))
        .with_context(|| format!("{} has no world \"{WORLD}\"", wit.display()))?;
    Ok((resolve, world))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn the_embedded_contract_is_whole() {
        assert!(super::version().unwrap().starts_with("0.1."));
    }
}
