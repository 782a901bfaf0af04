//! The rules: what can be said of a message without having learned anything. Each finds symbols; none knows its points.

mod envelope;
mod header;
mod phrases;
mod structure;
mod text;
mod web;

pub(crate) use header::is_freemail;

use crate::mail::Mail;
use crate::symbols::Symbol;

/// What was found, each symbol once.
#[derive(Debug, Default)]
pub(crate) struct Found(Vec<(Symbol, Option<String>)>);

impl Found {
    pub(crate) fn add(&mut self, symbol: Symbol) {
        self.with(symbol, None);
    }

    /// The detail is for the log: what was found, short.
    pub(crate) fn with(&mut self, symbol: Symbol, detail: Option<String>) {
        if !self.0.iter().any(|(known, _)| *known == symbol) {
            self.0.push((symbol, detail));
        }
    }

    pub(crate) fn add_if(&mut self, holds: bool, symbol: Symbol) {
        if holds {
            self.add(symbol);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Symbol, Option<String>)> {
        self.0.iter()
    }
}

/// Rules about what the sender wrote: the same whenever and wherever the message is looked at, so that the classifier
/// can learn them. `now` in milliseconds since 1970.
pub(crate) fn content(mail: &Mail, now: u64, found: &mut Found) {
    header::find(mail, now, found);
    structure::find(mail, found);
    text::find(mail, found);
    phrases::find(mail, found);
    web::find(mail, found);
}

/// Rules about the way it came.
pub(crate) fn way(mail: &Mail, found: &mut Found) {
    envelope::find(mail, found);
}

/// Builds what every message needs.
pub(crate) fn prepare() {
    phrases::prepare();
}
