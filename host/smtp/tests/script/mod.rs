//! Reads `.smtp` scripts and plays them against a Session. The format stands in `scripts/README.md`.
#![allow(dead_code)] // each test binary uses its part

pub(crate) mod answer;
pub(crate) mod play;
pub(crate) mod question;
pub(crate) mod read;
pub(crate) mod setup;
