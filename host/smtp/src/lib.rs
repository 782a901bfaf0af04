//! SMTP without I/O: bytes and time in, actions out. No sockets, no clock, no files, no Wasm.
//!
//! The owner of a connection feeds a [`Session`] with what it read and carries out what
//! [`Session::poll_action`] asks for. Everything the protocol cannot know by itself (who may log
//! in, which addresses exist, what filters think) leaves as a [`Question`] and returns as an
//! [`Answer`]; there is no other door.

mod body;
pub mod client;
mod command;
mod extension;
mod instant;
pub mod limits;
mod line;
mod parameters;
pub mod path;
pub mod question;
pub mod refusal;
pub mod reply;
mod sasl;
pub mod session;
mod state;
mod xtext;

pub use command::verbs;

pub use path::{Domain, ForwardPath, Mailbox, ReversePath};
pub use question::{Answer, Question, RecipientParameters, SenderParameters};
pub use refusal::Refusal;
pub use session::{Action, Session};
