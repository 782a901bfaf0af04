//! SMTP without I/O: bytes and time in, actions out. No sockets, no clock, no files, no Wasm.
//!
//! The owner of a connection feeds a [`Session`] with what it read and carries out what
//! [`Session::poll_action`] asks for. Everything the protocol cannot know by itself (who may log
//! in, which addresses exist, what filters think) leaves as a [`Question`] and returns as an
//! [`Answer`]; there is no other door.

pub mod client;
pub mod path;
pub mod question;
pub mod refusal;
pub mod session;

pub use path::{Domain, ForwardPath, Mailbox, ReversePath};
pub use question::{Answer, Question, RecipientParameters, SenderParameters};
pub use refusal::Refusal;
pub use session::{Action, Session};
