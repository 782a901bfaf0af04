//! One destination: its queue in memory and the workers that empty it, each with one connection.
//! The first connection must stand before there is a second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::drive::{Link, Stale};
use super::{Hop, WAITING_MAX};
use crate::deliver::part::Part;
use crate::deliver::settle::settle;
use crate::deliver::verdict::{Said, Verdict};
use crate::node::Node;

/// A connection without work is kept so long.
const CONNECTION_IDLE: Duration = Duration::from_secs(3);
/// After a failed connection mail for the destination is put off so long without another try.
const DOWN: Duration = Duration::from_secs(5);
/// With `max-connections-per-destination = 0`.
const CONNECTIONS_MAX: usize = 100;
/// Messages over one connection.
const MESSAGES_PER_CONNECTION_MAX: usize = 1000;

pub(super) struct Destination {
    hop: Hop,
    node: Arc<Node>,
    tasks: TaskTracker,
    stop: CancellationToken,
    state: Mutex<State>,
    work: Notify,
    room: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Part>,
    workers: usize,
    /// Workers whose connection stands.
    connected: usize,
    idle: usize,
    down: Option<(Instant, Said)>,
    stalled: Option<Instant>,
}

/// Why a part was not taken.
pub(super) enum Refused {
    Full(Part),
    Down(Part, Said),
}

impl Destination {
    pub(super) fn new(hop: Hop, node: Arc<Node>, tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        let state = Mutex::new(State::default());
        Arc::new(Self { hop, node, tasks, stop, state, work: Notify::new(), room: Notify::new() })
    }

    pub(super) fn offer(self: &Arc<Self>, part: Part) -> Result<(), Refused> {
        let mut state = self.state();
        if let Some((until, said)) = &state.down {
            if Instant::now() < *until {
                return Err(Refused::Down(part, said.clone()));
            }
            state.down = None;
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(Refused::Full(part));
        }
        state.waiting.push_back(part);
        self.grow(&mut state);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// Whether something left the queue before the deadline.
    pub(super) async fn room(&self, deadline: tokio::time::Instant) -> bool {
        tokio::time::timeout_at(deadline, self.room.notified()).await.is_ok()
    }

    pub(super) fn stalled(&self) -> bool {
        self.state().stalled.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn stall(&self, until: Instant) {
        self.state().stalled = Some(until);
    }

    pub(super) fn idle(&self) -> bool {
        let state = self.state();
        state.workers == 0 && state.waiting.is_empty()
    }

    pub(super) fn drain(&self) -> Vec<Part> {
        self.state().waiting.drain(..).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a worker where there is more work than hands.
    fn grow(self: &Arc<Self>, state: &mut State) {
        let configured = self.node.config.load().delivery.max_connections_per_destination;
        let max = if configured == 0 { CONNECTIONS_MAX } else { configured.min(CONNECTIONS_MAX) };
        let first = state.workers == 0;
        let another = state.connected == state.workers && state.waiting.len() > state.idle && state.workers < max;
        if first || another {
            state.workers += 1;
            let destination = Arc::clone(self);
            self.tasks.spawn(async move { Worker::new(destination).run().await });
        }
    }
}

/// Counts itself out when it ends, also by a panic.
struct Worker {
    destination: Arc<Destination>,
    connected: bool,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.destination.state();
        state.workers -= 1;
        state.connected -= usize::from(self.connected);
        if !state.waiting.is_empty() && !self.destination.stop.is_cancelled() {
            self.destination.grow(&mut state);
        }
    }
}

impl Worker {
    fn new(destination: Arc<Destination>) -> Self {
        Self { destination, connected: false }
    }

    async fn run(mut self) {
        let mut link: Option<Link> = None;
        while let Some(part) = self.next(link.is_some()).await {
            link = self.deliver(part, link).await;
            self.set_connected(link.is_some());
            if link.is_none() && self.destination.state().down.is_some() {
                break;
            }
        }
        if let Some(link) = link {
            link.quit().await;
        }
    }

    /// The next part; none when there is no more work.
    async fn next(&self, connected: bool) -> Option<Part> {
        let destination = &self.destination;
        let deadline = tokio::time::Instant::now() + if connected { CONNECTION_IDLE } else { Duration::ZERO };
        let pop = || {
            let mut state = destination.state();
            let part = state.waiting.pop_front();
            if part.is_some() {
                state.stalled = None;
                destination.room.notify_one();
            }
            part
        };
        loop {
            if destination.stop.is_cancelled() {
                return None;
            }
            if let Some(part) = pop() {
                return Some(part);
            }
            destination.state().idle += 1;
            let woken = tokio::select! {
                () = destination.work.notified() => true,
                () = tokio::time::sleep_until(deadline) => false,
                () = destination.stop.cancelled() => false,
            };
            destination.state().idle -= 1;
            if !woken {
                return pop();
            }
        }
    }

    /// One part, over the connection that stands or a new one. Returns the connection if it can
    /// take more.
    async fn deliver(&mut self, part: Part, link: Option<Link>) -> Option<Link> {
        let destination = Arc::clone(&self.destination);
        let node = &destination.node;
        if let Some(mut link) = link {
            match link.send(node, &part).await {
                Ok(verdicts) => return self.settled(part, verdicts, link),
                // The other side was tired of waiting: nothing was said about this message.
                Err(Stale) => self.set_connected(false),
            }
        }
        // A stop does not wait for a host that has not even greeted.
        let mut link = match destination.stop.run_until_cancelled(Link::open(node, &destination.hop)).await {
            None => {
                settle(node, part.message(), part.all(&Verdict::NotTried)).await;
                return None;
            }
            Some(Ok(link)) => link,
            Some(Err(said)) => {
                self.down(part, said).await;
                return None;
            }
        };
        self.set_connected(true);
        {
            let mut state = destination.state();
            destination.grow(&mut state);
        }
        match link.send(node, &part).await {
            Ok(verdicts) => self.settled(part, verdicts, link),
            Err(Stale) => {
                let text = format!("{} closed the connection", destination.hop.name());
                self.down(part, Said::here("4.4.2", text)).await;
                None
            }
        }
    }

    /// Outcomes are recorded beside the next message.
    fn settled(&self, part: Part, verdicts: Vec<(u32, Verdict)>, link: Link) -> Option<Link> {
        let node = Arc::clone(&self.destination.node);
        self.destination.tasks.spawn(async move { settle(&node, part.message(), verdicts).await });
        (link.usable() && link.sent() < MESSAGES_PER_CONNECTION_MAX).then_some(link)
    }

    /// No connection: this part and all that wait are put off, and for a while no other is tried.
    async fn down(&mut self, part: Part, said: Said) {
        let destination = &self.destination;
        tracing::warn!(target: "delivery", destination = destination.hop.name(), "{said}");
        let config = destination.node.config.load_full();
        let pause = config.delivery.retry.first().map_or(DOWN, |first| DOWN.min(*first / 2));
        let mut waiting = Vec::new();
        {
            let mut state = destination.state();
            // Other connections stand: they may take what waits.
            if state.connected == 0 {
                state.down = Some((Instant::now() + pause, said.clone()));
                waiting.extend(state.waiting.drain(..));
            }
        }
        destination.room.notify_one();
        settle(&destination.node, part.message(), part.all(&Verdict::Deferred(said.clone()))).await;
        let mut settling = JoinSet::new();
        for part in waiting {
            let (node, verdicts) = (Arc::clone(&destination.node), part.all(&Verdict::PutOff(said.clone())));
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
