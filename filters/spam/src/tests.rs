//! The filter with a fake host: mails of our own writing and the symbols they must have, lessons, settings, hostile input.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod hostile;
mod lessons;
mod mails;
mod policies;
mod settings;

use postwarden_filter::testing::FakeHost;

use crate::Spam;

/// A mail that no rule minds.
const LETTER: &str = "From: Alice Example <alice@example.org>\nTo: Bob Example <bob@example.com>\nSubject: Minutes\n\
                      Date: Sat, 08 Sep 2001 23:00:00 +0000\nMessage-ID: <a1.b2@mail.example.org>\n\nHello\n";

fn spam(host: &FakeHost) -> Spam {
    host.configure(serde_json::json!({})).unwrap()
}

fn symbols(host: &FakeHost) -> Vec<String> {
    host.scores().into_iter().map(|(symbol, _)| symbol).collect()
}
