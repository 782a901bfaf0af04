//! From verdicts to the store: what follows for each recipient, the notices to their senders, the
//! history and the log. A verdict is recorded together with the notice it causes, or neither is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postwarden_mail::dsn::Action;
use postwarden_store::queue::{Outcome, QueuedMessage, QueuedRecipient, Route, Settlement};
use postwarden_store::{Error, HistoryRecord, Timestamp};

use super::bounce::{self, Note};
use super::schedule::{self, Next, Plan, Tried};
use super::verdict::{Said, Verdict};
use crate::config::Config;
use crate::node::Node;

/// Pause after the first failure of the store; doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The detail of a record in the history is cut after this.
const DETAIL_BYTES_MAX: usize = 2048;

/// What was decided for one recipient.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub index: u32,
    pub outcome: Outcome,
    /// As in the history; none: nothing worth a record.
    pub event: Option<&'static str>,
    /// What the sender is told, if it is told.
    pub notice: Option<Action>,
    pub said: Option<Said>,
}

/// Recipients that share an event and a sender.
type Group<'a> = Vec<(Decided, &'a QueuedRecipient)>;

/// Records the verdicts on some recipients of one message. Returns when they are durable, when the
/// message is not ours any more, or never before: a verdict that was not recorded would be lost.
pub(crate) async fn settle(node: &Node, message: &Arc<QueuedMessage>, verdicts: Vec<(u32, Verdict)>) {
    let config = node.config.load_full();
    let now = node.now();
    // One settlement for all that share an event and a sender, so that they share a notice.
    let mut groups: BTreeMap<(Option<&'static str>, &str), Group> = BTreeMap::new();
    for (index, verdict) in verdicts {
        let Some(recipient) = message.recipients.iter().find(|recipient| recipient.index == index) else { continue };
        let decided = decide(&config, message, recipient, verdict, now);
        log(message, recipient, &decided, now);
        groups.entry((decided.event, sender_of(message, recipient))).or_default().push((decided, recipient));
    }
    for ((event, sender), group) in groups {
        let mut pause = PAUSE;
        loop {
            match attempt(node, &config, message, event, sender, &group, now).await {
                Ok(()) => break,
                Err(Error::Lost(why) | Error::NotFound(why) | Error::Damaged(why)) => {
                    tracing::warn!(target: "delivery", id = %message.id, why, "the message is not ours any more; its outcome is not recorded");
                    break;
                }
                Err(error) => {
                    tracing::error!(target: "delivery", id = %message.id, %error, "an outcome cannot be recorded; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }
}

async fn attempt(
    node: &Node,
    config: &Config,
    message: &QueuedMessage,
    event: Option<&'static str>,
    sender: &str,
    group: &Group<'_>,
    now: Timestamp,
) -> postwarden_store::Result<()> {
    let notes: Vec<Note> = group
        .iter()
        .filter_map(|(decided, recipient)| {
            decided.notice.map(|action| Note { recipient, action, said: decided.said.as_ref() })
        })
        .collect();
    let follow_up = match notes.is_empty() {
        true => None,
        false => bounce::notice(node, config, message, sender, &notes, now).await?,
    };
    // The dispatcher sleeps by what was due before.
    let retried =
        group.iter().any(|(decided, _)| matches!(decided.outcome, Outcome::Retry { .. } | Outcome::Later { .. }));
    let woken = retried || follow_up.is_some();
    let history = event.map(|event| record(message, event, sender, group, now));
    let outcomes = group.iter().map(|(decided, _)| (decided.index, decided.outcome.clone())).collect();
    node.store.settle(&node.name, Settlement { id: message.id, outcomes, follow_up, history }).await?;
    if woken {
        node.queue_wake.notify_one();
    }
    Ok(())
}

/// What follows from one verdict. Pure.
pub(crate) fn decide(
    config: &Config,
    message: &QueuedMessage,
    recipient: &QueuedRecipient,
    verdict: Verdict,
    now: Timestamp,
) -> Decided {
    let index = recipient.index;
    let wants = |keyword| wants(message, recipient, keyword);
    let done = |event, notice, said| Decided { index, outcome: Outcome::Done, event: Some(event), notice, said };
    match verdict {
        Verdict::Delivered { said } => done("delivered", wants("SUCCESS").then_some(Action::Delivered), said),
        Verdict::Relayed { said, reports } => {
            let notice = (!reports && wants("SUCCESS")).then_some(Action::Relayed);
            done("delivered", notice, Some(said))
        }
        Verdict::Failed(said) => done("bounced", wants("FAILURE").then_some(Action::Failed), Some(said)),
        Verdict::NotTried => Decided { index, outcome: Outcome::Release, event: None, notice: None, said: None },
        Verdict::Later(said, wait) => {
            let due = now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
            // Room that never comes must not keep a message for ever: at the end of its life this was a try.
            match due <= recipient.recipient.expires {
                true => Decided { index, outcome: Outcome::Later { due }, event: None, notice: None, said: None },
                false => decide(config, message, recipient, Verdict::PutOff(said), now),
            }
        }
        Verdict::Deferred(ref said) | Verdict::PutOff(ref said) => {
            let said = said.clone();
            let plan = Plan { retry: &config.delivery.retry, warn_after: config.delivery.warn_after };
            match schedule::next(&plan, &tried(message, recipient), now) {
                Next::Again { due, warn } => {
                    let warned = recipient.warned || warn;
                    let outcome = Outcome::Retry { due, error: said.to_string(), warned };
                    let notice = (warn && wants("DELAY")).then_some(Action::Delayed);
                    let silent = notice.is_none() && matches!(verdict, Verdict::PutOff(_));
                    Decided { index, outcome, event: (!silent).then_some("deferred"), notice, said: Some(said) }
                }
                Next::Expired => {
                    // RFC 3463: the time is over, whatever the last try met.
                    let said = Said { status: "5.4.7".to_owned(), ..said };
                    done("expired", wants("FAILURE").then_some(Action::Failed), Some(said))
                }
            }
        }
    }
}

/// When the recipient is tried if every try is in vain, at most `limit` times.
pub(crate) fn next_tries(
    config: &Config,
    message: &QueuedMessage,
    recipient: &QueuedRecipient,
    limit: usize,
) -> Vec<Timestamp> {
    let plan = Plan { retry: &config.delivery.retry, warn_after: config.delivery.warn_after };
    schedule::upcoming(&plan, &tried(message, recipient), recipient.recipient.due, limit)
}

/// DELIVERBY with `R` shortens the life, with `N` it sets a time for the notice.
fn tried(message: &QueuedMessage, recipient: &QueuedRecipient) -> Tried {
    let by = message.envelope.deliver_by;
    let return_by = by.filter(|(_, notify)| !notify).map_or(Timestamp::MAX, |(at, _)| at);
    Tried {
        received: message.envelope.received,
        // `due` of the first try; later ones are past it anyway.
        released: if recipient.attempts == 0 { recipient.recipient.due } else { message.envelope.received },
        expires: recipient.recipient.expires.min(return_by),
        before: recipient.attempts,
        warned: recipient.warned,
        notify_by: by.filter(|(_, notify)| *notify).map(|(at, _)| at),
    }
}

/// Whether the sender wants to hear of this (RFC 3461 section 5.2). Nobody is told about messages
/// without a sender, nor about those that the server made itself.
fn wants(message: &QueuedMessage, recipient: &QueuedRecipient, keyword: &str) -> bool {
    if message.envelope.generated || sender_of(message, recipient).is_empty() {
        return false;
    }
    match &recipient.recipient.notify {
        None => keyword != "SUCCESS",
        Some(list) => list.split(',').any(|asked| asked.trim().eq_ignore_ascii_case(keyword)),
    }
}

/// The sender for this recipient.
pub(crate) fn sender_of<'a>(message: &'a QueuedMessage, recipient: &'a QueuedRecipient) -> &'a str {
    recipient.recipient.sender.as_deref().unwrap_or(&message.envelope.sender)
}

fn record(message: &QueuedMessage, event: &str, sender: &str, group: &Group<'_>, now: Timestamp) -> HistoryRecord {
    let told = |decided: &Decided| decided.said.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut details: Vec<String> = group.iter().map(|(decided, _)| told(decided)).collect();
    details.dedup();
    // Where they were told different things, who was told what stands in the facts.
    let facts = match details.len() {
        0 | 1 => serde_json::Value::Null,
        _ => group
            .iter()
            .map(|(decided, one)| (one.recipient.address.clone(), serde_json::Value::from(told(decided))))
            .collect(),
    };
    let mut detail = details.join("; ");
    detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
    HistoryRecord {
        time: now,
        id: message.id.to_string(),
        event: event.to_owned(),
        client: message.envelope.client.clone(),
        sender: sender.to_owned(),
        recipients: group.iter().map(|(_, recipient)| recipient.recipient.address.clone()).collect(),
        size: message.size,
        reply: String::new(),
        detail,
        facts,
    }
}

fn log(message: &QueuedMessage, recipient: &QueuedRecipient, decided: &Decided, now: Timestamp) {
    let Some(event) = decided.event else { return };
    let delay = now.saturating_sub(message.envelope.received);
    let detail = decided.said.as_ref().map(ToString::to_string).unwrap_or_default();
    let route = match &recipient.recipient.route {
        Route::Local(_) => "local",
        Route::Remote(_) => "remote",
    };
    let retry = match decided.outcome {
        Outcome::Retry { due, .. } => due.saturating_sub(now),
        _ => 0,
    };
    tracing::info!(
        target: "delivery",
        id = %message.id,
        recipient = recipient.recipient.address,
        route,
        result = event,
        delay_ms = delay,
        retry_in_ms = retry,
        tries = recipient.attempts.saturating_add(1),
        detail,
    );
}

#[cfg(test)]
mod tests;
