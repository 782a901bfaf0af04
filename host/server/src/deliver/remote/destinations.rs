//! All destinations that are in use: hands each part of a message to its own, and sees to it that mail
//! with nowhere to go takes no room from the rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::destination::{Destination, Refused, Shared};
use super::domains::{Answer, Domains, Step};
use super::exchangers::{Demand, Host, find};
use super::health::Health;
use super::sts::Sts;
use super::{Hop, Next, Protocol, Security, Target};
use crate::deliver::part::Part;
use crate::deliver::settle::settle;
use crate::deliver::verdict::{Said, Verdict};
use crate::node::Node;

/// How long claiming waits for room in busy destinations, so that they are never without work.
const ROOM_WAIT: Duration = Duration::from_millis(100);
const ROOM_POLL: Duration = Duration::from_millis(5);
/// Destinations remembered at once; unused ones are forgotten.
const DESTINATIONS_MAX: usize = 4096;
/// Messages in memory whose way is not proven, all together: half of what delivery holds at once.
const UNPROVEN_MAX: usize = 256;

pub(crate) struct Destinations {
    shared: Shared,
    domains: Domains,
    sts: Sts,
    known: Mutex<HashMap<Hop, Arc<Destination>>>,
}

impl Destinations {
    pub(crate) fn new(node: Arc<Node>, tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(UNPROVEN_MAX));
        let shared = Shared { node, tasks, stop, health: Arc::new(Health::default()), places };
        Arc::new(Self { shared, domains: Domains::default(), sts: Sts::new(), known: Mutex::default() })
    }

    /// Puts parts into the queues of their destinations. Waits a little for the busy ones, so that they
    /// slow claiming down; what finds no room then comes back later.
    pub(crate) async fn hand_out(self: &Arc<Self>, mut parts: Vec<(Next, Part)>) {
        let deadline = tokio::time::Instant::now() + ROOM_WAIT;
        loop {
            let hope = tokio::time::Instant::now() < deadline;
            parts = parts.into_iter().filter_map(|(next, part)| self.place(next, part, hope)).collect();
            if parts.is_empty() {
                return;
            }
            tokio::time::sleep(ROOM_POLL).await;
        }
    }

    /// The part comes back where it may be worth a moment's wait.
    fn place(self: &Arc<Self>, next: Next, part: Part, wait: bool) -> Option<(Next, Part)> {
        let (part, hope) = self.offer(&next, part)?;
        if wait && hope {
            return Some((next, part));
        }
        self.come_back(&next, part);
        None
    }

    /// The part comes back where there is no room for it, and whether there may be in a moment.
    fn offer(self: &Arc<Self>, next: &Next, part: Part) -> Option<(Part, bool)> {
        match next {
            Next::Hop(hop) => self.offer_hop(hop, None, part),
            Next::Domain(domain, security) => {
                let places = &self.shared.places;
                let place = |part: &mut Part| {
                    part.place = Arc::clone(places).try_acquire_owned().ok().map(Arc::new);
                    part.place.is_some()
                };
                match self.domains.step(domain, security, part, place) {
                    Step::Go(part, answer) => self.go(security, answer, part, false),
                    Step::Ask => {
                        self.ask(domain.clone());
                        None
                    }
                    Step::Waits => None,
                    Step::Full { part, hope } => Some((part, hope)),
                }
            }
        }
    }

    fn offer_hop(&self, hop: &Hop, hosts: Option<&Arc<[Host]>>, part: Part) -> Option<(Part, bool)> {
        match self.get(hop).offer(part, hosts) {
            Ok(()) => None,
            Err(Refused::Full { part, hope }) => Some((part, hope)),
            Err(Refused::Down(part, said)) => {
                self.settle(part, Verdict::PutOff(said));
                None
            }
        }
    }

    /// `first`: the part waited for this very answer.
    fn go(&self, security: &Security, answer: Answer, part: Part, first: bool) -> Option<(Part, bool)> {
        match answer {
            Ok(hosts) => self.offer_hop(&hop(&hosts, security), Some(&hosts), part),
            Err(verdict) => {
                let verdict = match verdict {
                    Verdict::Deferred(said) if !first => Verdict::PutOff(said),
                    other => other,
                };
                self.settle(part, verdict);
                None
            }
        }
    }

    fn ask(self: &Arc<Self>, domain: String) {
        let this = Arc::clone(self);
        self.shared.tasks.spawn(async move {
            let Shared { node, stop, .. } = &this.shared;
            // At a stop `release` takes back what waits.
            let Some(answer) = stop.run_until_cancelled(find(node, &this.sts, &domain)).await else { return };
            let answer = answer.map(Arc::from);
            for (security, part) in this.domains.answered(&domain, answer.clone()) {
                if let Some((part, _)) = this.go(&security, answer.clone(), part, true) {
                    this.come_back(&Next::Domain(domain.clone(), security), part);
                }
            }
        });
    }

    /// Mail for which there is no room now.
    fn come_back(&self, next: &Next, part: Part) {
        let verdict = match next {
            Next::Hop(hop) => self.get(hop).later(),
            Next::Domain(domain, security) => match self.domains.known(domain) {
                Ok(hosts) => self.get(&hop(&hosts, security)).later(),
                Err(wait) => {
                    let text = format!("too many messages wait for the mail exchangers of {domain}");
                    Verdict::Later(Said::here("4.4.5", text), wait)
                }
            },
        };
        self.settle(part, verdict);
    }

    /// Gives back what waits for destinations without a sign of life. For when all room is taken.
    pub(crate) fn shed(&self) {
        let all: Vec<_> = self.lock().values().cloned().collect();
        for destination in all {
            for part in destination.shed() {
                self.settle(part, destination.later());
            }
        }
    }

    fn settle(&self, part: Part, verdict: Verdict) {
        let node = Arc::clone(&self.shared.node);
        self.shared.tasks.spawn(async move { settle(&node, part.message(), part.all(&verdict)).await });
    }

    fn get(&self, hop: &Hop) -> Arc<Destination> {
        let mut known = self.lock();
        if let Some(destination) = known.get(hop) {
            return Arc::clone(destination);
        }
        if known.len() >= DESTINATIONS_MAX {
            known.retain(|_, destination| !destination.unused());
        }
        let destination = Destination::new(hop.clone(), self.shared.clone());
        known.insert(hop.clone(), Arc::clone(&destination));
        destination
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hop, Arc<Destination>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back what waits in memory. What is on a connection is finished by its worker.
    pub(crate) async fn release(&self) {
        let all: Vec<_> = self.lock().values().cloned().collect();
        let waiting = all.iter().flat_map(|destination| destination.drain());
        for part in waiting.chain(self.domains.drain()) {
            settle(&self.shared.node, part.message(), part.all(&Verdict::NotTried)).await;
        }
    }
}

/// Domains with the same exchangers, and the same demands on TLS, share their connections, their limits
/// and their back-off.
fn hop(hosts: &[Host], security: &Security) -> Hop {
    let mut names: Vec<_> = hosts.iter().map(|host| (host.preference, host.name.clone())).collect();
    names.sort_unstable();
    let verified = hosts.iter().any(|host| host.demand == Demand::Verified);
    let security = match security {
        Security::Opportunistic if verified => Security::Required,
        asked => asked.clone(),
    };
    let dane = hosts.iter().any(|host| matches!(host.demand, Demand::Dane(_)));
    Hop { protocol: Protocol::Smtp, to: Target::Exchangers { hosts: names, dane }, security }
}
