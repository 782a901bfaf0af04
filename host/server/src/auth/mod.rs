//! Passwords and SCRAM verifiers: making, checking, with equal work for unknown users; failures counted per IP.

mod check;
mod failures;
mod password;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use postwarden_store::Timestamp;
use tokio::sync::{OnceCell, Semaphore};

use crate::config::FailureLimit;
use check::StandIns;
use failures::{Table, Turn};

pub use check::{Credentials, Unavailable};
pub use password::{Kind, SCRAM_ITERATIONS, make_password, verifies};

/// Between two looks whether a client may try.
const TURN_PAUSE: Duration = Duration::from_millis(5);

/// Looks before the client is told to come again: 10 seconds.
const TURNS_MAX: u32 = 2000;

/// What logins need to remember: failures by client, and what makes an unknown user look like a known one.
pub struct Logins {
    failures: Table,
    /// Behind the made-up verifiers; the same on all nodes and after a restart.
    secret: OnceCell<[u8; 32]>,
    /// Verifiers in use, of the directory's epoch they were read in.
    stand_ins: ArcSwapOption<StandIns>,
    /// Passwords being checked at once: each costs a processor for milliseconds, and memory.
    checks: Semaphore,
    waiting: AtomicUsize,
}

impl Default for Logins {
    fn default() -> Self {
        Self::new()
    }
}

impl Logins {
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            failures: Table::new(),
            secret: OnceCell::new(),
            stand_ins: ArcSwapOption::empty(),
            checks: Semaphore::new(processors),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whether this client failed too often and has to wait.
    pub fn blocked(&self, client: IpAddr, now: Timestamp) -> bool {
        self.failures.blocked(client, now)
    }

    /// Waits until the client may try: not more of its tries are checked at once than may fail, so
    /// that sessions side by side get no more guesses than one. None: it failed too often.
    pub async fn turn<'a>(
        &'a self,
        client: IpAddr,
        limit: &'a FailureLimit,
        now: Timestamp,
    ) -> Result<Option<Try<'a>>, Unavailable> {
        for _ in 0..TURNS_MAX {
            match self.failures.begin(client, limit, now) {
                Turn::Yours => return Ok(Some(Try { logins: self, client, limit })),
                Turn::Blocked => return Ok(None),
                Turn::Wait => tokio::time::sleep(TURN_PAUSE).await,
            }
        }
        Err(Unavailable::busy())
    }

    /// Counts a failed login.
    pub fn failed(&self, client: IpAddr, limit: &FailureLimit, now: Timestamp) {
        self.failures.failed(client, limit, now);
    }
}

/// A login being checked.
pub struct Try<'a> {
    logins: &'a Logins,
    client: IpAddr,
    limit: &'a FailureLimit,
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        self.logins.failures.end(self.client, self.limit);
    }
}

/// Shares what a check needs with the thread that does it.
type SharedAccount = Arc<postwarden_store::Account>;
