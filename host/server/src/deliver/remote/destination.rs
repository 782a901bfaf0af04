//! One destination: its queue in memory, and what is known of it. Its workers empty the queue; here
//! stands how much may wait, and when nobody is sent there at all.
//!
//! A destination is proven while it has lately taken mail or greeted. One that is not holds few messages,
//! whoever it is: mail behind a dead host waits in the store.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Hop;
use super::exchangers::Host;
use super::health::Health;
use super::pace::Pace;
use super::worker::Worker;
use crate::deliver::part::Part;
use crate::deliver::verdict::{Said, Verdict};
use crate::node::Node;

/// Messages that wait in memory for one destination.
const WAITING_MAX: usize = 256;
/// The same, until it has shown that it takes mail.
pub(super) const UNPROVEN_WAITING_MAX: usize = 8;
/// So long after its last sign of life a destination counts as proven.
const PROVEN: Duration = Duration::from_secs(10);
/// For so long a destination that is not proven is waited for.
const HOPE: Duration = Duration::from_millis(100);
/// After a failed connection mail for the destination is put off so long without another try; doubled
/// with each further failure, up to the longest.
const DOWN: Duration = Duration::from_secs(5);
const DOWN_MAX: Duration = Duration::from_secs(60);
/// Where a further connection is refused while others stand, there are no more than these for so long.
const CROWDED: Duration = Duration::from_secs(60);
/// With `max-connections-per-destination = 0`.
const CONNECTIONS_MAX: usize = 100;

/// What all destinations share.
#[derive(Clone)]
pub(super) struct Shared {
    pub node: Arc<Node>,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
    pub health: Arc<Health>,
    /// Places for mail to those that are not proven.
    pub places: Arc<Semaphore>,
}

pub(super) struct Destination {
    pub hop: Hop,
    pub shared: Shared,
    state: Mutex<State>,
    pub work: Notify,
}

pub(super) struct State {
    pub waiting: VecDeque<Part>,
    pub workers: usize,
    /// Workers whose connection stands.
    pub connected: usize,
    pub idle: usize,
    /// Addresses of the exchangers, as the DNS named them last.
    pub hosts: Arc<[Host]>,
    pace: Pace,
    alive: Option<Instant>,
    /// Since its last sign of life mail found no room first at this time.
    refused: Option<Instant>,
    /// Until when, by which hurry of the operator, and why.
    down: Option<(Instant, u64, Said)>,
    failures: u32,
    /// As many connections as the other side lets stand, until then.
    crowded: Option<(usize, Instant)>,
}

/// Why a part was not taken.
pub(super) enum Refused {
    /// `hope`: there may be room in a moment.
    Full {
        part: Part,
        hope: bool,
    },
    Down(Part, Said),
}

impl Destination {
    pub(super) fn new(hop: Hop, shared: Shared) -> Arc<Self> {
        let state = Mutex::new(State {
            waiting: VecDeque::new(),
            workers: 0,
            connected: 0,
            idle: 0,
            hosts: Arc::from([]),
            pace: Pace::new(),
            alive: None,
            refused: None,
            down: None,
            failures: 0,
            crowded: None,
        });
        Arc::new(Self { hop, shared, state, work: Notify::new() })
    }

    pub(super) fn offer(self: &Arc<Self>, mut part: Part, hosts: Option<&Arc<[Host]>>) -> Result<(), Refused> {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(hosts) = hosts {
            state.hosts = Arc::clone(hosts);
        }
        if let Some((until, hurry, said)) = &state.down {
            if now < *until && *hurry == self.hurry() {
                return Err(Refused::Down(part, said.clone()));
            }
            state.down = None;
        }
        if state.proven(now) {
            part.place = None;
        } else if part.place.is_none() {
            part.place = Arc::clone(&self.shared.places).try_acquire_owned().ok().map(Arc::new);
        }
        let room = match state.proven(now) {
            true => WAITING_MAX,
            false if part.place.is_some() => UNPROVEN_WAITING_MAX,
            false => 0,
        };
        if state.waiting.len() >= room {
            let hope = state.proven(now) || now.saturating_duration_since(*state.refused.get_or_insert(now)) < HOPE;
            return Err(Refused::Full { part, hope });
        }
        state.waiting.push_back(part);
        self.grow(&mut state);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// What a part gets for which there was no room.
    pub(super) fn later(&self) -> Verdict {
        let now = Instant::now();
        let mut state = self.state();
        let wait = match state.proven(now) {
            true => {
                let waiting = state.waiting.len();
                state.pace.later(now, waiting)
            }
            false => back_after(now.saturating_duration_since(*state.refused.get_or_insert(now))),
        };
        Verdict::Later(Said::here("4.4.5", format!("too many messages wait for {}", self.hop.name())), wait)
    }

    /// Takes back what waits here without a sign of life.
    pub(super) fn shed(&self) -> Vec<Part> {
        let mut state = self.state();
        if state.proven(Instant::now()) || state.waiting.is_empty() {
            return Vec::new();
        }
        state.refused.get_or_insert_with(Instant::now);
        state.waiting.drain(..).collect()
    }

    pub(super) fn unused(&self) -> bool {
        let state = self.state();
        state.workers == 0 && state.waiting.is_empty()
    }

    pub(super) fn drain(&self) -> Vec<Part> {
        self.state().waiting.drain(..).collect()
    }

    fn hurry(&self) -> u64 {
        self.shared.node.queue_hurry.load(Ordering::Relaxed)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a worker where there is more work than hands.
    pub(super) fn grow(self: &Arc<Self>, state: &mut State) {
        let configured = self.shared.node.config.load().delivery.max_connections_per_destination;
        let mut max = if configured == 0 { CONNECTIONS_MAX } else { configured.min(CONNECTIONS_MAX) };
        if let Some((most, until)) = state.crowded
            && Instant::now() < until
        {
            max = max.min(most);
        }
        let first = state.workers == 0;
        let another = state.connected == state.workers && state.waiting.len() > state.idle && state.workers < max;
        if first || another {
            state.workers += 1;
            let destination = Arc::clone(self);
            self.shared.tasks.spawn(async move { Worker::new(destination).run().await });
        }
    }

    /// No connection could be made for the part. Where others stand it is left to them; else it comes back
    /// with all that wait.
    pub(super) fn failed(&self, part: Part, said: &Said) -> Option<(Part, VecDeque<Part>)> {
        let first = self.shared.node.config.load().delivery.retry.first().copied().unwrap_or(DOWN_MAX);
        let mut state = self.state();
        if state.connected > 0 {
            state.crowded = Some((state.connected, Instant::now() + CROWDED));
            state.waiting.push_front(part);
            self.work.notify_one();
            return None;
        }
        let pause = DOWN.saturating_mul(1 << state.failures.min(8)).min(DOWN_MAX).min(first / 2);
        state.failures = state.failures.saturating_add(1);
        state.down = Some((Instant::now() + pause, self.hurry(), said.clone()));
        state.alive = None;
        Some((part, std::mem::take(&mut state.waiting)))
    }
}

impl State {
    fn proven(&self, now: Instant) -> bool {
        self.alive.is_some_and(|alive| now.saturating_duration_since(alive) < PROVEN)
    }

    /// It greeted, or took or refused a message.
    pub(super) fn alive(&mut self, now: Instant) {
        self.alive = Some(now);
        self.refused = None;
        self.failures = 0;
        self.down = None;
    }

    pub(super) fn took(&mut self, now: Instant) {
        let busy = !self.waiting.is_empty();
        self.pace.took(now, busy);
        self.alive(now);
    }
}

/// When mail comes back for which nobody has had room for so long: as long again, within limits.
pub(super) fn back_after(refused_for: Duration) -> Duration {
    const MIN: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(30);
    refused_for.clamp(MIN, MAX)
}
