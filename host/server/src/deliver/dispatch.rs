//! Claims due messages and hands them to those who deliver. Sleeps when nothing is due; never holds
//! more than a bounded number of messages; renews their leases while they are on their way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postwarden_store::Timestamp;
use postwarden_store::queue::{Job, LEASE, Lease, Route};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::maildir::Maildirs;
use super::part::{Claimed, Part};
use super::settle::settle;
use super::{local, remote};
use crate::config::LocalDelivery;
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
/// Pause after the first failure of the store; doubles up to the longest.
const FAULT_PAUSE: Duration = Duration::from_millis(500);
const FAULT_PAUSE_MAX: Duration = Duration::from_secs(15);
/// How long a stop waits for deliveries in progress.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What the parts of delivery share.
struct Dispatcher {
    node: Arc<Node>,
    maildirs: Arc<Maildirs>,
    slots: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    tasks: TaskTracker,
    started: Timestamp,
}

/// Runs until `stop`; then finishes what is in progress within a limit and releases the rest.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    let dispatcher = Dispatcher {
        started: node.now().saturating_sub(millis(node.started.elapsed())),
        maildirs: Arc::new(Maildirs::new()),
        slots: Arc::new(Semaphore::new(MESSAGES_IN_PROGRESS_MAX)),
        batches: Arc::new(Semaphore::new(LOCAL_BATCHES_MAX)),
        tasks: TaskTracker::new(),
        node,
    };
    let renewing = CancellationToken::new();
    let renewal = tokio::spawn(renew(Arc::clone(&dispatcher.node), Arc::clone(&dispatcher.slots), renewing.clone()));
    tokio::select! {
        () = dispatcher.claim_all() => {}
        () = stop.cancelled() => {}
    }
    dispatcher.finish().await;
    renewing.cancel();
    let _ = renewal.await;
}

impl Dispatcher {
    /// Never ends.
    async fn claim_all(&self) {
        let mut fault_pause = FAULT_PAUSE;
        let mut last = None;
        loop {
            // Room first: a claim that cannot be worked on only blocks other nodes.
            let Ok(batch) = Arc::clone(&self.batches).acquire_owned().await else { return };
            let Ok(first) = Arc::clone(&self.slots).acquire_owned().await else { return };
            if let Some(since) = last.map(|last: Instant| last.elapsed())
                && since < GATHER
            {
                tokio::time::sleep(GATHER - since).await;
            }
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
                Ok(jobs) => {
                    fault_pause = FAULT_PAUSE;
                    let all = jobs.len() < limit;
                    self.hand_out(jobs.into_iter().zip(slots).map(|(job, slot)| Claimed::new(job, slot)), batch);
                    if all {
                        self.sleep().await;
                    }
                }
                Err(error) => {
                    drop((batch, slots));
                    tracing::error!(target: "delivery", %error, "cannot claim from the queue; trying again");
                    tokio::time::sleep(fault_pause).await;
                    fault_pause = (fault_pause * 2).min(FAULT_PAUSE_MAX);
                }
            }
        }
    }

    async fn claim(&self, limit: usize) -> postwarden_store::Result<Vec<Job>> {
        let now = self.node.now();
        let lease = Lease { node: self.node.name.clone(), until: now.saturating_add(millis(LEASE)) };
        self.node.store.claim(now, limit, lease).await
    }

    /// Until something may be due.
    async fn sleep(&self) {
        let wait = match self.node.store.next_due().await {
            Ok(Some(due)) => Duration::from_millis(u64::try_from(due.saturating_sub(self.node.now())).unwrap_or(0)),
            Ok(None) => IDLE_MAX,
            Err(error) => {
                tracing::error!(target: "delivery", %error, "cannot see when the next message is due");
                FAULT_PAUSE_MAX
            }
        };
        // At least a little, so that a due that cannot be claimed makes no busy loop.
        let wait = wait.clamp(GATHER, IDLE_MAX);
        let _ = tokio::time::timeout(wait, self.node.queue_wake.notified()).await;
    }

    /// Gives each part to its way. `batch` is held until the local part is settled.
    fn hand_out(&self, claimed: impl Iterator<Item = Arc<Claimed>>, batch: tokio::sync::OwnedSemaphorePermit) {
        let config = self.node.config.load_full();
        let mut mailboxes = Vec::new();
        for claimed in claimed {
            let mut local = Vec::new();
            let mut waiting = Vec::new();
            for recipient in &claimed.message.recipients {
                match (&recipient.recipient.route, &config.delivery.local) {
                    (Route::Local(_), _) => local.push(recipient.index),
                    (Route::Remote(domain), _) => waiting.push((recipient.index, remote::no_way(domain))),
                }
            }
            if !local.is_empty() {
                mailboxes.push(Part { claimed: Arc::clone(&claimed), indexes: local });
            }
            if !waiting.is_empty() {
                let node = Arc::clone(&self.node);
                self.tasks.spawn(async move { settle(&node, &claimed.message, waiting).await });
            }
        }
        let _ = LocalDelivery::Maildir { pattern: String::new() };
        if !mailboxes.is_empty() {
            let (node, maildirs, started) = (Arc::clone(&self.node), Arc::clone(&self.maildirs), self.started);
            self.tasks.spawn(async move {
                local::deliver(&node, &maildirs, mailboxes, started).await;
                drop(batch);
            });
        }
    }

    /// No new work; what is in progress gets a limited time.
    async fn finish(&self) {
        self.tasks.close();
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
