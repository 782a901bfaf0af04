//! Tells filters what became of a message, after the reply is decided. No client waits for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use postwarden_sandbox::{Call, Hook, Outcome};
use postwarden_smtp::Answer;
use postwarden_smtp::question::Fate;
use postwarden_smtp::reply::{self, Case, Row};

use super::ask::ask;
use super::conversation::Conversation;
use super::facts;
use crate::decide::Asked;

/// Queues the question to those who ask for outcomes.
pub(crate) fn outcome(asked: &Asked<'_>, known: &mut Conversation, answer: &Answer) {
    let (state, sender) = known.parts();
    let (Some(state), Some(transaction)) = (state, asked.transaction) else { return };
    let pinned = Arc::clone(&state.pinned);
    if !pinned.iter().any(|filter| filter.answers(Hook::Outcome)) {
        return;
    }
    let shared = &asked.node.chain;
    let Ok(waiting) = Arc::clone(&shared.outcomes_waiting).try_acquire_owned() else {
        shared.outcomes_dropped.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let mut transaction = facts::transaction(transaction, sender);
    state.running.edits.iter().for_each(|edit| facts::apply(&mut transaction, edit));
    facts::tell_local(&mut transaction, None, asked);
    let call = Call {
        hook: Hook::Outcome,
        session: Some(Arc::new(facts::session(asked))),
        transaction: Some(Arc::new(transaction)),
        recipient: None,
        message: None,
        outcome: Some(told(asked, answer)),
        class: None,
        score: state.running.score,
        notes: Default::default(),
        time: u64::try_from(asked.now).unwrap_or(0),
        shadow: false,
    };
    let notes: Vec<_> = pinned.iter().map(|filter| state.notes(&filter.slot.name, false)).collect();
    let manager = Arc::clone(&asked.node.manager);
    let (running, now) = (Arc::clone(&shared.outcomes_running), asked.now);
    tokio::spawn(async move {
        let _waiting = waiting;
        let Ok(_running) = running.acquire().await else { return };
        for (filter, notes) in pinned.iter().zip(notes).filter(|(filter, _)| filter.answers(Hook::Outcome)) {
            let call = Call { notes, shadow: filter.config.shadow, ..call.clone() };
            ask(&manager, filter, call, Default::default(), now).await;
        }
    });
}

fn told(asked: &Asked<'_>, answer: &Answer) -> Outcome {
    let profile = asked.config.smtp.replies;
    let line = |row: &Row, case: Case| {
        let (code, enhanced) = row.codes(profile, case);
        (code, format!("{code} {enhanced} {}", row.text))
    };
    let (word, reply) = match answer {
        Answer::Refuse(refusal) => {
            let place = refusal.place();
            let (code, reply) = line(place.row, place.case);
            (if code < 500 { "deferred" } else { "rejected" }, reply)
        }
        Answer::Taken { fate, .. } => {
            let word = match fate {
                Fate::Queued => "queued",
                Fate::Deleted => "discarded",
                Fate::Challenged => "challenged",
                Fate::Quarantined => "quarantined",
            };
            (word, line(&reply::MESSAGE_ACCEPTED, Case::Usual).1)
        }
        _ => ("rejected", String::new()),
    };
    Outcome { outcome: word.to_owned(), reply }
}
