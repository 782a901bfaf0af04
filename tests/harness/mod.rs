//! What every scenario needs: a running server, an SMTP client, the mail that was delivered, and waiting with a limit.

pub mod client;
pub mod config;
pub mod dns;
pub mod lmtp_sink;
pub mod mail;
pub mod peer;
pub mod process;
pub mod server;
pub mod template;

pub use client::Client;
pub use mail::wait_for;
pub use server::Server;
