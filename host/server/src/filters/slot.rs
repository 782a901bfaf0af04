//! One filter's place in the chain: what the operator wrote about it, the version that stands in it, those before
//! it, and a candidate. Holds and swaps; loads nothing and runs nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use async_trait::async_trait;
use postwarden_sandbox::{Call, Cause, Evaluation, Hook, LoadReport};
use postwarden_store::Timestamp;

use super::breaker::Breaker;
use super::stats::Stats;
use crate::config;

/// Versions kept in memory, the standing one among them.
pub const VERSIONS_MAX: usize = 5;

/// Something that can be asked: a component in the sandbox, or a script in a test.
#[async_trait]
pub trait Evaluator: Send + Sync {
    fn hooks(&self) -> &[Hook];
    async fn call(&self, call: Call) -> Evaluation;
    /// Whether the state that its model was built from has changed since. The error is for the operator.
    async fn is_stale(&self) -> Result<bool, String> {
        Ok(false)
    }
    /// Whether it may ask who really sent a message: that costs lookups before the message is there.
    fn reads_authentication(&self) -> bool {
        true
    }
    /// How its load went; none for a script.
    fn report(&self) -> Option<&LoadReport> {
        None
    }
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
    /// SHA-256 of what it was configured with from the state, in hex; none: it has read nothing there. The same version
    /// has another one after learning.
    pub state: Option<String>,
    pub evaluator: Arc<dyn Evaluator>,
}

impl Version {
    /// What people see of the id.
    pub fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    /// The same of its state; empty: it has none.
    pub fn short_state(&self) -> &str {
        let state = self.state.as_deref().unwrap_or_default();
        state.get(..12).unwrap_or(state)
    }
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
    pub canary: ArcSwapOption<Canary>,
    /// None: no version could be loaded; each call is a failed call.
    standing: ArcSwapOption<Version>,
    /// Oldest first; the last one stands. Who changes it changes `standing` under the same lock.
    versions: Mutex<VecDeque<Arc<Version>>>,
    /// One for each hook: calls that work at one say nothing about another.
    breakers: Mutex<BTreeMap<Hook, Breaker>>,
    pub stats: Stats,
}

impl Slot {
    pub fn new(config: config::Filter, standing: Option<Arc<Version>>) -> Arc<Self> {
        Arc::new(Self {
            name: config.name.clone(),
            config: ArcSwap::from_pointee(config),
            canary: ArcSwapOption::empty(),
            versions: Mutex::new(standing.iter().cloned().collect()),
            standing: ArcSwapOption::new(standing),
            breakers: Mutex::default(),
            stats: Stats::default(),
        })
    }

    pub fn standing(&self) -> Option<Arc<Version>> {
        self.standing.load_full()
    }

    /// Newest first; the first one stands.
    pub fn versions(&self) -> Vec<Arc<Version>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    /// The version a rollback would lead to.
    pub fn previous(&self) -> Option<Arc<Version>> {
        self.versions().into_iter().nth(1)
    }

    /// Makes a version stand. Transactions that have begun keep theirs.
    pub fn install(&self, version: Arc<Version>) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.retain(|known| known.id != version.id);
        versions.push_back(Arc::clone(&version));
        if versions.len() > VERSIONS_MAX {
            versions.pop_front();
        }
        self.standing.store(Some(version));
    }

    /// Puts the same version with another state in the place of this one. False: it stands no more.
    pub fn refresh(&self, before: &Arc<Version>, fresh: Arc<Version>) -> bool {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = versions.back_mut().filter(|standing| Arc::ptr_eq(standing, before)) else { return false };
        *place = Arc::clone(&fresh);
        self.standing.store(Some(fresh));
        true
    }

    /// Why this version is not asked at this hook now, if its breaker is open.
    pub fn gate(&self, version: &Version, hook: Hook, now: Timestamp) -> Option<Cause> {
        let settings = self.config.load().breaker;
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.get_mut(&hook)?.gate(&version.id, now, &settings)
    }

    /// The result of a call of this version. True: its breaker has opened just now.
    pub fn note(&self, version: &Version, hook: Hook, failed: Option<Cause>, now: Timestamp) -> bool {
        // A version that stands no more has nothing left to lose.
        if self.standing.load().as_ref().is_none_or(|standing| standing.id != version.id) {
            return false;
        }
        let settings = self.config.load().breaker;
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.entry(hook).or_default().note(&version.id, failed, now, &settings)
    }

    /// Calls of some hook are answered by `on-failure` for now.
    pub fn breaker_open(&self) -> bool {
        let Some(standing) = self.standing() else { return false };
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.values().any(|breaker| breaker.is_open(&standing.id))
    }

    /// Makes the version before the standing one stand, and forgets the standing one. None: there is none before.
    pub fn rollback(&self) -> Option<Arc<Version>> {
        self.step_back(None)
    }

    /// As [`Slot::rollback`], if this version still stands: two calls that failed go back one step.
    pub fn rollback_from(&self, failing: &Version) -> Option<Arc<Version>> {
        self.step_back(Some(&failing.id))
    }

    fn step_back(&self, from: Option<&str>) -> Option<Arc<Version>> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if from.is_some_and(|id| versions.back().is_none_or(|standing| standing.id != id)) || versions.len() < 2 {
            return None;
        }
        versions.pop_back();
        let previous = versions.back().cloned();
        self.standing.store(previous.clone());
        previous
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    struct Nobody;

    #[async_trait]
    impl Evaluator for Nobody {
        fn hooks(&self) -> &[Hook] {
            &[]
        }
        async fn call(&self, _: Call) -> Evaluation {
            std::future::pending().await
        }
    }

    pub(crate) fn version(id: &str, evaluator: Arc<dyn Evaluator>) -> Arc<Version> {
        let (component, source) = (id.to_owned(), id.to_owned());
        Arc::new(Version { id: id.to_owned(), component, source, loaded: 0, no_snapshot: None, state: None, evaluator })
    }

    fn numbered(number: usize) -> Arc<Version> {
        version(&format!("{number:064}"), Arc::new(Nobody))
    }

    #[test]
    fn the_last_five_versions_are_kept_and_rolled_back_to() {
        let text = "hostname = 'mx.example.com'\n[[filter]]\nname = 'a'\ncomponent = 'a.wasm'\n";
        let config = config::read::parse(text, std::path::Path::new("/x.toml")).unwrap().config;
        let slot = Slot::new(config.filters[0].clone(), None);
        assert!(slot.standing().is_none() && slot.rollback().is_none() && slot.previous().is_none());
        for number in 0..8 {
            slot.install(numbered(number));
        }
        let ids = |slot: &Slot| slot.versions().iter().map(|v| v.id.parse::<usize>().unwrap()).collect::<Vec<_>>();
        assert_eq!(ids(&slot), [7, 6, 5, 4, 3]);
        // Only the first of two failures at once goes back.
        assert_eq!(slot.rollback_from(&numbered(7)).unwrap().id, numbered(6).id);
        assert!(slot.rollback_from(&numbered(7)).is_none());
        assert_eq!(slot.standing().unwrap().id, numbered(6).id);
        // What is installed again does not stand twice in the list.
        slot.install(numbered(4));
        assert_eq!(ids(&slot), [4, 6, 5, 3]);
        while slot.rollback().is_some() {}
        assert_eq!(ids(&slot), [3]);
        assert_eq!(slot.standing().unwrap().id, numbered(3).id);
    }
}
