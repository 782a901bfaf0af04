//! The API of a running server, for the command line and the console: HTTP on loopback, a token, JSON.
//!
//! An operation ([`operation::Operation`]) is one function over what a server has. The server runs it
//! for a request (`http.rs`), the command line sends it (`client.rs`) or, where no server runs,
//! runs the same function itself. A new operation is a struct in one of the files here and its line
//! in `http.rs`.

pub mod accounts;
mod addresses;
pub mod client;
pub mod filters;
pub mod history;
mod http;
pub mod learn;
pub mod lessons;
mod metrics;
pub mod operation;
pub mod quarantine;
pub mod queue;
pub mod status;
mod token;

pub use http::serve;
pub use token::{read_token, token};

#[cfg(test)]
mod tests;
