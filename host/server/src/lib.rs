//! The Postwarden server: sockets, TLS, configuration, decisions, delivery, commands.
//!
//! Rooms: `config` (what the operator wrote), `server`, `listen`, `sessions`, `connection`, `tls`, `proxy`
//! (bytes in and out), `decide` (every answer), `deliver` (queue to mailbox), `admin` and `cli`
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
pub mod dns;
pub mod explain;
pub mod filters;
pub mod listen;
pub mod log;
pub mod node;
pub mod proxy;
pub mod server;
pub mod sessions;
mod stream;
pub mod tls;
pub mod upkeep;
pub mod workbench;
