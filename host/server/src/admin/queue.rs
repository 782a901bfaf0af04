//! Operations on the queue.

use std::collections::{BTreeMap, BTreeSet};

use postwarden_store::holds::NewHold;
use postwarden_store::queue::{
    Envelope, QueueChange, QueueFilter, QueuedMessage, QueuedRecipient, RecipientState, Route,
};
use postwarden_store::{Id, Timestamp};
use serde::{Deserialize, Serialize};

use super::operation::{Kind, Operation, Parts, Refused};
use crate::config::address;

const PAGE: usize = 200;
/// Tries to come that are shown of one recipient.
const NEXT_TRIES_SHOWN: usize = 5;
/// One change touches at most so many messages; repeat it for more.
const CHANGED_MESSAGES_MAX: usize = 100_000;
/// How much of a message's header section is shown.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// A message as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    pub id: String,
    pub envelope: Envelope,
    /// Bytes.
    pub size: u64,
    pub recipients: Vec<QueuedRecipient>,
    pub hold: Option<NewHold>,
}

impl From<&QueuedMessage> for MessageView {
    fn from(message: &QueuedMessage) -> Self {
        Self {
            id: message.id.to_string(),
            envelope: message.envelope.clone(),
            size: message.size,
            recipients: message.recipients.clone(),
            hold: message.hold.clone(),
        }
    }
}

/// `next` is the `after` of the next request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MessagePage {
    pub messages: Vec<MessageView>,
    pub next: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListQueue {
    pub filter: QueueFilter,
    pub after: Option<String>,
}

impl Operation for ListQueue {
    type Reply = MessagePage;
    const ROUTE: &'static str = "queue/list";

    async fn run(self, parts: &Parts<'_>) -> Result<MessagePage, Refused> {
        check_filter(&self.filter)?;
        let after = self.after.as_deref().map(parse_id).transpose()?;
        let found = parts.store.list(&self.filter, after, PAGE).await?;
        let next = found.last().filter(|_| found.len() >= PAGE).map(|message| message.id.to_string());
        Ok(MessagePage { messages: found.iter().map(MessageView::from).collect(), next })
    }
}

/// One message with all its recipients and its header section.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowMessage {
    pub id: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MessageDetail {
    #[serde(flatten)]
    pub message: MessageView,
    /// By the recipient's index: when it is tried next, if each of these tries is in vain.
    #[serde(default)]
    pub next_tries: BTreeMap<u32, Vec<Timestamp>>,
    /// With this server's trace fields; bytes that are not UTF-8 are replaced.
    pub header: String,
}

impl Operation for ShowMessage {
    type Reply = MessageDetail;
    const ROUTE: &'static str = "queue/show";

    async fn run(self, parts: &Parts<'_>) -> Result<MessageDetail, Refused> {
        let message = load(parts, &self.id).await?;
        let (mut bytes, mut body) = parts.store.content(message.id).await?;
        while end_of_header(&bytes).is_none() && bytes.len() < HEADER_BYTES_MAX {
            match body.next().await? {
                Some(chunk) => bytes.extend(chunk),
                None => break,
            }
        }
        bytes.truncate(end_of_header(&bytes).unwrap_or(bytes.len()).min(HEADER_BYTES_MAX));
        let header = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        let queued = message.recipients.iter().filter(|recipient| recipient.state == RecipientState::Queued);
        let tries = |one: &QueuedRecipient| crate::deliver::next_tries(&parts.config, &message, one, NEXT_TRIES_SHOWN);
        let next_tries = queued.map(|one| (one.index, tries(one))).collect();
        Ok(MessageDetail { message: MessageView::from(&message), next_tries, header })
    }
}

fn end_of_header(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 2)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Due now.
    Retry,
    Hold {
        reason: String,
    },
    /// Out of the hold, due now.
    Release,
    /// Gone without a bounce.
    Remove,
    /// To the mailbox of an account (`user@domain`), or the hosts of a domain.
    Reroute {
        to: String,
    },
}

/// Changes all recipients that match.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeQueue {
    /// Several ids: each of them with the filter.
    #[serde(default)]
    pub ids: Vec<String>,
    #[serde(default)]
    pub filter: QueueFilter,
    pub change: Change,
    /// Needed where neither ids nor a filter say what is meant.
    #[serde(default)]
    pub all: bool,
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Changed {
    /// Recipients that matched.
    pub matched: u64,
    /// Recipients that were changed; those being delivered at this moment are not.
    pub changed: u64,
    pub in_delivery: u64,
    /// The first messages concerned.
    pub messages: Vec<MessageView>,
    pub dry_run: bool,
}

/// How many messages a reply names.
const MESSAGES_SHOWN_MAX: usize = 1_000;

impl Operation for ChangeQueue {
    type Reply = Changed;
    const ROUTE: &'static str = "queue/change";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<Changed, Refused> {
        check_filter(&self.filter)?;
        if self.ids.is_empty() && self.filter == QueueFilter::default() && !self.all {
            let message = "this would change the whole queue: name ids or a filter (--sender, --recipient, --domain, --older-than …), or give --all";
            return Err(Refused::invalid(message));
        }
        let change = store_change(parts, &self.change).await?;
        let mut reply = Changed { dry_run: self.dry_run, ..Changed::default() };
        for filter in filters(&self.ids, &self.filter)? {
            self.one(parts, &filter, &change, &mut reply).await?;
        }
        if !self.dry_run && reply.changed > 0 {
            parts.wake_queue();
        }
        Ok(reply)
    }
}

impl ChangeQueue {
    /// One filter: what matches is listed first, so that the reply and the history can name it.
    async fn one(
        &self,
        parts: &Parts<'_>,
        filter: &QueueFilter,
        change: &QueueChange,
        reply: &mut Changed,
    ) -> Result<(), Refused> {
        let mut after = None;
        let mut found = 0;
        loop {
            let page = parts.store.list(filter, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            found += page.len();
            let full = page.len() >= PAGE;
            for message in &page {
                let view = MessageView::from(message);
                let in_delivery =
                    view.recipients.iter().filter(|recipient| recipient.state == RecipientState::Leased).count() as u64;
                reply.matched += view.recipients.len() as u64;
                reply.in_delivery += in_delivery;
                if !self.dry_run {
                    let this = QueueFilter { id: Some(view.id.clone()), ..filter.clone() };
                    let changed = parts.store.change(&this, change.clone()).await?;
                    reply.changed += changed;
                    if changed > 0 && self.change == Change::Remove {
                        let record = super::quarantine::removed(parts, &view, "removed from the queue by an operator");
                        parts.store.note(record).await?;
                    }
                }
                if reply.messages.len() < MESSAGES_SHOWN_MAX {
                    reply.messages.push(view);
                }
            }
            if !full || found >= CHANGED_MESSAGES_MAX {
                break;
            }
        }
        Ok(())
    }
}

/// One filter for each id, or the filter itself.
fn filters(ids: &[String], filter: &QueueFilter) -> Result<Vec<QueueFilter>, Refused> {
    if ids.is_empty() {
        return Ok(vec![filter.clone()]);
    }
    let ids: BTreeSet<_> = ids.iter().map(|id| parse_id(id)).collect::<Result<_, _>>()?;
    Ok(ids.into_iter().map(|id| QueueFilter { id: Some(id.to_string()), ..filter.clone() }).collect())
}

async fn store_change(parts: &Parts<'_>, change: &Change) -> Result<QueueChange, Refused> {
    let now: Timestamp = parts.now;
    Ok(match change {
        Change::Retry => QueueChange::Retry(now),
        Change::Hold { reason } => QueueChange::Hold(reason.clone()),
        Change::Release => QueueChange::Release(now),
        Change::Remove => QueueChange::Remove,
        Change::Reroute { to } if to.contains('@') => {
            let address = address::mailbox(to).map_err(Refused::invalid)?;
            match parts.accounts.lookup(&address).await? {
                Some(postwarden_store::accounts::Entry::Account(account)) => {
                    QueueChange::Reroute(Route::Local(account.address))
                }
                _ => {
                    let message = format!("there is no account {address}: name an account of this server, or a domain");
                    return Err(Refused::new(Kind::NotFound, message));
                }
            }
        }
        Change::Reroute { to } => QueueChange::Reroute(Route::Remote(address::domain(to).map_err(Refused::invalid)?)),
    })
}

/// What the store would silently match with nothing is an error.
fn check_filter(filter: &QueueFilter) -> Result<(), Refused> {
    if let Some(id) = &filter.id {
        parse_id(id)?;
    }
    if let Some(state) = &filter.state
        && !["queued", "held", "leased"].contains(&state.as_str())
    {
        return Err(Refused::invalid(format!("\"{state}\" is no state of a recipient: queued, held or leased")));
    }
    Ok(())
}

pub(super) fn parse_id(text: &str) -> Result<Id, Refused> {
    text.parse().map_err(|_| {
        Refused::not_found(format!(
            "\"{text}\" is no queue id: an id has 13 letters and digits, see \"postwarden queue list\""
        ))
    })
}

pub(super) async fn load(parts: &Parts<'_>, id: &str) -> Result<QueuedMessage, Refused> {
    match parts.store.show(parse_id(id)?).await {
        Err(postwarden_store::Error::NotFound(_)) => {
            let message = format!(
                "there is no message {id} in the queue (any more): \"postwarden history find --id {id}\" tells what became of it"
            );
            Err(Refused::not_found(message))
        }
        other => Ok(other?),
    }
}
