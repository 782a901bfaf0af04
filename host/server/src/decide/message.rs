//! After the content: the order of the checks, where the message goes, and the store. The answer is
//! given only after the store has it.

use std::collections::HashSet;
use std::time::Instant;

use postwarden_mail::trace::{Received, received, with_keyword};
use postwarden_smtp::question::{BodyType, Fate, Notify, Ret};
use postwarden_smtp::session::{GreetingVerb, Recipient, Role, Transaction};
use postwarden_smtp::{Answer, ForwardPath, Refusal, ReversePath, reply};
use postwarden_store::holds::NewHold;
use postwarden_store::queue::{Envelope, NewMessage, NewRecipient, Route};
use postwarden_store::{Draft, HoldReason, Id, Timestamp};

use super::asked::Asked;
use super::record::Record;
use super::{arrival, hops, lookup_failed, quota, recipient, schedule, send_limit, size, store_refusal};
use crate::chain::{self, Changes, Conversation, Fated};
use crate::directory::{EXPANDED_RECIPIENTS_MAX, Reach, Target, address_of};
use crate::dns::Reverse;
use crate::sender_auth;

/// Where all recipients of a message lead.
#[derive(Default)]
struct Routed {
    rows: Vec<NewRecipient>,
    /// For each accepted recipient: none, or why it does not get the message.
    refused: Vec<Option<Refusal>>,
    foreign: bool,
    seen: HashSet<String>,
}

/// Takes the message or says why not. Whatever it says, there is one record of it.
pub(super) async fn take(asked: &Asked<'_>, filtered: &mut Conversation, draft: Option<Draft>, size: u64) -> Answer {
    let started = Instant::now();
    let (Some(transaction), Some(draft)) = (asked.transaction, draft) else {
        tracing::error!("the end of a message without a message");
        return Answer::Refuse(Refusal::Unavailable);
    };
    let mut record = Record::new(asked, transaction, size, started);
    match check_and_store(asked, transaction, filtered, draft, size, &mut record).await {
        Ok((fate, recipients)) => Answer::Taken { fate, recipients },
        Err(refusal) => {
            record.refused(&refusal).await;
            Answer::Refuse(refusal)
        }
    }
}

async fn check_and_store(
    asked: &Asked<'_>,
    transaction: &Transaction,
    filtered: &mut Conversation,
    mut draft: Draft,
    size: u64,
    record: &mut Record<'_>,
) -> Result<(Fate, Vec<Option<Refusal>>), Refusal> {
    size::sender(asked, size).await?; // 26
    let mut routed = route(asked, transaction, &Changes::default(), size).await?; // 26, 33
    hops::check(&mut draft, asked.config.smtp.max_hops).await?;
    Box::pin(arrival::check(asked, transaction, filtered, &mut draft, record)).await?;
    let passed = Box::pin(chain::message(asked, filtered, &mut draft)).await;
    record.report = filtered.report();
    let passed = passed?; // 19, 27 to 30, 35
    let hold = match passed.fate {
        Fated::Queue => None,
        Fated::Hold(hold) => Some(hold),
        Fated::Discard(why) => {
            record.discarded(&why).await; // 31
            return Ok((Fate::Deleted, vec![None; transaction.recipients.len()]));
        }
    };
    if passed.changes.touch_recipients() {
        routed = route(asked, transaction, &passed.changes, size).await?;
    }
    let refused = std::mem::take(&mut routed.refused);
    if routed.rows.is_empty() {
        record.thrown_away(passed.changes.touch_recipients()).await;
        return Ok((Fate::Queued, refused));
    }
    let counted = match routed.foreign {
        true => send_limit::count(asked, size).await?, // 17
        false => send_limit::Counted::default(),
    };
    // Without an end: it is the operator's to let go or to delete.
    let over = |detail: &String| NewHold { reason: HoldReason::Operator, detail: detail.clone(), expires: None };
    let hold = hold.or_else(|| counted.over.as_ref().map(over));
    let (fate, key, word) = match hold.as_ref().map(|hold| &hold.reason) {
        None => (Fate::Queued, "250", "queued"),
        Some(HoldReason::Challenge) => (Fate::Challenged, reply::CHALLENGED_BY_FILTER.key, "held"), // 32
        Some(_) => (Fate::Quarantined, "250", "held"),
    };
    match store(asked, transaction, passed.changes.sender, draft, routed.rows, hold, (&*record, &filtered.sender)).await
    {
        Ok(()) => {
            asked.node.queue_wake.notify_one();
            record.stored(key, word);
            Ok((fate, refused))
        }
        Err(refusal) => {
            send_limit::take_back(asked, counted).await;
            Err(refusal)
        }
    }
}

/// Follows every recipient to its mailboxes and hosts. Refuses the message if nobody gets it.
async fn route(asked: &Asked<'_>, transaction: &Transaction, changes: &Changes, size: u64) -> Result<Routed, Refusal> {
    let mut routed = Routed::default();
    for recipient in &transaction.recipients {
        let refusal = match changes.removes(&said(&recipient.path)) {
            true => None,
            false => routed.follow(asked, transaction, recipient, size).await?,
        };
        routed.refused.push(refusal);
    }
    if let Some(first) = routed.refused.iter().flatten().next()
        && routed.refused.iter().all(Option::is_some)
    {
        return Err(first.clone());
    }
    for added in &changes.added {
        let recipient = Recipient { path: ForwardPath::Mailbox(added.clone()), parameters: Default::default() };
        if let Ok(Some(refusal)) | Err(refusal) = routed.follow(asked, transaction, &recipient, size).await {
            let (id, address, reply) = (&transaction.id, address_of(added), refusal.place().row.key);
            tracing::warn!(id, address, reply, "a recipient that a filter added does not get the message");
        }
    }
    Ok(routed)
}

impl Routed {
    /// One recipient. A refusal is the recipient's where it is the value, and the message's where it is the error.
    async fn follow(
        &mut self,
        asked: &Asked<'_>,
        transaction: &Transaction,
        recipient: &Recipient,
        size: u64,
    ) -> Result<Option<Refusal>, Refusal> {
        let sender = asked.canonical_sender();
        let poster = asked.poster(sender.as_deref());
        let release = schedule::release(&transaction.parameters, asked.now).unwrap_or(asked.now);
        let mailbox = recipient::mailbox_of(asked, &recipient.path).ok_or(Refusal::Unavailable)?;
        let directory = &asked.node.directory;
        let expansion = directory.expand(&asked.config, &mailbox, poster, Reach::Mailboxes, asked.now);
        let found = expansion.await.map_err(lookup_failed)?;
        if found.foreign {
            size::foreign_recipient(asked, size)?;
            self.foreign = true;
            let target = Target {
                address: address_of(&mailbox),
                route: Route::Remote(mailbox.domain.to_string()),
                sender: None,
                account: None,
            };
            self.add(target, recipient, release, asked);
            return Ok(None);
        }
        // It was there at RCPT. Rather than bounce what can still be refused, let the client come
        // again and hear it recipient by recipient.
        if let Err(refusal) = found.verdict() {
            return Err(if transaction.recipients.len() == 1 { refusal } else { Refusal::Unavailable });
        }
        if found.too_many || self.rows.len().saturating_add(found.targets.len()) > EXPANDED_RECIPIENTS_MAX {
            tracing::error!(
                address = address_of(&mailbox),
                max = EXPANDED_RECIPIENTS_MAX,
                "the lists and aliases of one message lead to too many recipients"
            );
            return Err(Refusal::Unavailable);
        }
        size::recipient(asked, &found.targets, size)?;
        let refusal = quota::check(asked, &found.targets, size).await.err();
        // Over SMTP a full mailbox beside others is answered by delivery, with a bounce.
        if refusal.is_none() || asked.role() != Role::Lmtp {
            for target in found.targets {
                self.add(target, recipient, release, asked);
            }
        }
        Ok(refusal)
    }

    /// A mailbox gets a message once, however many ways lead to it.
    fn add(&mut self, target: Target, recipient: &Recipient, due: Timestamp, asked: &Asked<'_>) {
        if !self.seen.insert(target.address.clone()) {
            return;
        }
        let expire = Timestamp::try_from(asked.config.delivery.expire.as_millis()).unwrap_or(Timestamp::MAX);
        // What the poster asked to be told ends at a list (RFC 3461 section 5.2.7.3).
        let below_list = target.sender.is_some();
        let sender = target.sender.or_else(|| forwarded(asked, recipient, &target.route));
        let parameters = &recipient.parameters;
        self.rows.push(NewRecipient {
            address: target.address,
            original: said(&recipient.path),
            route: target.route,
            sender,
            notify: parameters.notify.filter(|_| !below_list).map(notify),
            orcpt: parameters
                .original
                .as_ref()
                .filter(|_| !below_list)
                .map(|(kind, address)| format!("{kind};{address}")),
            due,
            expires: due.saturating_add(expire),
        });
    }
}

/// The sender under which an alias passes mail on to another host.
fn forwarded(asked: &Asked<'_>, recipient: &Recipient, route: &Route) -> Option<String> {
    let (Route::Remote(_), Some(transaction)) = (route, asked.transaction) else { return None };
    let address = recipient::mailbox_of(asked, &recipient.path)?;
    asked.node.directory.forwarded(&asked.config, &sender_of(transaction), &address, asked.now)
}

async fn store(
    asked: &Asked<'_>,
    transaction: &Transaction,
    sender: Option<String>,
    draft: Draft,
    recipients: Vec<NewRecipient>,
    hold: Option<NewHold>,
    (record, origin): (&Record<'_>, &sender_auth::Known),
) -> Result<(), Refusal> {
    let id: Id = transaction.id.parse().map_err(|error: postwarden_store::Error| {
        tracing::error!(%error, id = transaction.id, "a transaction has an id that is none");
        Refusal::Unavailable
    })?;
    let message = NewMessage {
        id,
        envelope: Envelope { sender: sender.unwrap_or_else(|| sender_of(transaction)), ..envelope(asked, transaction) },
        trace: trace(asked, transaction, origin),
        content: draft,
        recipients,
        history: Some(record.taken(hold.as_ref())),
        hold,
    };
    asked.node.store.accept(message).await.map_err(|error| {
        tracing::error!(%error, id = transaction.id, "a message could not be stored; the client is asked to try again");
        store_refusal(&error)
    })
}

fn envelope(asked: &Asked<'_>, transaction: &Transaction) -> Envelope {
    let facts = asked.facts;
    let parameters = &transaction.parameters;
    Envelope {
        sender: sender_of(transaction),
        received: asked.now,
        session: facts.session_id.clone(),
        listener: facts.listener.clone(),
        client: asked.client().to_string(),
        helo: facts.greeting.as_ref().map(|greeting| greeting.name.clone()).unwrap_or_default(),
        login: facts.login.as_ref().map(|login| login.account.clone()),
        tls: facts.tls.is_some(),
        smtputf8: parameters.smtputf8,
        body: match parameters.body {
            BodyType::SevenBit => "7BIT",
            BodyType::EightBitMime => "8BITMIME",
            BodyType::BinaryMime => "BINARYMIME",
        }
        .to_owned(),
        require_tls: parameters.require_tls,
        ret: parameters.ret.map(|ret| match ret {
            Ret::Full => "FULL".to_owned(),
            Ret::Headers => "HDRS".to_owned(),
        }),
        envid: parameters.envid.clone(),
        priority: parameters.priority.unwrap_or(0),
        deliver_by: parameters.deliver_by.map(|by| (schedule::deadline(by.seconds, asked.now), by.notify)),
        generated: false,
    }
}

/// What this server found out about the sender (RFC 8601), and its Received field (RFC 5321 section 4.4).
fn trace(asked: &Asked<'_>, transaction: &Transaction, origin: &sender_auth::Known) -> Vec<u8> {
    let mut trace = origin.field(&asked.config.hostname, transaction.parameters.smtputf8);
    trace.extend(received_field(asked, transaction));
    trace
}

fn received_field(asked: &Asked<'_>, transaction: &Transaction) -> Vec<u8> {
    let facts = asked.facts;
    let verb = facts.greeting.as_ref().map(|greeting| greeting.verb);
    let client = asked.client();
    let reverse = asked.node.dns.load().known(client, asked.now);
    // Several recipients would betray each other.
    let only = match transaction.recipients.as_slice() {
        [one] => Some(said(&one.path)),
        _ => None,
    };
    received(&Received {
        from: facts.greeting.as_ref().map_or("", |greeting| greeting.name.as_str()),
        client_ip: &client.to_string(),
        reverse_name: match &reverse {
            Some(Reverse::Confirmed(name)) => Some(name),
            _ => None,
        },
        by: &asked.config.hostname,
        with: with_keyword(
            verb == Some(GreetingVerb::Lhlo),
            verb == Some(GreetingVerb::Ehlo),
            facts.tls.is_some(),
            facts.login.is_some(),
            transaction.parameters.smtputf8,
        ),
        id: &transaction.id,
        for_: only.as_deref(),
        date: asked.now,
        tls: facts.tls.as_ref().map(|tls| (tls.version.as_str(), tls.cipher.as_str())),
    })
}

/// Reverse-path without brackets; empty: the null sender.
pub(super) fn sender_of(transaction: &Transaction) -> String {
    match &transaction.sender {
        ReversePath::Null => String::new(),
        ReversePath::Mailbox(mailbox) => address_of(mailbox),
    }
}

/// What the client said in RCPT.
pub(super) fn said(path: &ForwardPath) -> String {
    match path {
        ForwardPath::Postmaster => "postmaster".to_owned(),
        ForwardPath::Mailbox(mailbox) => address_of(mailbox),
    }
}

fn notify(notify: Notify) -> String {
    let words = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    let chosen: Vec<&str> = words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    if chosen.is_empty() { "NEVER".to_owned() } else { chosen.join(",") }
}
