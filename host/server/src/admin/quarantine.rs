//! Operations on held messages: quarantine and challenge.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postwarden_store::{HistoryRecord, HoldReason, Id};
use serde::{Deserialize, Serialize};

use super::learn::{Class, Learned, teach};
use super::operation::{Kind, Operation, Parts, Refused};
use super::queue::{MessagePage, MessageView, parse_id};

const PAGE: usize = 200;
/// Bytes of a held message that is learned.
const MESSAGE_BYTES_MAX: u64 = 100 << 20;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListHeld {
    pub reason: Option<HoldReason>,
    pub after: Option<String>,
}

impl Operation for ListHeld {
    type Reply = MessagePage;
    const ROUTE: &'static str = "quarantine/list";

    async fn run(self, parts: &Parts<'_>) -> Result<MessagePage, Refused> {
        let after: Option<Id> = self.after.as_deref().map(parse_id).transpose()?;
        let held = parts.store.list_held(self.reason, after, PAGE).await?;
        let next = held.last().filter(|_| held.len() >= PAGE).map(|message| message.id.to_string());
        Ok(MessagePage { messages: held.iter().map(MessageView::from).collect(), next })
    }
}

/// Bytes of a held message that are handed out; encoded, they fit into a reply.
const CONTENT_BYTES_MAX: u64 = 32 << 20;

/// Its content, for those who try filters on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadHeld {
    pub id: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeldContent {
    /// In base64, without this server's trace fields.
    pub content: String,
}

impl Operation for ReadHeld {
    type Reply = HeldContent;
    const ROUTE: &'static str = "quarantine/read";

    async fn run(self, parts: &Parts<'_>) -> Result<HeldContent, Refused> {
        let message = held(parts, &self.id).await?;
        if message.size > CONTENT_BYTES_MAX {
            let text = format!("{} has {} bytes; at most {CONTENT_BYTES_MAX} are handed out", self.id, message.size);
            return Err(Refused::new(Kind::Invalid, text));
        }
        let (_, mut body) = parts.store.content(parse_id(&self.id)?).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(HeldContent { content: STANDARD.encode(bytes) })
    }
}

/// To its recipients.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseHeld {
    pub id: String,
}

impl Operation for ReleaseHeld {
    type Reply = MessageView;
    const ROUTE: &'static str = "quarantine/release";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<MessageView, Refused> {
        let message = held(parts, &self.id).await?;
        parts.store.release(parse_id(&self.id)?, parts.now).await?;
        parts.wake_queue();
        Ok(message)
    }
}

/// Gone without a bounce.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteHeld {
    pub id: String,
}

impl Operation for DeleteHeld {
    type Reply = MessageView;
    const ROUTE: &'static str = "quarantine/delete";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<MessageView, Refused> {
        let message = held(parts, &self.id).await?;
        parts.store.delete(parse_id(&self.id)?).await?;
        parts.store.note(removed(parts, &message, "deleted from quarantine by an operator")).await?;
        Ok(message)
    }
}

/// What it is, on an operator's word, for the filters that learn. It stays held.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnHeld {
    pub id: String,
    pub class: Class,
}

impl Operation for LearnHeld {
    type Reply = Learned;
    const ROUTE: &'static str = "quarantine/learn";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<Learned, Refused> {
        held(parts, &self.id).await?;
        let node = parts.node.ok_or_else(super::status::no_server)?;
        let (trace, mut body) = parts.store.content(parse_id(&self.id)?).await?;
        if body.size() > MESSAGE_BYTES_MAX {
            let text = format!("{} is larger than {} MiB: no filter learns that", self.id, MESSAGE_BYTES_MAX >> 20);
            return Err(Refused::new(Kind::Refused, text));
        }
        // As the filters saw it: without the trace fields that were written afterwards.
        drop(trace);
        let mut message = Vec::new();
        while let Some(chunk) = body.next().await? {
            message.extend(chunk);
        }
        teach(node, vec![message], self.class, false).await
    }
}

async fn held(parts: &Parts<'_>, id: &str) -> Result<MessageView, Refused> {
    let message = super::queue::load(parts, id).await?;
    if message.hold.is_none() {
        let text = format!("{id} is not held but in the queue: see \"postwarden queue show {id}\"");
        return Err(Refused::not_found(text));
    }
    Ok(MessageView::from(&message))
}

/// The record of a message that an operator took away.
pub(super) fn removed(parts: &Parts<'_>, message: &MessageView, detail: &str) -> HistoryRecord {
    HistoryRecord {
        time: parts.now,
        id: message.id.clone(),
        event: "removed".into(),
        client: message.envelope.client.clone(),
        sender: message.envelope.sender.clone(),
        recipients: message.recipients.iter().map(|recipient| recipient.recipient.address.clone()).collect(),
        size: message.size,
        detail: detail.into(),
        ..HistoryRecord::default()
    }
}
