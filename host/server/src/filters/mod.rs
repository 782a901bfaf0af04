//! The filters of this server: one slot for each, in the order of the chain. Who stands in a slot changes while mail
//! flows; what a message does with them is in `chain`.

mod slot;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use slot::{Canary, Evaluator, Slot, VERSIONS_MAX, Version};

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
