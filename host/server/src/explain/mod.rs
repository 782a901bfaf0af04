//! Answers from the FAQ: a reply, a log line or a queue id in, the row and its likely causes here out.
//!
//! What a row means in general stands in the reply table of the SMTP crate. What is said here is how
//! this very configuration leads to it (`here`), which row a text belongs to (`find`), and what a
//! code means that no row has (`codes`).

mod clues;
mod codes;
mod find;
mod here;
mod lists;
mod render;
mod rows;
#[cfg(test)]
mod tests;

use postwarden_store::accounts::Entry;
use postwarden_store::{HistoryQuery, HistoryRecord};
use serde::{Deserialize, Serialize};

pub use render::render;

use crate::admin::operation::{Operation, Parts, Refused};
use crate::admin::queue::MessageView;
use crate::config::Config;
use clues::Clues;

/// Longer ones are cut: a pasted line is meant, not a log file.
const TEXT_BYTES_MAX: usize = 16 << 10;
const HISTORY_RECORDS_MAX: u32 = 50;
/// Addresses of the text that are looked up.
const ADDRESSES_MAX: usize = 8;

/// The whole answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    pub asked: String,
    /// The row that fits best; none: the text is no reply of this server.
    pub row: Option<RowView>,
    /// What this configuration has to do with it.
    pub here: Vec<Finding>,
    /// The configuration that was looked at.
    pub config: Option<String>,
    /// Other rows that could be meant, best first.
    pub alternatives: Vec<RowName>,
    /// What its codes mean in general; given where no row fits.
    pub general: Vec<String>,
    /// The message, where an id was given: still queued, and what happened to it, oldest first.
    pub queued: Option<MessageView>,
    pub history: Vec<HistoryRecord>,
}

impl Explanation {
    /// Whether anything certain could be said.
    pub fn found(&self) -> bool {
        self.row.is_some() || self.queued.is_some() || !self.history.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RowView {
    /// Of the specification; none for replies beside its rows.
    pub number: Option<u32>,
    pub key: String,
    /// As this server sends it now.
    pub reply: String,
    pub meaning: String,
    pub causes: Vec<String>,
    pub advice: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RowName {
    pub number: Option<u32>,
    pub key: String,
    pub reply: String,
}

/// One fact about this server, with what would change it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    pub fact: String,
    pub change: Option<String>,
}

/// Where facts come from. Everything may be missing.
#[derive(Clone, Copy, Default)]
pub struct Sources<'a> {
    pub config: Option<&'a Config>,
    pub parts: Option<&'a Parts<'a>>,
}

/// The request of the API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    pub text: String,
}

impl Operation for Explain {
    type Reply = Explanation;
    const ROUTE: &'static str = "explain";

    async fn run(self, parts: &Parts<'_>) -> Result<Explanation, Refused> {
        let config = parts.config.clone();
        Ok(explain(&self.text, Sources { config: Some(&config), parts: Some(parts) }).await)
    }
}

/// Never fails: what cannot be looked up is left out.
pub async fn explain(text: &str, sources: Sources<'_>) -> Explanation {
    let text = cut(text.trim());
    let mut clues = Clues::of(text);
    let mut explanation = Explanation { asked: text.to_owned(), ..Explanation::default() };
    explanation.config = sources.config.and_then(|config| config.file.as_ref()).map(|file| file.display().to_string());
    if let (Some(parts), Some(id)) = (sources.parts, clues.id.clone()) {
        message(&mut explanation, &mut clues, parts, &id).await;
    }
    let found = find::find(text, &clues, sources.config);
    explanation.alternatives = found.alternatives.iter().map(|row| find::name(row, sources.config)).collect();
    if let Some(row) = found.best {
        explanation.row = Some(find::view(row, sources.config));
        if let Some(config) = sources.config {
            let entries = entries(&clues, sources.parts).await;
            let usage = usage(&entries, config, sources.parts).await;
            explanation.here =
                here::here(row.key, &here::Place { config, clues: &clues, entries: &entries, usage: &usage });
            if row.key == "access-denied" {
                explanation.here.splice(0..0, lists::entries(&clues, sources.parts).await);
            }
        }
    } else {
        explanation.general = codes::general(&clues);
    }
    explanation
}

/// What the queue and the history know about an id; their facts become clues.
async fn message(explanation: &mut Explanation, clues: &mut Clues, parts: &Parts<'_>, id: &str) {
    if let Ok(id) = id.parse() {
        explanation.queued = parts.store.show(id).await.ok().as_ref().map(MessageView::from);
    }
    let query = HistoryQuery { id: Some(id.to_owned()), limit: HISTORY_RECORDS_MAX, ..HistoryQuery::default() };
    explanation.history = parts.store.find(&query).await.unwrap_or_default();
    explanation.history.reverse();
    for record in &explanation.history {
        clues.add_record(record);
    }
    if let Some(message) = &explanation.queued {
        for recipient in &message.recipients {
            clues.add_error(&recipient.last_error);
            clues.add_address(&recipient.recipient.address);
        }
    }
}

/// What the addresses of the text are here: `None` is no entry.
async fn entries(clues: &Clues, parts: Option<&Parts<'_>>) -> Vec<(String, Option<Entry>)> {
    let mut entries = Vec::new();
    let Some(parts) = parts else { return entries };
    for address in clues.addresses.iter().take(ADDRESSES_MAX) {
        if let Ok(entry) = parts.accounts.lookup(address).await {
            entries.push((address.clone(), entry));
        }
    }
    entries
}

/// Bytes in the mailboxes of those that have one; only a running server counts them.
async fn usage(entries: &[(String, Option<Entry>)], config: &Config, parts: Option<&Parts<'_>>) -> Vec<(String, u64)> {
    let mut usage = Vec::new();
    let Some(node) = parts.and_then(|parts| parts.node) else { return usage };
    for (address, entry) in entries {
        if matches!(entry, Some(Entry::Account(_))) {
            usage.push((address.clone(), node.usage.mailbox(config, address).await));
        }
    }
    usage
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
