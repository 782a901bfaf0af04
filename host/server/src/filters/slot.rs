//! One filter's place in the chain: what the operator wrote about it, the version that stands in it, and a candidate.
//! Holds and swaps; loads nothing and runs nothing.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use async_trait::async_trait;
use postwarden_sandbox::{Call, Evaluation, Hook};
use postwarden_store::Timestamp;

use crate::config;

/// Something that can be asked: a component in the sandbox, or a script in a test.
#[async_trait]
pub trait Evaluator: Send + Sync {
    fn hooks(&self) -> &[Hook];
    async fn call(&self, call: Call) -> Evaluation;
}

/// A component as it was loaded: with its settings and files.
pub struct Version {
    /// SHA-256 of component, settings, files and grants, in hex; people see the first 12 characters.
    pub id: String,
    /// SHA-256 of the component alone, in hex.
    pub component: String,
    /// Where it came from: a path or `builtin:NAME`.
    pub source: String,
    pub loaded: Timestamp,
    /// Why each instance is configured anew; none: instances are copies of a snapshot.
    pub no_snapshot: Option<String>,
    pub evaluator: Arc<dyn Evaluator>,
}

/// A version that is asked beside the standing one, for a share of the messages.
pub struct Canary {
    pub version: Arc<Version>,
    /// Between 0 and 1.
    pub share: f64,
}

pub struct Slot {
    pub name: String,
    /// On failure, shadow, always: read at each call, replaced by a reload of the configuration.
    pub config: ArcSwap<config::Filter>,
    /// None: no version could be loaded; each call is a failed call.
    pub standing: ArcSwapOption<Version>,
    pub canary: ArcSwapOption<Canary>,
}

impl Slot {
    pub fn new(config: config::Filter, standing: Option<Arc<Version>>) -> Arc<Self> {
        Arc::new(Self {
            name: config.name.clone(),
            config: ArcSwap::from_pointee(config),
            standing: ArcSwapOption::new(standing),
            canary: ArcSwapOption::empty(),
        })
    }
}
