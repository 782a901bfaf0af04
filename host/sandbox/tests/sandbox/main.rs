//! The sandbox with real components: hooks, verdicts, loading, isolation and every budget. No server, no network.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

mod budgets;
mod contract;
mod hooks;
mod isolation;
mod learning;
mod loading;
mod patterns;
mod sdk;
mod support;
