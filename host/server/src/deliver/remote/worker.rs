//! A worker of a destination: one connection at a time, and one message after the other over it. The
//! first connection must stand before there is a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::destination::Destination;
use super::drive::{Link, Stale};
use super::open::open;
use crate::deliver::part::Part;
use crate::deliver::settle::settle;
use crate::deliver::verdict::{Said, Verdict};

/// A connection without work is kept so long.
const CONNECTION_IDLE: Duration = Duration::from_secs(3);
/// Messages over one connection.
const MESSAGES_PER_CONNECTION_MAX: usize = 1000;

/// What follows after a part.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is returned")]
enum Done {
    /// The next part, over the connection if it can take more.
    Next(Option<Link>),
    /// There is no connection to be had: others do the work, or nobody.
    Unreachable,
}

/// Counts itself out when it ends, also by a panic.
pub(super) struct Worker {
    destination: Arc<Destination>,
    connected: bool,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.destination.state();
        state.workers -= 1;
        state.connected -= usize::from(self.connected);
        if !state.waiting.is_empty() && !self.destination.shared.stop.is_cancelled() {
            self.destination.grow(&mut state);
        }
    }
}

impl Worker {
    pub(super) fn new(destination: Arc<Destination>) -> Self {
        Self { destination, connected: false }
    }

    pub(super) async fn run(mut self) {
        let mut link: Option<Link> = None;
        while let Some(part) = self.next(link.is_some()).await {
            match self.deliver(part, link).await {
                Done::Next(next) => link = next,
                Done::Unreachable => {
                    link = None;
                    break;
                }
            }
            self.set_connected(link.is_some());
        }
        if let Some(link) = link {
            link.quit().await;
        }
    }

    /// The next part; none when there is no more work.
    async fn next(&self, connected: bool) -> Option<Part> {
        let destination = &self.destination;
        let stop = &destination.shared.stop;
        let deadline = tokio::time::Instant::now() + if connected { CONNECTION_IDLE } else { Duration::ZERO };
        loop {
            if stop.is_cancelled() {
                return None;
            }
            if let Some(part) = destination.state().waiting.pop_front() {
                return Some(part);
            }
            destination.state().idle += 1;
            let woken = tokio::select! {
                () = destination.work.notified() => true,
                () = tokio::time::sleep_until(deadline) => false,
                () = stop.cancelled() => false,
            };
            destination.state().idle -= 1;
            if !woken {
                return destination.state().waiting.pop_front();
            }
        }
    }

    /// One part, over the connection that stands or a new one.
    async fn deliver(&mut self, part: Part, link: Option<Link>) -> Done {
        let destination = Arc::clone(&self.destination);
        let node = &destination.shared.node;
        if let Some(mut link) = link {
            match link.send(node, &part).await {
                Ok(verdicts) => return Done::Next(self.settled(part, verdicts, link)),
                // The other side was tired of waiting: nothing was said about this message.
                Err(Stale) => self.set_connected(false),
            }
        }
        let hosts = Arc::clone(&destination.state().hosts);
        let opening = open(node, &destination.hop, &hosts, &destination.shared.health);
        // A stop does not wait for a host that has not even greeted.
        let mut link = match destination.shared.stop.run_until_cancelled(opening).await {
            None => {
                settle(node, part.message(), part.all(&Verdict::NotTried)).await;
                return Done::Next(None);
            }
            Some(Ok(link)) => link,
            Some(Err(said)) => {
                self.down(part, said).await;
                return Done::Unreachable;
            }
        };
        self.set_connected(true);
        {
            let mut state = destination.state();
            state.alive(Instant::now());
            destination.grow(&mut state);
        }
        match link.send(node, &part).await {
            Ok(verdicts) => Done::Next(self.settled(part, verdicts, link)),
            Err(Stale) => {
                let text = format!("{} closed the connection", link.peer());
                self.set_connected(false);
                self.down(part, Said::here("4.4.2", text)).await;
                Done::Unreachable
            }
        }
    }

    /// Outcomes are recorded beside the next message.
    fn settled(&self, part: Part, verdicts: Vec<(u32, Verdict)>, link: Link) -> Option<Link> {
        // A host that breaks off shows nothing.
        if link.usable() {
            self.destination.state().took(Instant::now());
        }
        let node = Arc::clone(&self.destination.shared.node);
        self.destination.shared.tasks.spawn(async move { settle(&node, part.message(), verdicts).await });
        (link.usable() && link.sent() < MESSAGES_PER_CONNECTION_MAX).then_some(link)
    }

    /// No connection: unless others stand, this part and all that wait are put off, and for a while no
    /// other is tried.
    async fn down(&mut self, part: Part, said: Said) {
        let destination = &self.destination;
        tracing::warn!(target: "delivery", destination = destination.hop.name(), "{said}");
        let Some((part, waiting)) = destination.failed(part, &said) else { return };
        let node = &destination.shared.node;
        settle(node, part.message(), part.all(&Verdict::Deferred(said.clone()))).await;
        let mut settling = JoinSet::new();
        for part in waiting {
            let (node, verdicts) = (Arc::clone(node), part.all(&Verdict::PutOff(said.clone())));
            settling.spawn(async move { settle(&node, part.message(), verdicts).await });
        }
        while settling.join_next().await.is_some() {}
    }

    fn set_connected(&mut self, connected: bool) {
        if self.connected != connected {
            self.connected = connected;
            let mut state = self.destination.state();
            if connected {
                state.connected += 1;
            } else {
                state.connected -= 1;
            }
        }
    }
}
