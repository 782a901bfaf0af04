//! What the chain remembers of one connection: the versions a transaction began with, what filters noted, and what
//! earlier hooks of the transaction have found. Costs a pointer where no filter is configured.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use postwarden_sandbox::{Edit, Evaluation, Hook};
use postwarden_store::HoldReason;

use super::decision::{Decisions, Report};
use crate::config;
use crate::filters::{Canary, Filters, Slot, Version};
use crate::sender_auth::{self, Judgement};

/// What one filter noted.
pub(super) type Notes = BTreeMap<String, Vec<u8>>;

#[derive(Default)]
pub struct Conversation {
    state: Option<Box<State>>,
    /// Who sent the running transaction, as far as somebody asked.
    pub(crate) sender: sender_auth::Known,
}

#[derive(Default)]
pub(super) struct State {
    /// Of the running transaction.
    pub(super) pinned: Arc<Vec<Pinned>>,
    /// What connection hooks found: each transaction begins with it.
    pub(super) connection: Running,
    pub(super) running: Running,
    /// By filter, and whether it is the canary.
    notes: BTreeMap<(String, bool), Notes>,
    transactions: u64,
}

/// A filter as this transaction knows it, whatever is swapped or reloaded meanwhile.
pub(super) struct Pinned {
    pub(super) slot: Arc<Slot>,
    pub(super) config: Arc<config::Filter>,
    pub(super) version: Option<Arc<Version>>,
    /// Only if it was drawn.
    pub(super) canary: Option<Arc<Canary>>,
}

/// What hooks have found so far.
#[derive(Clone, Default)]
pub(super) struct Running {
    pub(super) score: f64,
    pub(super) edits: Vec<Edit>,
    pub(super) hold: Option<Held>,
    /// Why the message will be thrown away.
    pub(super) discard: Option<String>,
    pub(super) decisions: Decisions,
    /// SPF failed: whoever sent it, a challenge would go to somebody else (row 32).
    pub(super) forged: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Held {
    pub(super) reason: HoldReason,
    pub(super) detail: String,
}

impl Conversation {
    /// None: nothing was found, nothing runs.
    pub(super) fn state(&mut self) -> Option<&mut State> {
        self.state.as_deref_mut()
    }

    /// As [`Conversation::state`], with what is known about the sender.
    pub(super) fn parts(&mut self) -> (Option<&mut State>, &sender_auth::Known) {
        (self.state.as_deref_mut(), &self.sender)
    }

    pub(super) fn open(&mut self) -> &mut State {
        self.state.get_or_insert_default()
    }

    /// MAIL: a new transaction, with the versions that stand now.
    pub(super) fn begin(&mut self, filters: &Filters, session: &str) {
        if filters.all().is_empty() && self.state.is_none() {
            return;
        }
        let state = self.open();
        state.transactions = state.transactions.saturating_add(1);
        state.pinned = pin(filters, &format!("{session}/{}", state.transactions));
        state.running = state.connection.clone();
    }

    /// Points and a hold for the running message that come from no filter; they count as a filter's do.
    pub(crate) fn judged(&mut self, judgement: &Judgement) {
        if judgement.scores.is_empty() && judgement.hold.is_none() && judgement.vouched.is_none() {
            return;
        }
        let running = &mut self.open().running;
        for (symbol, points) in &judgement.scores {
            running.score += points;
            running.decisions.say(&format!("{symbol}={points:+.1}"));
        }
        if let Some(why) = judgement.hold {
            running.hold(Held { reason: HoldReason::Quarantine, detail: format!("authentication: {why}") });
            running.decisions.say(why);
        }
        if let Some(sealer) = &judgement.vouched {
            running.decisions.say(&format!("DMARC failed, sealed by {sealer}"));
        }
    }

    /// What stands in the history about the running transaction.
    pub(crate) fn report(&self) -> Report {
        self.state.as_ref().map(|state| state.running.decisions.report(state.running.score)).unwrap_or_default()
    }
}

impl State {
    pub(super) fn notes(&self, filter: &str, canary: bool) -> Notes {
        self.notes.get(&(filter.to_owned(), canary)).cloned().unwrap_or_default()
    }

    pub(super) fn keep_notes(&mut self, filter: &str, canary: bool, evaluation: &mut Evaluation) {
        if let Some(notes) = evaluation.notes.take() {
            self.notes.insert((filter.to_owned(), canary), notes);
        }
    }
}

impl Running {
    /// The postmaster's decision is worth more than the sender's.
    pub(super) fn hold(&mut self, held: Held) {
        let stronger = self
            .hold
            .as_ref()
            .is_none_or(|before| before.reason == HoldReason::Challenge && held.reason == HoldReason::Quarantine);
        if stronger {
            self.hold = Some(held);
        }
    }
}

impl Pinned {
    pub(super) fn answers(&self, hook: Hook) -> bool {
        match &self.version {
            Some(version) => version.evaluator.hooks().contains(&hook),
            // Nobody knows which hooks it would have: the message is what it would most likely see.
            None => hook == Hook::Message && !self.config.component.starts_with("builtin:"),
        }
    }
}

/// All filters as they stand now. Canaries are drawn by a hash of `draw`.
pub(super) fn pin(filters: &Filters, draw: &str) -> Arc<Vec<Pinned>> {
    let drawn = fraction(draw);
    let slots = filters.all();
    let pinned = slots.iter().map(|slot| Pinned {
        config: slot.config.load_full(),
        version: slot.standing(),
        canary: slot.canary.load_full().filter(|canary| drawn < canary.share),
        slot: Arc::clone(slot),
    });
    Arc::new(pinned.collect())
}

/// Between 0 and 1, evenly over all texts.
fn fraction(text: &str) -> f64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_tenth_is_about_a_tenth() {
        let drawn = (0..10_000).filter(|number| fraction(&format!("session/{number}")) < 0.1).count();
        assert!((900..1100).contains(&drawn), "{drawn}");
    }
}
