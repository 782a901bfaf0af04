//! From the queue to mailboxes and next hops: claims due recipients, delivers, settles, bounces.
//!
//! `dispatch` claims and hands out; `local` (with `maildir`) and `remote` deliver; `settle` records
//! what came of it, by `schedule`, and `bounce` writes the notices. `usage` measures mailboxes.

mod bounce;
mod clock;
mod dispatch;
mod local;
mod maildir;
mod part;
mod remote;
mod schedule;
mod settle;
pub mod usage;
mod verdict;
mod way;
pub(crate) mod whither;

#[cfg(test)]
mod tests;

pub use dispatch::run;
pub use maildir::path::maildir_path;
pub(crate) use settle::next_tries;
