//! Folders that are embedded: a changed file in one of them makes the crate be built again.

fn main() {
    for folder in ["../../wit/0.1", "../../guest-sdk", "../mail/src", "../../Cargo.toml"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
