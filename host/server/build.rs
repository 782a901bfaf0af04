//! Builds the stock filters, which the server carries in itself.

use std::path::Path;

/// Folders in `filters/`.
const STOCK: &[&str] = &["access", "clamd", "content", "spam", "virus"];

fn main() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for name in STOCK {
        let filter = root.join("filters").join(name);
        let watched = [&filter, &root.join("guest-sdk"), &root.join("wit"), &root.join("Cargo.lock")];
        let folder = postwarden_guest_build::build(&filter.join("Cargo.toml"), &watched.map(AsRef::as_ref))?;
        let variable = name.to_uppercase();
        println!("cargo::rustc-env=FILTER_{variable}={}", folder.join(format!("postwarden_{name}.wasm")).display());
    }
    Ok(())
}
