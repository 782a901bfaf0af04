//! Runs filters as sandboxed WebAssembly components. The only crate that names wasmtime; knows hooks and verdicts,
//! not SMTP and not the store: what a filter may ask of the server comes through [`Services`].

mod assets;
mod call;
mod failure;
mod grants;
mod hook;
mod limits;
mod services;
mod verdict;

pub use assets::Assets;
pub use call::{
    AuthenticationResult, Call, Content, Evaluation, Field, Level, LogLine, Outcome, Parameter, PartFacts, Recipient,
    Session, Transaction,
};
pub use failure::{Cause, Failure};
pub use grants::Grants;
pub use hook::Hook;
pub use limits::Limits;
pub use services::{DnsAnswer, DnsError, DnsRecord, Services, StateError};
pub use verdict::{Edit, Objection, Reason, Score, Verdict};
