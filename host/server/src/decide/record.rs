//! What is told about a message once it is decided: one summary line in the log, one record in the history.

use std::time::Instant;

use postwarden_smtp::Refusal;
use postwarden_smtp::session::Transaction;
use postwarden_store::HistoryRecord;

use super::asked::Asked;
use super::message::{said, sender_of};

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
    pub(super) fn taken(&self) {
        self.summary("250", "queued");
    }

    /// All its recipients are such that take mail and throw it away.
    pub(super) async fn thrown_away(&self) {
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
