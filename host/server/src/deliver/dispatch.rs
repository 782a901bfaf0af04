//! Claims due messages and hands them to those who deliver. Sleeps when nothing is due; never holds
//! more than a bounded number of messages; renews their leases while they are on their way.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postwarden_store::Timestamp;
use postwarden_store::queue::{Job, LEASE, Lease};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::maildir::Maildirs;
use super::part::{Claimed, Part};
use super::remote::{Destinations, Next};
use super::way::{Way, way};
use super::{clock, local};
use crate::node::Node;

/// Messages that are claimed and not yet settled. With 64 KiB in memory for each at most: 32 MiB.
const MESSAGES_IN_PROGRESS_MAX: usize = 512;
/// Messages taken by one claim.
const CLAIM_MESSAGES_MAX: usize = 128;
/// Batches of local mail that are written at once: one is written while another is settled.
const LOCAL_BATCHES_MAX: usize = 2;
/// Under load claims wait so long for company: fewer, larger batches share their syncs.
const GATHER: Duration = Duration::from_millis(10);
/// The queue is looked at so often even if nothing is known to be due (another node may have filled it).
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Pause where something is said to be due and a claim gets nothing (another node was faster).
const UNCLAIMABLE: Duration = Duration::from_millis(250);
/// All places taken for so long: mail behind hosts that do not answer has to leave.
const CROWDED: Duration = Duration::from_secs(1);
/// Pause after the first failure of the store; doubles up to the longest.
const FAULT_PAUSE: Duration = Duration::from_millis(500);
const FAULT_PAUSE_MAX: Duration = Duration::from_secs(15);
/// How long a stop waits for deliveries in progress.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What the parts of delivery share.
struct Dispatcher {
    node: Arc<Node>,
    maildirs: Arc<Maildirs>,
    slots: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    destinations: Arc<Destinations>,
    tasks: TaskTracker,
    started: Timestamp,
}

/// Runs until `stop`; then finishes what is in progress within a limit and releases the rest.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let dispatcher = Dispatcher {
        started: node.now().saturating_sub(millis(node.started.elapsed())),
        maildirs: Arc::new(Maildirs::new()),
        slots: Arc::new(Semaphore::new(MESSAGES_IN_PROGRESS_MAX)),
        batches: Arc::new(Semaphore::new(LOCAL_BATCHES_MAX)),
        destinations: Destinations::new(Arc::clone(&node), tasks.clone(), stop.clone()),
        tasks,
        node,
    };
    let renewing = CancellationToken::new();
    let renewal = tokio::spawn(renew(Arc::clone(&dispatcher.node), Arc::clone(&dispatcher.slots), renewing.clone()));
    dispatcher.claim_until(&stop).await;
    dispatcher.finish().await;
    renewing.cancel();
    let _ = renewal.await;
}

impl Dispatcher {
    /// Looks at `stop` only between claims: what was claimed is always handed out.
    async fn claim_until(&self, stop: &CancellationToken) {
        let mut fault_pause = FAULT_PAUSE;
        let mut last = None;
        let mut watch = clock::Watch::new(self.node.now());
        self.repair();
        loop {
            if watch.put_back(self.node.now()) {
                tracing::warn!(target: "delivery", "the clock was put back; looking for messages that would wait too long");
                self.repair();
            }
            // Room first: a claim that cannot be worked on only blocks other nodes.
            let room = async {
                let batch = Arc::clone(&self.batches).acquire_owned().await.ok()?;
                let slot = self.slot().await?;
                if let Some(since) = last.map(|last: Instant| last.elapsed())
                    && since < GATHER
                {
                    tokio::time::sleep(GATHER - since).await;
                }
                Some((batch, slot))
            };
            let Some(Some((batch, first))) = stop.run_until_cancelled(room).await else { return };
            let limit = (self.slots.available_permits() + 1).min(CLAIM_MESSAGES_MAX);
            let mut slots = vec![first];
            while slots.len() < limit
                && let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned()
            {
                slots.push(slot);
            }
            let limit = slots.len();
            last = Some(Instant::now());
            match self.claim(limit).await {
                Ok(mut jobs) => {
                    // MT-PRIORITY, among those that are claimed together.
                    jobs.sort_by_key(|job| Reverse(job.message.envelope.priority));
                    fault_pause = FAULT_PAUSE;
                    let (none, all) = (jobs.is_empty(), jobs.len() < limit);
                    let claimed = jobs.into_iter().zip(slots).map(|(job, slot)| Claimed::new(job, slot)).collect();
                    self.hand_out(claimed, batch).await;
                    if all {
                        stop.run_until_cancelled(self.sleep(none)).await;
                    }
                }
                Err(error) => {
                    drop((batch, slots));
                    tracing::error!(target: "delivery", %error, "cannot claim from the queue; trying again");
                    stop.run_until_cancelled(tokio::time::sleep(fault_pause)).await;
                    fault_pause = (fault_pause * 2).min(FAULT_PAUSE_MAX);
                }
            }
        }
    }

    /// A place for one message. Where all are taken for long, those behind silent hosts are given back.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            match tokio::time::timeout(CROWDED, Arc::clone(&self.slots).acquire_owned()).await {
                Ok(slot) => return slot.ok(),
                Err(_) => self.destinations.shed(),
            }
        }
    }

    /// Beside the rest: the queue may be long.
    fn repair(&self) {
        let node = Arc::clone(&self.node);
        self.tasks.spawn(async move {
            match clock::repair(&node).await {
                Ok(0) => {}
                Ok(count) => {
                    tracing::warn!(target: "delivery", count, "recipients that a wrong clock had put off are due now");
                    node.queue_wake.notify_one();
                }
                Err(error) => {
                    tracing::error!(target: "delivery", %error, "cannot look for messages that wait too long")
                }
            }
        });
    }

    async fn claim(&self, limit: usize) -> postwarden_store::Result<Vec<Job>> {
        let now = self.node.now();
        let lease = Lease { node: self.node.name.clone(), until: now.saturating_add(millis(LEASE)) };
        self.node.store.claim(now, limit, lease).await
    }

    /// Until something may be due. `none`: the last claim got nothing.
    async fn sleep(&self, none: bool) {
        let wait = match self.node.store.next_due().await {
            Ok(Some(due)) => Duration::from_millis(u64::try_from(due.saturating_sub(self.node.now())).unwrap_or(0)),
            Ok(None) => IDLE_MAX,
            Err(error) => {
                tracing::error!(target: "delivery", %error, "cannot see when the next message is due");
                FAULT_PAUSE_MAX
            }
        };
        // What is due and cannot be claimed makes no busy loop.
        let wait = wait.clamp(if none { UNCLAIMABLE } else { GATHER }, IDLE_MAX);
        let _ = tokio::time::timeout(wait, self.node.queue_wake.notified()).await;
    }

    /// Gives each part to its way. `batch` is held until the local part is settled.
    async fn hand_out(&self, claimed: Vec<Arc<Claimed>>, batch: OwnedSemaphorePermit) {
        let config = self.node.config.load_full();
        let mut mailboxes = Vec::new();
        let mut parts: Vec<(Next, Part)> = Vec::new();
        for claimed in claimed {
            let mut local = Vec::new();
            let mut by_next: Vec<(Next, Vec<u32>)> = Vec::new();
            let require_tls = claimed.message.envelope.require_tls;
            for recipient in &claimed.message.recipients {
                match way(&config, &recipient.recipient.route, require_tls) {
                    Way::Mailbox => local.push(recipient.index),
                    Way::Next(next) => match by_next.iter_mut().find(|(known, _)| *known == next) {
                        Some((_, indexes)) => indexes.push(recipient.index),
                        None => by_next.push((next, vec![recipient.index])),
                    },
                }
            }
            if !local.is_empty() {
                mailboxes.push(Part::new(&claimed, local));
            }
            parts.extend(by_next.into_iter().map(|(next, indexes)| (next, Part::new(&claimed, indexes))));
        }
        // Mailboxes first: handing to a busy destination may wait.
        if !mailboxes.is_empty() {
            let (node, maildirs, started) = (Arc::clone(&self.node), Arc::clone(&self.maildirs), self.started);
            self.tasks.spawn(async move {
                local::deliver(&node, &maildirs, mailboxes, started).await;
                drop(batch);
            });
        }
        self.destinations.hand_out(parts).await;
    }

    /// No new work; what is in progress gets a limited time.
    async fn finish(&self) {
        self.tasks.close();
        self.destinations.release().await;
        if tokio::time::timeout(STOP_LIMIT, self.tasks.wait()).await.is_err() {
            tracing::warn!(target: "delivery", left = self.tasks.len(), "deliveries are cut off by the stop; they will be repeated");
        }
    }
}

/// Keeps the leases of this node alive while anything is on its way.
async fn renew(node: Arc<Node>, slots: Arc<Semaphore>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LEASE / 3) => {}
            () = stop.cancelled() => return,
        }
        if slots.available_permits() == MESSAGES_IN_PROGRESS_MAX {
            continue;
        }
        if let Err(error) = node.store.renew(&node.name, node.now().saturating_add(millis(LEASE))).await {
            tracing::warn!(target: "delivery", %error, "cannot renew the leases of messages in progress");
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
