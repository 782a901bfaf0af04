//! Every conversation in `scripts/`, and whether together they show every row of the reply table.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

mod script;

use std::collections::BTreeSet;
use std::path::Path;

use postwarden_smtp::reply;
use postwarden_smtp::session::Profile;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts"))
}

#[test]
fn conversations() {
    let failures: Vec<String> =
        script::read::all(folder()).iter().filter_map(|script| script::play::play(script).err()).collect();
    assert!(failures.is_empty(), "{} failed\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_reply_has_a_conversation() {
    let mut seen = BTreeSet::new();
    for script in script::read::all(folder()) {
        if let Ok(played) = script::play::play(&script) {
            seen.extend(played.keys.iter().map(|key| (*key, script.profile == Profile::Rfc)));
        }
    }
    let missing: Vec<_> = reply::all()
        .flat_map(|row| [(row.key, false), (row.key, true)])
        // The rfc profile has no such refusal: it greets again.
        .filter(|shown| *shown != (reply::HELO_ALREADY_SPECIFIED.key, true) && !seen.contains(shown))
        .map(|(key, rfc)| format!("{key} ({})", if rfc { "rfc" } else { "merak" }))
        .collect();
    assert!(missing.is_empty(), "no script produces: {missing:?}");
}
