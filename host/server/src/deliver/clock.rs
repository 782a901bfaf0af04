//! What a clock that was wrong did to the queue: tries that are due only after the time at which they
//! should be, because the clock was ahead when they were put off, are put right.

use std::time::{Duration, Instant};

use postwarden_store::queue::{QueueChange, QueueFilter, QueuedMessage, QueuedRecipient};
use postwarden_store::{Id, Result, Timestamp};

use super::schedule::{Plan, due_at_most};
use crate::node::Node;

/// A wall clock that is behind the monotonic one by more than this was put back.
const JUMP: Duration = Duration::from_secs(30);
/// Messages looked at in one step.
const PAGE: usize = 200;

/// Watches the wall clock.
#[derive(Debug)]
pub(crate) struct Watch {
    wall: Timestamp,
    monotonic: Instant,
}

impl Watch {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { wall: now, monotonic: Instant::now() }
    }

    /// Whether the clock was put back since the last question.
    pub(crate) fn put_back(&mut self, now: Timestamp) -> bool {
        let passed = millis(self.monotonic.elapsed());
        let back = self.wall.saturating_add(passed).saturating_sub(now) > millis(JUMP);
        *self = Self::new(now);
        back
    }
}

/// Makes due what waits for longer than its schedule allows.
pub(crate) async fn repair(node: &Node) -> Result<u64> {
    let config = node.config.load_full();
    let plan = Plan { retry: &config.delivery.retry, warn_after: config.delivery.warn_after };
    let filter = QueueFilter { state: Some("queued".to_owned()), ..QueueFilter::default() };
    let mut after: Option<Id> = None;
    let mut changed = 0;
    loop {
        let page = node.store.list(&filter, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(changed) };
        after = Some(last.id);
        for message in &page {
            for recipient in message.recipients.iter().filter(|one| too_late(&plan, message, one, node.now())) {
                let one = QueueFilter {
                    id: Some(message.id.to_string()),
                    recipient: Some(recipient.recipient.address.clone()),
                    ..filter.clone()
                };
                changed += node.store.change(&one, QueueChange::Retry(node.now())).await?;
            }
        }
    }
}

fn too_late(plan: &Plan, message: &QueuedMessage, recipient: &QueuedRecipient, now: Timestamp) -> bool {
    let margin = millis(JUMP);
    let due = recipient.recipient.due;
    if recipient.attempts > 0 {
        return due > due_at_most(plan, recipient.attempts, now).saturating_add(margin);
    }
    // Not tried yet: a later due is FUTURERELEASE, unless it was due at once, in what is the future now.
    let received = message.envelope.received;
    received > now.saturating_add(margin) && due <= received
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_step_back_counts() {
        let mut watch = Watch::new(1_000_000_000);
        assert!(!watch.put_back(1_000_000_001));
        assert!(!watch.put_back(9_000_000_000), "ahead");
        assert!(!watch.put_back(8_999_990_000), "a little");
        assert!(watch.put_back(1_000_000_000));
        assert!(!watch.put_back(1_000_000_000), "said once");
    }
}
