//! Mail to other servers: the smarthost by SMTP, the mailbox server by LMTP. One queue in memory and a
//! few connections for each destination; a destination that does not answer holds neither the others
//! nor the memory.

mod destination;
mod drive;
mod transport;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::part::Part;
use super::settle::settle;
use super::verdict::{Said, Verdict};
use crate::node::Node;
use destination::{Destination, Refused};

/// Messages that wait in memory for one destination.
const WAITING_MAX: usize = 256;
/// How long a full destination is waited for before its mail is put off.
const ROOM_WAIT: Duration = Duration::from_secs(5);
/// How long a destination that made us wait in vain is not waited for again.
const STALLED: Duration = Duration::from_secs(30);
/// Destinations remembered at once; idle ones are forgotten.
const DESTINATIONS_MAX: usize = 4096;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hop {
    pub protocol: Protocol,
    /// `host:port` or `unix:/path`.
    pub to: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Smtp,
    Lmtp,
}

impl Hop {
    /// As the queue, the log and notices name it.
    pub(crate) fn name(&self) -> &str {
        self.to.rsplit_once(':').filter(|_| !self.to.starts_with("unix:")).map_or(&self.to, |(host, _)| host)
    }
}

/// Without a smarthost mail to other hosts waits.
pub(crate) fn no_way(domain: &str) -> Verdict {
    let text =
        format!("mail to {domain} waits: this server has no way to other hosts until [delivery] smarthost is set");
    Verdict::Deferred(Said::here("4.4.4", text))
}

/// All destinations that are in use.
pub(crate) struct Destinations {
    node: Arc<Node>,
    tasks: TaskTracker,
    stop: CancellationToken,
    known: Mutex<HashMap<Hop, Arc<Destination>>>,
}

impl Destinations {
    pub(crate) fn new(node: Arc<Node>, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { node, tasks, stop, known: Mutex::new(HashMap::new()) }
    }

    /// Puts a part into the queue of its destination. Waits a little where that is full, so that a
    /// busy destination slows claiming down; a stalled one gets no more mail for a while.
    pub(crate) async fn enqueue(&self, hop: &Hop, part: Part) {
        let Some(destination) = self.get(hop) else { return };
        let deadline = tokio::time::Instant::now() + ROOM_WAIT;
        let mut part = part;
        let said = loop {
            part = match destination.offer(part) {
                Ok(()) => return,
                Err(Refused::Down(refused, said)) => {
                    part = refused;
                    break said;
                }
                Err(Refused::Full(refused)) => refused,
            };
            if destination.stalled() || !destination.room(deadline).await {
                destination.stall(Instant::now() + STALLED);
                break Said::here("4.4.5", format!("too many messages wait for {}", hop.name()));
            }
        };
        let node = Arc::clone(&self.node);
        self.tasks.spawn(async move { settle(&node, part.message(), part.all(&Verdict::PutOff(said))).await });
    }

    fn get(&self, hop: &Hop) -> Option<Arc<Destination>> {
        let mut known = self.known.lock().ok()?;
        if let Some(destination) = known.get(hop) {
            return Some(Arc::clone(destination));
        }
        if known.len() >= DESTINATIONS_MAX {
            known.retain(|_, destination| !destination.idle());
        }
        let destination = Destination::new(hop.clone(), Arc::clone(&self.node), self.tasks.clone(), self.stop.clone());
        known.insert(hop.clone(), Arc::clone(&destination));
        Some(destination)
    }

    /// Gives back what waits in memory. What is on a connection is finished by its worker.
    pub(crate) async fn release(&self) {
        let all: Vec<_> = self.known.lock().map(|known| known.values().cloned().collect()).unwrap_or_default();
        for destination in all {
            for part in destination.drain() {
                settle(&self.node, part.message(), part.all(&Verdict::NotTried)).await;
            }
        }
    }
}
