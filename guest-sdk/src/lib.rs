//! Write a mail filter for Postwarden in Rust.
//!
//! A filter is a type that implements [`Filter`] for the hooks it answers, and one line that exports them. This is a
//! whole one:
//!
//! ```
//! use postwarden_filter::*;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct NoInvoices { words: Vec<String> }
//!
//! impl Filter for NoInvoices {
//!     type Settings = Self;
//!     fn configure(settings: Self) -> Result<Self, Problems> { Ok(settings) }
//!     fn on_message(&self, _: &Session, transaction: &Transaction, message: &Message) -> Answer {
//!         let subject = message.get_decoded_fields("Subject").join(" ").to_lowercase();
//!         if self.words.iter().any(|word| subject.contains(word)) {
//!             transaction.add_score("INVOICE", 2.5, None)?;
//!             return reject(Reason::Content).detail("an invoice").into();
//!         }
//!         pass()
//!     }
//! }
//! export!(NoInvoices: on_message);
//!
//! // Without WebAssembly, as in `cargo test`:
//! let host = testing::FakeHost::new().message("Subject: Your INVOICE\r\n\r\nPay!\r\n");
//! let filter = host.configure::<NoInvoices>(serde_json::json!({ "words": ["invoice"] })).unwrap();
//! assert!(matches!(host.on_message(&filter), Ok(Verdict::Reject(_))));
//! assert_eq!(host.scores(), [("INVOICE".to_owned(), 2.5)]);
//! ```
//!
//! `Cargo.toml` says `crate-type = ["cdylib", "lib"]`; `cargo build --release --target wasm32-wasip2` gives a component
//! that the server loads as it is.
//!
//! # What to know
//!
//! - `configure` runs once, when the filter is loaded; its memory is then copied for every call. What it builds costs
//!   its time once. A hash seed, a random number or a clock reading that it keeps is the same in every later call.
//! - Each call has an instance of its own: what a hook writes to memory is gone after it. [`state`] outlives calls,
//!   [`Session::set_note`] a hook of the same connection.
//! - In `configure` [`assets`], [`telemetry`] and [`call`] answer, and [`state`] can be read. Printing there spoils the
//!   snapshot: use [`telemetry::log`].
//! - A filter that learns writes to [`state`] in [`Filter::on_feedback`] and builds its model in `configure`. What it reads
//!   there with `get` is watched: when that value changes, the server loads the filter again.
//! - Scores and edits count if the hook returns a verdict, and not if it returns a [`Failure`], panics or is stopped.
//! - What the operator has not granted answers with an error: [`EditError::NotPermitted`], `access-denied`.
//!
//! Units: sizes are bytes, spans of time nanoseconds, [`call::get_time`] milliseconds since the Unix epoch.

#[doc(hidden)]
pub mod bindings;
mod configure;
mod export;
#[cfg(not(target_family = "wasm"))]
mod fake;
mod suggest;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod units;
mod verdict;

pub use bindings::imports::postwarden::filter::content::{Field, TextChunk};
pub use bindings::imports::postwarden::filter::smtp::EditError;
pub use bindings::imports::postwarden::filter::types::{
    AuthenticationResult, Class, EsmtpParameter, Failure, IpAddress, Objection, Reason, Recipient, Verdict,
};
#[doc(hidden)]
pub use configure::configure_once;
pub use configure::{NoSettings, Problem, Problems};
pub use suggest::nearest;
pub use verdict::{Answer, Objecting, accept, challenge, defer, discard, pass, quarantine, reject};

#[cfg(target_family = "wasm")]
pub use bindings::imports::postwarden::filter::{
    assets, call,
    content::{Message, Part},
    dns, patterns,
    smtp::{Session, Transaction},
    state, tcp, telemetry,
};
#[cfg(not(target_family = "wasm"))]
pub use fake::{
    assets, call,
    content::{Message, Part},
    dns, patterns,
    smtp::{Session, Transaction},
    state, tcp, telemetry,
};

/// A filter. Every hook has a body that passes: write those that you name in [`export!`].
pub trait Filter: Sized + Send + Sync + 'static {
    /// What the operator writes under `settings`; [`NoSettings`] if there is nothing to set.
    type Settings: serde::de::DeserializeOwned;

    /// Runs once, before any hook. All problems at once help the operator most.
    fn configure(settings: Self::Settings) -> Result<Self, Problems>;

    /// A client has connected.
    fn on_connect(&self, session: &Session) -> Answer {
        let _ = session;
        pass()
    }

    /// The client has said HELO, EHLO or LHLO.
    fn on_greeting(&self, session: &Session) -> Answer {
        let _ = session;
        pass()
    }

    /// MAIL: the sender is known.
    fn on_sender(&self, session: &Session, transaction: &Transaction) -> Answer {
        let _ = (session, transaction);
        pass()
    }

    /// RCPT: the verdict concerns this recipient alone.
    fn on_recipient(&self, session: &Session, transaction: &Transaction, recipient: &Recipient) -> Answer {
        let _ = (session, transaction, recipient);
        pass()
    }

    /// The message is complete, and the client waits.
    fn on_message(&self, session: &Session, transaction: &Transaction, message: &Message) -> Answer {
        let _ = (session, transaction, message);
        pass()
    }

    /// The server has replied: `outcome` is `queued`, `rejected`, `deferred`, `discarded`, `quarantined` or
    /// `challenged`, `reply` the SMTP reply line.
    fn on_outcome(&self, session: &Session, transaction: &Transaction, outcome: &str, reply: &str) {
        let _ = (session, transaction, outcome, reply);
    }

    /// Somebody who knows has said what this message is. Nobody waits for a reply.
    fn on_feedback(&self, message: &Message, class: Class) -> Result<(), Failure> {
        let _ = (message, class);
        Ok(())
    }
}
