//! The book in `docs`: its table of contents names each page, and its links lead somewhere.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src")
}

/// The targets of links within the book, without what follows `#`.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).map(|piece| piece.split([')', '#']).next().unwrap().to_owned());
    targets.filter(|target| !target.is_empty() && !target.contains("://")).collect()
}

#[test]
fn the_table_of_contents_names_every_page_and_links_lead_somewhere() {
    let read = |name: &str| std::fs::read_to_string(pages().join(name)).unwrap();
    let contents: BTreeSet<String> = links(&read("SUMMARY.md")).into_iter().collect();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(pages()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for link in links(&read(&name)) {
            assert!(pages().join(&link).is_file(), "{name} leads to {link}, which is not there");
        }
        found.insert(name);
    }
    found.remove("SUMMARY.md");
    assert_eq!(contents, found);
}
