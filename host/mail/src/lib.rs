//! Message bytes: header fields, trace fields, delivery status notifications. No I/O, no clock.
//!
//! Whatever comes in may be hostile: nothing here panics, everything is linear in its input, and no
//! string of a client can start a new header field.

pub mod address;
pub mod authentication_results;
pub mod date;
pub mod dsn;
pub mod header;
pub mod mime;
pub mod trace;
