//! Runs filters as sandboxed WebAssembly components. The only crate that names wasmtime; knows hooks and verdicts,
//! not SMTP and not the store: what a filter may ask of the server comes through [`Services`].

mod assets;
mod call;
mod compiled;
mod context;
mod engine;
mod failure;
mod grants;
mod hook;
mod hooks;
mod import;
mod inspect;
mod instance;
mod limits;
mod load;
#[doc(hidden)]
pub mod measure;
mod patterns;
mod reads;
mod services;
mod slow;
mod snapshot;
mod track_0_1;
mod verdict;

pub use assets::Assets;
pub use call::{
    AuthenticationResult, Call, Class, Content, Evaluation, Field, Level, LogLine, Outcome, Parameter, PartFacts,
    Recipient, Session, Transaction,
};
pub use engine::{Sandbox, SandboxSettings};
pub use failure::{Cause, Failure};
pub use grants::{BUCKET_BYTES_DEFAULT, Grants};
pub use hook::Hook;
pub use inspect::{PACKAGE, TRACK};
pub use instance::Filter;
pub use limits::Limits;
pub use load::{LoadError, LoadReport, Source};
pub use services::{DnsAnswer, DnsError, DnsRecord, Services, StateError};
pub use verdict::{Edit, Objection, Reason, Score, Verdict};

/// Log targets of the engine, by their beginnings: below `warn` they say nothing to an operator, and that at length.
pub const ENGINE_LOG_TARGETS: [&str; 3] = ["wasmtime", "cranelift", "regalloc"];
