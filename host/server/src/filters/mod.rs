//! The filters of this server: one slot for each, in the order of the chain. Who stands in a slot changes while mail
//! flows; what a message does with them is in `chain`.

pub mod breaker;
mod check;
mod histogram;
mod includes;
pub mod load;
pub mod manager;
pub mod record;
mod refresh;
mod self_test;
pub mod services;
mod slot;
pub mod stats;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use postwarden_sandbox::Limits;

pub use check::check;
pub use manager::Manager;
pub use slot::{Canary, Evaluator, Slot, VERSIONS_MAX, Version};

/// The component of a filter that comes with the server.
pub fn builtin(name: &str) -> Option<&'static [u8]> {
    match name {
        "access" => Some(include_bytes!(env!("FILTER_ACCESS"))),
        "clamd" => Some(include_bytes!(env!("FILTER_CLAMD"))),
        "content" => Some(include_bytes!(env!("FILTER_CONTENT"))),
        "spam" => Some(include_bytes!(env!("FILTER_SPAM"))),
        "virus" => Some(include_bytes!(env!("FILTER_VIRUS"))),
        _ => None,
    }
}

/// The settings of a built-in filter that name a file or folder: it is granted by being named.
pub fn builtin_files(name: &str) -> &'static [&'static str] {
    match name {
        "access" => &["black", "white", "bypass"],
        "content" => &["rules"],
        "virus" => &["signatures"],
        _ => &[],
    }
}

/// The quota of a filter's own bucket, in bytes, where the configuration does not say.
pub fn bucket_bytes(component: &str) -> u64 {
    match component {
        // What was learned of twenty thousand messages.
        "builtin:spam" => 128 << 20,
        _ => postwarden_sandbox::BUCKET_BYTES_DEFAULT,
    }
}

/// What a built-in filter imports and can do without: it says itself which setting needs which grant.
pub fn builtin_optional(name: &str) -> &'static [&'static str] {
    match name {
        "access" | "spam" => &["dns", "state"],
        _ => &[],
    }
}

/// What a built-in filter may use where the operator writes nothing: those that read whole messages take longer.
pub fn builtin_limits(name: &str) -> Limits {
    let default = Limits::default();
    match name {
        // A daemon takes its time over large files, which is no computing time of the filter.
        "clamd" => Limits { deadline: Duration::from_secs(30), ..default },
        "virus" => {
            Limits { deadline: Duration::from_secs(10), cpu: Duration::from_secs(8), memory: 512 << 20, ..default }
        }
        _ => default,
    }
}

/// All slots. Replaced whole when the configuration changes.
#[derive(Default)]
pub struct Filters {
    slots: ArcSwap<Vec<Arc<Slot>>>,
}

impl Filters {
    /// In the order of the chain.
    pub fn all(&self) -> Arc<Vec<Arc<Slot>>> {
        self.slots.load_full()
    }

    pub fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots.load().iter().find(|slot| slot.name == name).cloned()
    }

    pub fn set(&self, slots: Vec<Arc<Slot>>) {
        self.slots.store(Arc::new(slots));
    }
}
