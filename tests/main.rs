//! The end-to-end tests: one binary, one scenario a file. They see the server as its users do: over
//! TCP, by its command line and by the mail that lies in the Maildir. No module of the server is used.
//!
//! Peers that are not installed are skipped with one line; with `CI=true` their absence is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

mod harness;

mod access;
mod authors;
mod capacity;
mod clamd;
mod cli;
mod cli_api;
mod cli_check;
mod cli_explain;
mod clients;
mod content;
mod dev;
mod dovecot;
mod durable;
mod filters;
mod filters_live;
mod kill;
mod kill_relay;
mod learn;
mod lifecycle;
mod logs;
mod postfix;
mod postgres;
mod relay;
mod remote;
mod reverse_names;
mod scripts;
mod sender_auth;
mod sink_faults;
mod smuggling;
mod space;
mod spam;
mod starttls;
mod stock;
mod tidy;
mod virus;
mod workbench;
