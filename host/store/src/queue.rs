//! The queue: accepted messages and their recipients, until each recipient is delivered, bounced or removed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::body::Body;
use crate::draft::Draft;
use crate::history::HistoryRecord;
use crate::holds::NewHold;
use crate::{Error, Id, Result, Timestamp};

/// A message to be stored with all its recipients, at once or not at all.
#[derive(Debug)]
pub struct NewMessage {
    pub id: Id,
    pub envelope: Envelope,
    /// Header fields added by this server, with CRLF at each end; stands before the content.
    pub trace: Vec<u8>,
    pub content: Draft,
    pub recipients: Vec<NewRecipient>,
    /// Held instead of queued.
    pub hold: Option<NewHold>,
    /// Written in the same transaction.
    pub history: Option<HistoryRecord>,
}

impl NewMessage {
    /// A message to nobody would never leave the queue.
    pub(crate) fn check(&self) -> Result<()> {
        if self.recipients.is_empty() {
            return Err(Error::Invalid("a message without recipients".to_owned()));
        }
        Ok(())
    }
}

/// What all recipients share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Envelope {
    /// Reverse-path without brackets; empty: the null sender.
    pub sender: String,
    pub received: Timestamp,
    pub session: String,
    pub listener: String,
    pub client: String,
    pub helo: String,
    /// Account that submitted the message.
    pub login: Option<String>,
    pub tls: bool,
    pub smtputf8: bool,
    /// `7BIT`, `8BITMIME`, `BINARYMIME`
    pub body: String,
    pub require_tls: bool,
    /// `FULL` or `HDRS`
    pub ret: Option<String>,
    pub envid: Option<String>,
    pub priority: i8,
    /// Absolute time of DELIVERBY, and whether to notify (else return).
    pub deliver_by: Option<(Timestamp, bool)>,
    /// This is a delivery status notification or another message of the server itself: never bounced.
    pub generated: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewRecipient {
    /// Where to deliver: the address after aliases, lists and forwards.
    pub address: String,
    /// What the client said in RCPT.
    pub original: String,
    pub route: Route,
    /// Replaces the message's sender for this recipient (mailing lists, forwards).
    pub sender: Option<String>,
    /// NOTIFY: subset of `SUCCESS,FAILURE,DELAY`, `NEVER`; none: not given.
    pub notify: Option<String>,
    /// ORCPT as `type;address`.
    pub orcpt: Option<String>,
    /// First try not before (FUTURERELEASE); else the time of receipt.
    pub due: Timestamp,
    /// A bounce after this time.
    pub expires: Timestamp,
}

/// Who delivers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// A mailbox of this server: the account's address.
    Local(String),
    /// Another host: the recipient's domain, lower case.
    Remote(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientState {
    /// Waits for `due`.
    Queued,
    /// Held by an operator, a limit or a filter; never due.
    Held,
    /// Claimed by a node until its lease ends.
    Leased,
}

/// A recipient as listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueuedRecipient {
    /// Position in the message, from 0; with the message's id the name of the row.
    pub index: u32,
    #[serde(flatten)]
    pub recipient: NewRecipient,
    pub state: RecipientState,
    pub attempts: u32,
    /// Empty before the first try.
    pub last_error: String,
    /// The delay warning was sent.
    pub warned: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct QueuedMessage {
    pub id: Id,
    pub envelope: Envelope,
    /// Bytes of trace and content.
    pub size: u64,
    pub recipients: Vec<QueuedRecipient>,
    pub hold: Option<NewHold>,
}

/// A message with those of its recipients that one claim got.
#[derive(Debug)]
pub struct Job {
    pub message: Arc<QueuedMessage>,
    pub trace: Vec<u8>,
    pub body: Body,
}

/// Who claims: a node, and how long its claims stand without renewal.
#[derive(Clone, Debug)]
pub struct Lease {
    pub node: String,
    pub until: Timestamp,
}

/// What became of one claimed recipient.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Delivered, bounced or given up: the row goes; with the last one the message and its content go.
    Done,
    /// Tried in vain.
    Retry {
        due: Timestamp,
        error: String,
        warned: bool,
    },
    /// Not tried: as it was, the attempt does not count.
    Release,
    /// Not tried, for want of room: due again then; the attempt does not count.
    Later {
        due: Timestamp,
    },
    Hold {
        error: String,
    },
}

/// Outcomes for recipients of one message, with what they cause, in one transaction.
#[derive(Debug)]
pub struct Settlement {
    pub id: Id,
    pub outcomes: Vec<(u32, Outcome)>,
    /// A bounce or warning to be queued in the same transaction.
    pub follow_up: Option<NewMessage>,
    pub history: Option<HistoryRecord>,
}

/// Which recipients a command concerns. Empty fields match all; set ones must all match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueFilter {
    pub id: Option<String>,
    /// Exact, or a mask with `*`; without regard to case.
    pub sender: Option<String>,
    pub recipient: Option<String>,
    /// Domain of the recipient.
    pub domain: Option<String>,
    pub received_before: Option<Timestamp>,
    pub received_after: Option<Timestamp>,
    pub state: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueChange {
    /// Due now.
    Retry(Timestamp),
    Hold(String),
    /// Out of the hold, due now.
    Release(Timestamp),
    /// Gone without a bounce.
    Remove,
    /// Another route.
    Reroute(Route),
}

#[async_trait]
pub trait Queue {
    /// Stores the messages of many callers in few transactions. When it returns `Ok` the message
    /// survives kill -9 and power loss; when it returns `Err`, nothing of it is there. `Exists` if the id
    /// is taken, `Full` if there is no space, `Invalid` without recipients. The one exception: where the
    /// connection to a database breaks during the commit and does not come back, `Unavailable` may mean
    /// that it is there.
    async fn accept(&self, message: NewMessage) -> Result<()>;

    /// Takes up to `limit` messages with due recipients, oldest due first. A claimed recipient is
    /// given to nobody else until it is settled or the lease ends (a process that owns its store
    /// alone may end all leases at its start).
    async fn claim(&self, now: Timestamp, limit: usize, lease: Lease) -> Result<Vec<Job>>;

    /// Records outcomes, all or none. An outcome of a lease that ended still counts if nobody took the
    /// recipient since. `Lost` for a message of which another node holds the claim by now.
    async fn settle(&self, node: &str, settlement: Settlement) -> Result<()>;

    /// Moves the end of this node's leases. Called by a living node more often than leases last.
    async fn renew(&self, node: &str, until: Timestamp) -> Result<()>;

    /// When the next recipient is due, leases that end included; none: the queue sleeps.
    async fn next_due(&self) -> Result<Option<Timestamp>>;

    /// Messages in the order of their ids, after `after`, at most `limit`, each with its matching recipients.
    async fn list(&self, filter: &QueueFilter, after: Option<Id>, limit: usize) -> Result<Vec<QueuedMessage>>;

    /// One message with all its recipients.
    async fn show(&self, id: Id) -> Result<QueuedMessage>;

    /// Trace and content.
    async fn content(&self, id: Id) -> Result<(Vec<u8>, Body)>;

    /// Changes all matching recipients that are not leased; returns how many. `Retry` and `Hold` concern
    /// queued ones, `Release` held ones, but not those of a message that is held for quarantine or a
    /// challenge: [`Holds::release`](crate::Holds::release) lets these go.
    async fn change(&self, filter: &QueueFilter, change: QueueChange) -> Result<u64>;

    /// (messages, recipients) in the queue.
    async fn count(&self) -> Result<(u64, u64)>;
}

/// How long a claim stands without renewal.
pub const LEASE: Duration = Duration::from_secs(60);
