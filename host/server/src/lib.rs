//! The Postwarden server: sockets, TLS, configuration, decisions, delivery, commands.
//!
//! Rooms: `config` (what the operator wrote), `server`, `listen`, `sessions`, `connection`, `tls`, `proxy`
//! (bytes in and out), `decide` (every answer), `sender_auth` (who really sent it), `deliver` (queue to mailbox), `admin` and `cli`
//! (operators), `explain` (the FAQ), `node` (what all of them share).

pub mod accounts_file;
pub mod admin;
pub mod auth;
pub mod buffer;
pub mod chain;
pub mod cli;
pub mod config;
pub mod connection;
pub mod content;
pub mod decide;
pub mod deliver;
pub mod dev;
pub mod directory;
mod dmarc_reports;
pub mod dns;
pub mod explain;
pub mod filters;
pub mod listen;
pub mod log;
pub mod node;
mod opened;
pub mod proxy;
mod sender_auth;
pub mod server;
pub mod sessions;
pub mod signing;
mod srs;
mod stream;
mod submission;
pub mod tls;
pub mod upkeep;
pub mod workbench;
