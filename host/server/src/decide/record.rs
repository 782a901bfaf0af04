//! What is told about a message once it is decided: one summary line in the log, one record in the
//! history. And about a recipient that was refused: people will ask where their mail is.

use std::time::Instant;

use postwarden_smtp::session::Transaction;
use postwarden_smtp::{ForwardPath, Refusal, ReversePath, reply};
use postwarden_store::holds::NewHold;
use postwarden_store::{HistoryRecord, HoldReason};

use super::asked::Asked;
use super::message::{said, sender_of};
use crate::chain::Report;
use crate::directory::address_of;

/// Recipients that a record names.
const RECIPIENTS_MAX: usize = 100;

pub(super) struct Record<'a> {
    asked: &'a Asked<'a>,
    transaction: &'a Transaction,
    size: u64,
    started: Instant,
    /// What its filters said.
    pub(super) report: Report,
    /// Who really sent it, in a few words; empty where nobody asked.
    pub(super) authentication: String,
}

impl<'a> Record<'a> {
    pub(super) fn new(asked: &'a Asked<'a>, transaction: &'a Transaction, size: u64, started: Instant) -> Self {
        Self { asked, transaction, size, started, report: Report::default(), authentication: String::new() }
    }

    /// The message is stored; its history was written with it.
    pub(super) fn stored(&self, reply: &str, fate: &str) {
        self.summary(reply, fate);
    }

    /// Row 31: a filter or the score threw it away.
    pub(super) async fn discarded(&self, why: &str) {
        let reply = reply::DELETED_BY_FILTER.key;
        self.summary(reply, "deleted");
        let (reply, detail) = (reply.to_owned(), why.to_owned());
        self.note(HistoryRecord { reply, detail, ..self.history("deleted") }).await;
    }

    /// All its recipients are such that take mail and throw it away.
    pub(super) async fn thrown_away(&self, filtered: bool) {
        self.summary("250", "deleted");
        let detail = match filtered {
            true => "its filters left it no recipient",
            false => "unknown-users = \"discard\", or a list without members",
        };
        self.note(HistoryRecord { detail: detail.to_owned(), ..self.history("deleted") }).await;
    }

    pub(super) async fn refused(&self, refusal: &Refusal) {
        let reply = refusal.place().row.key;
        self.summary(reply, "refused");
        self.note(HistoryRecord { reply: reply.to_owned(), ..self.history("refused") }).await;
    }

    /// Of a message that is stored: queued, or held.
    pub(super) fn taken(&self, hold: Option<&NewHold>) -> HistoryRecord {
        let Some(hold) = hold else { return self.history("received") };
        let challenge = hold.reason == HoldReason::Challenge;
        let reply = if challenge { reply::CHALLENGED_BY_FILTER.key.to_owned() } else { String::new() };
        HistoryRecord { reply, detail: hold.detail.clone(), ..self.history("held") }
    }

    fn history(&self, event: &str) -> HistoryRecord {
        HistoryRecord {
            time: self.asked.now,
            id: self.transaction.id.clone(),
            event: event.to_owned(),
            client: self.asked.client().to_string(),
            sender: sender_of(self.transaction),
            recipients: self.recipients().collect(),
            size: self.size,
            detail: self.report.summary.clone(),
            facts: facts(&self.report, Some(self.microseconds()), &self.authentication),
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
            authentication = Some(self.authentication.as_str()).filter(|words| !words.is_empty()),
            score = (!self.report.filters.is_empty()).then_some(self.report.score),
            filters = Some(self.report.summary.as_str()).filter(|summary| !summary.is_empty()),
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

/// What the history keeps besides its columns.
fn facts(report: &Report, microseconds: Option<u64>, authentication: &str) -> serde_json::Value {
    let mut facts = serde_json::Map::new();
    if let Some(microseconds) = microseconds {
        facts.insert("microseconds".to_owned(), microseconds.into());
    }
    if !authentication.is_empty() {
        facts.insert("authentication".to_owned(), authentication.into());
    }
    if !report.filters.is_empty() {
        facts.insert("score".to_owned(), report.score.into());
        facts.insert("filters".to_owned(), report.filters.clone().into());
    }
    if report.omitted > 0 {
        facts.insert("filters-omitted".to_owned(), report.omitted.into());
    }
    facts.into()
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
pub(super) async fn recipient_refused(
    asked: &Asked<'_>,
    path: &ForwardPath,
    refusal: &Refusal,
    report: Option<Report>,
) {
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
        detail: report.as_ref().map(|report| report.summary.clone()).unwrap_or_default(),
        facts: report.as_ref().map(|report| facts(report, None, "")).unwrap_or_default(),
    };
    if let Err(error) = asked.node.store.note(record).await {
        tracing::warn!(%error, id = transaction.id, "the history misses a refused recipient");
    }
}
