//! What is in an archive or an attached message: hands out one member after the other, unpacked within the budget.
//! Broken archives give what can be had of them.

mod gzip;
mod mail;
mod tape;
mod unpack;
mod zip;

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::kind::Kind;
use crate::limits::{Budget, Limit};

/// A file in a file.
pub(crate) struct Member<'a> {
    /// As the archive says: untrusted.
    pub(crate) name: String,
    pub(crate) data: Cow<'a, [u8]>,
    /// What the sender says it is, in a message.
    pub(crate) media_type: Option<String>,
}

/// What an archive has to say.
pub(crate) enum Event<'a> {
    Member(Member<'a>),
    /// Packed with a password.
    Encrypted(String),
    /// Packed by a method that is not known here, or damaged.
    Unreadable(String),
    /// No more of this member is unpacked.
    Reached(Limit, String),
}

/// Told each event; a break ends the walk.
pub(crate) type Each<'e> = dyn FnMut(&mut Budget, Event<'_>) -> ControlFlow<()> + 'e;

/// What can be opened here and how. A zip may lie behind a program that unpacks it.
pub(crate) fn container(kind: Kind, data: &[u8]) -> Option<Kind> {
    match kind {
        Kind::Zip | Kind::Gzip | Kind::Tar | Kind::Mail => Some(kind),
        Kind::Text | Kind::Other(_) if zip::has_directory(data) => Some(Kind::Zip),
        Kind::Html | Kind::Text | Kind::Other(_) => None,
    }
}

/// `kind` is one that [`container`] has named.
pub(crate) fn walk(kind: Kind, data: &[u8], budget: &mut Budget, each: &mut Each<'_>) -> ControlFlow<()> {
    match kind {
        Kind::Zip => zip::walk(data, budget, each),
        Kind::Gzip => gzip::walk(data, budget, each),
        Kind::Tar => tape::walk(data, budget, each),
        Kind::Mail => mail::walk(data, budget, each),
        Kind::Html | Kind::Text | Kind::Other(_) => ControlFlow::Continue(()),
    }
}
