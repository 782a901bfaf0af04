//! What is told about a message once it is decided: one summary line in the log, one record in the
//! history. And about a recipient that was refused: people will ask where their mail is.

use std::time::Instant;

use postwarden_smtp::session::Transaction;
use postwarden_smtp::{ForwardPath, Refusal, ReversePath};
use postwarden_store::HistoryRecord;

use super::asked::Asked;
use super::message::{said, sender_of};
use crate::directory::address_of;

/// Recipients that a record names.
const RECIPIENTS_MAX: usize = 100;

pub(super) struct Record<'a> {
    asked: &'a Asked<'a>,
    transaction: &'a Transaction,
    size: u64,
    started: Instant,
}

impl<'a> Record<'a> {
    pub(super) fn new(asked: &'a Asked<'a>, transaction: &'a Transaction, size: u64, started: Instant) -> Self {
        Self { asked, transaction, size, started }
    }

    /// The message is stored; its history was written with it.
    pub(super) fn stored(&self) {
        self.summary("250", "queued");
    }

    /// All its recipients are such that take mail and throw it away.
    pub(super) async fn thrown_away(&self) {
        self.summary("250", "deleted");
        let detail = "unknown-users = \"discard\", or a list without members";
        self.note(HistoryRecord { detail: detail.to_owned(), ..self.history("deleted") }).await;
    }

    pub(super) async fn refused(&self, refusal: &Refusal) {
        let reply = refusal.place().row.key;
        self.summary(reply, "refused");
        self.note(HistoryRecord { reply: reply.to_owned(), ..self.history("refused") }).await;
    }

    pub(super) fn history(&self, event: &str) -> HistoryRecord {
        HistoryRecord {
            time: self.asked.now,
            id: self.transaction.id.clone(),
            event: event.to_owned(),
            client: self.asked.client().to_string(),
            sender: sender_of(self.transaction),
            recipients: self.recipients().collect(),
            size: self.size,
            facts: serde_json::json!({ "microseconds": self.microseconds() }),
            ..HistoryRecord::default()
        }
    }

    async fn note(&self, record: HistoryRecord) {
        if let Err(error) = self.asked.node.store.note(record).await {
            tracing::warn!(%error, id = self.transaction.id, "the history misses a message");
        }
    }

    fn summary(&self, reply: &str, fate: &str) {
        if !tracing::enabled!(target: "message", tracing::Level::INFO) {
            return;
        }
        let recipients: Vec<String> = self.recipients().collect();
        tracing::info!(
            target: "message",
            id = self.transaction.id,
            client = %self.asked.client(),
            login = self.asked.facts.login.as_ref().map(|login| login.account.as_str()),
            sender = sender_of(self.transaction),
            recipients = recipients.join(","),
            size = self.size,
            reply,
            fate,
            microseconds = self.microseconds(),
        );
    }

    fn recipients(&self) -> impl Iterator<Item = String> {
        self.transaction.recipients.iter().take(RECIPIENTS_MAX).map(|recipient| said(&recipient.path))
    }

    /// Since the content was complete.
    fn microseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// MAIL was refused: there is no transaction yet, and no id.
pub(super) fn sender_refused(asked: &Asked<'_>, path: &ReversePath, refusal: &Refusal) {
    let sender = match path {
        ReversePath::Null => String::new(),
        ReversePath::Mailbox(mailbox) => address_of(mailbox),
    };
    tracing::info!(
        target: "refused",
        session = asked.facts.session_id,
        client = %asked.client(),
        login = asked.facts.login.as_ref().map(|login| login.account.as_str()),
        sender,
        reply = refusal.place().row.key,
    );
}

/// RCPT was refused. The history takes it under the id the client was told, within a budget.
pub(super) async fn recipient_refused(asked: &Asked<'_>, path: &ForwardPath, refusal: &Refusal) {
    let Some(transaction) = asked.transaction else { return };
    let recipient = said(path);
    let reply = refusal.place().row.key;
    let sender = sender_of(transaction);
    let client = asked.client().to_string();
    tracing::info!(
        target: "refused",
        id = transaction.id,
        client,
        login = asked.facts.login.as_ref().map(|login| login.account.as_str()),
        sender,
        recipient,
        reply,
    );
    if !asked.node.decisions.refusals.take(asked.now) {
        return;
    }
    let record = HistoryRecord {
        time: asked.now,
        id: transaction.id.clone(),
        event: "refused".to_owned(),
        client,
        sender,
        recipients: vec![recipient],
        size: transaction.parameters.size.unwrap_or(0),
        reply: reply.to_owned(),
        ..HistoryRecord::default()
    };
    if let Err(error) = asked.node.store.note(record).await {
        tracing::warn!(%error, id = transaction.id, "the history misses a refused recipient");
    }
}
