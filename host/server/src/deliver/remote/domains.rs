//! Where the mail of each domain goes: asks once for all that wait, remembers the answer for a short
//! while (the resolver remembers for as long as the records say), and keeps mail for domains whose name
//! servers are silent out of the way of the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Security;
use super::destination::{UNPROVEN_WAITING_MAX, back_after};
use super::exchangers::Host;
use crate::deliver::part::Part;
use crate::deliver::verdict::Verdict;

/// An answer is used so long without another look.
const KNOWN: Duration = Duration::from_secs(30);
/// The same where the DNS did not answer.
const SILENT: Duration = Duration::from_secs(5);
/// An answer may come in so long.
const HOPE: Duration = Duration::from_millis(100);
/// Domains remembered at once.
const DOMAINS_MAX: usize = 10_000;

/// What the DNS said: hosts in their order, or what the mail gets instead.
pub(super) type Answer = Result<Arc<[Host]>, Verdict>;

/// Mail that waits for an answer.
pub(super) type Asking = Vec<(Security, Part)>;

enum Entry {
    Asking(Asking, Instant),
    Known(Answer, Instant),
}

#[derive(Default)]
pub(super) struct Domains {
    entries: Mutex<HashMap<String, Entry>>,
}

/// What to do with a part for a domain.
pub(super) enum Step {
    /// The answer is there.
    Go(Part, Answer),
    /// It waits; whoever gets this asks, and calls [`Domains::answered`].
    Ask,
    /// It waits for an answer that somebody else asked for.
    Waits,
    /// `hope`: there may be room in a moment.
    Full { part: Part, hope: bool },
}

impl Domains {
    /// `place`: gives the part one of the places for mail whose way is not proven; false if there is none.
    pub(super) fn step(
        &self,
        domain: &str,
        security: &Security,
        mut part: Part,
        place: impl FnOnce(&mut Part) -> bool,
    ) -> Step {
        let now = Instant::now();
        let mut entries = self.lock();
        match entries.get_mut(domain) {
            Some(Entry::Known(answer, at)) if now.saturating_duration_since(*at) < lasts(answer) => {
                return Step::Go(part, answer.clone());
            }
            Some(Entry::Asking(waiting, since)) => {
                if waiting.len() >= UNPROVEN_WAITING_MAX || !place(&mut part) {
                    return Step::Full { part, hope: now.saturating_duration_since(*since) < HOPE };
                }
                waiting.push((security.clone(), part));
                return Step::Waits;
            }
            Some(Entry::Known(..)) | None => {}
        }
        if !place(&mut part) {
            return Step::Full { part, hope: false };
        }
        if entries.len() >= DOMAINS_MAX {
            entries.retain(|_, entry| match entry {
                Entry::Known(answer, at) => now.saturating_duration_since(*at) < lasts(answer),
                Entry::Asking(..) => true,
            });
        }
        if entries.len() >= DOMAINS_MAX {
            return Step::Full { part, hope: false };
        }
        entries.insert(domain.to_owned(), Entry::Asking(vec![(security.clone(), part)], now));
        Step::Ask
    }

    /// Remembers the answer; returns the mail that waited for it.
    pub(super) fn answered(&self, domain: &str, answer: Answer) -> Asking {
        match self.lock().insert(domain.to_owned(), Entry::Known(answer, Instant::now())) {
            Some(Entry::Asking(waiting, _)) => waiting,
            Some(Entry::Known(..)) | None => Vec::new(),
        }
    }

    /// The hosts of the domain, as they were known last; or when mail for it comes back that found no room.
    pub(super) fn known(&self, domain: &str) -> Result<Arc<[Host]>, Duration> {
        match self.lock().get(domain) {
            Some(Entry::Known(Ok(hosts), _)) => Ok(Arc::clone(hosts)),
            Some(Entry::Asking(_, since)) => Err(back_after(since.elapsed())),
            Some(Entry::Known(Err(_), _)) | None => Err(back_after(Duration::ZERO)),
        }
    }

    /// Takes back what waits.
    pub(super) fn drain(&self) -> Vec<Part> {
        let mut entries = self.lock();
        let waiting = entries.values_mut().flat_map(|entry| match entry {
            Entry::Asking(waiting, _) => std::mem::take(waiting),
            Entry::Known(..) => Vec::new(),
        });
        waiting.map(|(_, part)| part).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lasts(answer: &Answer) -> Duration {
    match answer {
        Err(Verdict::Deferred(_)) => SILENT,
        _ => KNOWN,
    }
}
