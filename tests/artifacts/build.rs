//! Builds the test filters and the examples in Rust.

use std::path::Path;

fn main() -> Result<(), String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guests = here.join("../guests");
    let watched = [
        guests.join("Cargo.lock"),
        guests.join("greeter"),
        guests.join("puppet"),
        guests.join("scan"),
        here.join("../../guest-sdk"),
        here.join("../../wit"),
    ];
    let examples = here.join("../../filters/examples");
    let watched: Vec<&Path> = watched.iter().map(AsRef::as_ref).collect();
    let folder = postwarden_guest_build::build(&guests.join("Cargo.toml"), &watched)?;
    postwarden_guest_build::build(&examples.join("Cargo.toml"), &[&examples])?;
    println!("cargo::rustc-env=GUESTS={}", folder.display());
    Ok(())
}
