//! Delivery into the mailboxes of this server: who may have the message, then all files of a batch at
//! once, then all outcomes.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use postwarden_mail::trace;
use postwarden_smtp::Refusal;
use postwarden_store::queue::LEASE;
use postwarden_store::{Error, Timestamp};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::maildir::{Chunks, Copy, Maildirs, Parcel, Source, Stored, file_name};
use super::part::Part;
use super::settle::{sender_of, settle};
use super::verdict::{Said, Verdict};
use super::whither::{self, Owner};
use crate::config::Config;
use crate::node::Node;

/// Copies that may be written, and verdicts on those that may not.
struct Sorted {
    part: Part,
    copies: Vec<Copy>,
    /// Which recipient each copy is for, and its account.
    owners: Vec<(u32, String)>,
    verdicts: Vec<(u32, Verdict)>,
}

/// Delivers all parts, and returns when their outcomes are recorded. `started`: wall-clock time at
/// which this process started.
pub(crate) async fn deliver(node: &Arc<Node>, maildirs: &Arc<Maildirs>, parts: Vec<Part>, started: Timestamp) {
    let config = node.config.load_full();
    let mut sorted = Vec::with_capacity(parts.len());
    let mut sizes = HashMap::new();
    for part in parts {
        sorted.push(sort(node, &config, part, started, &mut sizes).await);
    }
    let kept: Vec<Part> = sorted.iter().map(|one| one.part.clone()).collect();
    let writer = Arc::clone(maildirs);
    let runtime = Handle::current();
    let written = tokio::task::spawn_blocking(move || {
        let results = writer.deliver(sorted.iter_mut().map(|one| parcel(one, &runtime)).collect());
        (sorted, results)
    })
    .await;
    let Ok((sorted, results)) = written else {
        // A fault of this program. Nothing is lost: each is tried again after its pause.
        tracing::error!(target: "delivery", "writing mailboxes failed unexpectedly");
        let said = Said::here("4.3.0", "the mail server has an internal fault");
        for part in kept {
            settle(node, part.message(), part.all(&Verdict::Deferred(said.clone()))).await;
        }
        return;
    };
    let mut settling = JoinSet::new();
    for (one, results) in sorted.into_iter().zip(results) {
        let verdicts = judge(node, &one, results);
        let node = Arc::clone(node);
        settling.spawn(async move { settle(&node, one.part.message(), verdicts).await });
    }
    while settling.join_next().await.is_some() {}
}

/// Decides who gets a copy. Bytes already promised to a mailbox in this batch count for its quota.
async fn sort(
    node: &Node,
    config: &Config,
    part: Part,
    started: Timestamp,
    promised: &mut HashMap<String, u64>,
) -> Sorted {
    let message = Arc::clone(part.message());
    let now = node.now();
    let lease = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
    let received = message.envelope.received;
    let mut sorted = Sorted { part: part.clone(), copies: Vec::new(), owners: Vec::new(), verdicts: Vec::new() };
    for recipient in part.recipients() {
        let account = match &recipient.recipient.route {
            postwarden_store::queue::Route::Local(account) => account.as_str(),
            postwarden_store::queue::Route::Remote(_) => recipient.recipient.address.as_str(),
        };
        match may_have(node, config, account, message.size, promised).await {
            Ok(mailbox) => {
                let sender = sender_of(&message, recipient);
                let mut head = trace::return_path(sender);
                head.extend_from_slice(&trace::delivered_to(account));
                head.extend_from_slice(&part.claimed.trace);
                sorted.copies.push(Copy {
                    mailbox,
                    name: file_name(received, &message.id.to_string(), recipient.index, &config.hostname),
                    head,
                    // A process that died, or another node that lost its lease, may have done it.
                    repeated: recipient.attempts > 0 || received < started || now.saturating_sub(received) > lease,
                });
                sorted.owners.push((recipient.index, account.to_owned()));
            }
            Err(verdict) => sorted.verdicts.push((recipient.index, verdict)),
        }
    }
    sorted
}

/// The folder, or why not.
async fn may_have(
    node: &Node,
    config: &Config,
    address: &str,
    size: u64,
    promised: &mut HashMap<String, u64>,
) -> Result<std::path::PathBuf, Verdict> {
    let found = whither::owner(node, config, address, node.now()).await;
    let quota = match found {
        Ok(Owner::Account(account)) => account.quota,
        Ok(Owner::Nobody) => 0,
        Ok(Owner::Gone) => return Err(Verdict::refused(config, &Refusal::UnknownUser)),
        Err(error) => {
            tracing::warn!(target: "delivery", account = address, %error, "cannot look up an account");
            return Err(Verdict::Deferred(Said::here("4.3.0", "the accounts cannot be read at present")));
        }
    };
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let settings = config.domains.get(domain);
    let domain_quota = settings.map_or(0, |settings| settings.quota);
    if quota != 0 || domain_quota != 0 {
        let ahead = promised.get(address).copied().unwrap_or(0);
        let ahead_domain = promised.get(domain).copied().unwrap_or(0);
        let full = (quota != 0 && node.usage.mailbox(config, address).await.saturating_add(ahead + size) > quota)
            || (domain_quota != 0
                && node.usage.domain(config, domain).await.saturating_add(ahead_domain + size) > domain_quota);
        if full {
            let temporary = settings.is_some_and(|settings| settings.quota_temporary);
            let refusal = if temporary { Refusal::MailboxFullTemporary } else { Refusal::MailboxFull };
            return Err(Verdict::refused(config, &refusal));
        }
        for key in [address, domain] {
            *promised.entry(key.to_owned()).or_default() += size;
        }
    }
    super::maildir_path(config, address)
        .ok_or_else(|| Verdict::Failed(Said::here("5.1.3", "this address cannot have a mailbox here")))
}

/// What the writer gets. Content in a file is opened by it, when and as often as it needs it.
fn parcel<'a>(sorted: &'a mut Sorted, runtime: &'a Handle) -> Parcel<'a> {
    let copies = std::mem::take(&mut sorted.copies);
    let claimed = Arc::clone(&sorted.part.claimed);
    let content = match sorted.part.claimed.body.inline() {
        Some(bytes) => Source::Inline(bytes),
        None => Source::Stream(Box::new(move || {
            let mut body = claimed.body.again();
            Ok(Box::new(move || runtime.block_on(body.next()).map_err(broken)) as Chunks<'a>)
        })),
    };
    Parcel { copies, content }
}

fn broken(error: Error) -> io::Error {
    io::Error::other(error)
}

fn judge(node: &Node, sorted: &Sorted, results: Vec<io::Result<Stored>>) -> Vec<(u32, Verdict)> {
    let mut verdicts = sorted.verdicts.clone();
    for ((index, account), result) in sorted.owners.iter().zip(results) {
        verdicts.push((
            *index,
            match result {
                Ok(Stored::New(bytes)) => {
                    node.usage.delivered(account, bytes);
                    Verdict::Delivered { said: None }
                }
                Ok(Stored::Already) => {
                    let said = Said::here("2.0.0", "an earlier try had already put it into the mailbox");
                    Verdict::Delivered { said: Some(said) }
                }
                Err(error) => {
                    tracing::warn!(target: "delivery", id = %sorted.part.message().id, account, %error, "cannot write to a mailbox");
                    let status = match error.kind() {
                        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "4.3.1",
                        _ => "4.2.0",
                    };
                    Verdict::Deferred(Said::here(status, format!("cannot write to the mailbox: {}", error.kind())))
                }
            },
        ));
    }
    verdicts
}
