//! Which recipients are being worked on. Kept in memory: one process owns the store, so with the
//! process all claims end, and claiming writes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Id, Timestamp};

/// Message and position of a recipient.
pub(crate) type Key = (Id, u32);

#[derive(Debug, Default)]
pub(crate) struct Claims {
    held: BTreeMap<Key, Claim>,
}

#[derive(Debug)]
struct Claim {
    node: Arc<str>,
    until: Timestamp,
    /// Its outcome is being written: the lease cannot end before that is done.
    settling: bool,
}

pub(crate) fn lock(claims: &Mutex<Claims>) -> MutexGuard<'_, Claims> {
    claims.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Claims {
    pub(crate) fn is_free(&self, key: Key, now: Timestamp) -> bool {
        self.held.get(&key).is_none_or(|claim| !claim.settling && claim.until <= now)
    }

    pub(crate) fn take(&mut self, key: Key, node: &Arc<str>, until: Timestamp) {
        self.held.insert(key, Claim { node: Arc::clone(node), until, settling: false });
    }

    /// Fixes the claims of `node` until `give_back`; false, and nothing changed, if one is not its.
    pub(crate) fn fix(&mut self, id: Id, positions: &[u32], node: &str) -> bool {
        let ours = |position: &u32| {
            self.held.get(&(id, *position)).is_some_and(|claim| &*claim.node == node && !claim.settling)
        };
        if !positions.iter().all(ours) {
            return false;
        }
        for position in positions {
            if let Some(claim) = self.held.get_mut(&(id, *position)) {
                claim.settling = true;
            }
        }
        true
    }

    /// As `take` and `fix` in one, for a change by an operator; false if somebody has it.
    pub(crate) fn fix_free(&mut self, key: Key, now: Timestamp) -> bool {
        let free = self.is_free(key, now);
        if free {
            self.held.insert(key, Claim { node: Arc::from(""), until: now, settling: true });
        }
        free
    }

    /// After the outcome was written the claim is gone; else it stands as it was.
    pub(crate) fn give_back(&mut self, id: Id, positions: &[u32], written: bool) {
        for position in positions {
            if written {
                self.held.remove(&(id, *position));
            } else if let Some(claim) = self.held.get_mut(&(id, *position)) {
                claim.settling = false;
            }
        }
    }

    pub(crate) fn renew(&mut self, node: &str, until: Timestamp) {
        for claim in self.held.values_mut().filter(|claim| &*claim.node == node) {
            claim.until = until;
        }
    }

    /// When the first claim ends.
    pub(crate) fn first_end(&self) -> Option<Timestamp> {
        self.held.values().map(|claim| claim.until).min()
    }

    /// Whether there is a claim, also one whose lease has ended.
    pub(crate) fn has(&self, key: Key) -> bool {
        self.held.contains_key(&key)
    }
}
