//! Notices to senders: which message is queued to tell of recipients that failed, wait or were
//! served. Always from the null sender, so that nothing answers them.

use postwarden_mail::dsn::{self, Action, FULL_BYTES_MAX, HEADERS_BYTES_MAX, Report};
use postwarden_store::queue::{Envelope, NewMessage, NewRecipient, QueuedMessage, QueuedRecipient};
use postwarden_store::{Draft, Error, HistoryRecord, Result, Timestamp};

use super::verdict::Said;
use super::whither;
use crate::config::Config;
use crate::node::Node;

/// One recipient in a notice.
#[derive(Debug)]
pub(crate) struct Note<'a> {
    pub recipient: &'a QueuedRecipient,
    pub action: Action,
    pub said: Option<&'a Said>,
}

/// The notice to `sender`; none where there is nobody to send it to.
pub(crate) async fn notice(
    node: &Node,
    config: &Config,
    message: &QueuedMessage,
    sender: &str,
    notes: &[Note<'_>],
    now: Timestamp,
) -> Result<Option<NewMessage>> {
    let targets = whither::targets(node, config, sender, now).await?;
    if targets.is_empty() {
        tracing::warn!(target: "delivery", id = %message.id, sender, "no notice: there is no such sender");
        return Ok(None);
    }
    let full = message.envelope.ret.as_deref().is_some_and(|ret| ret.eq_ignore_ascii_case("FULL"));
    let (original, complete) = original(node, message, full).await?;
    let id = node.ids.next(now);
    let recipients: Vec<dsn::Recipient> = notes.iter().map(|note| tell(note, now)).collect();
    let made = dsn::notification(&Report {
        hostname: &config.hostname,
        id: &id.to_string(),
        original_id: &message.id.to_string(),
        to: sender,
        date: now,
        arrived: message.envelope.received,
        envid: message.envelope.envid.as_deref(),
        recipients: &recipients,
        original: &original,
        complete,
        full,
        smtputf8: message.envelope.smtputf8,
    });
    let history = HistoryRecord {
        time: now,
        id: id.to_string(),
        event: "received".to_owned(),
        recipients: vec![sender.to_owned()],
        size: made.bytes.len() as u64,
        detail: format!("notice about {}", message.id),
        ..HistoryRecord::default()
    };
    let expires = now.saturating_add(i64::try_from(config.delivery.expire.as_millis()).unwrap_or(i64::MAX));
    Ok(Some(NewMessage {
        id,
        envelope: Envelope {
            received: now,
            body: if made.eight_bit { "8BITMIME" } else { "7BIT" }.to_owned(),
            smtputf8: made.smtputf8,
            generated: true,
            ..Envelope::default()
        },
        trace: Vec::new(),
        content: Draft::from(made.bytes),
        recipients: targets
            .into_iter()
            .map(|(address, route)| NewRecipient {
                address,
                original: sender.to_owned(),
                route,
                sender: None,
                notify: None,
                orcpt: None,
                due: now,
                expires,
            })
            .collect(),
        hold: None,
        history: Some(history),
    }))
}

fn tell<'a>(note: &Note<'a>, now: Timestamp) -> dsn::Recipient<'a> {
    let recipient = &note.recipient.recipient;
    let status = note.said.map(|said| said.status.as_str()).filter(|status| !status.is_empty());
    let default = match note.action {
        Action::Failed => "5.0.0",
        Action::Delayed => "4.0.0",
        Action::Expanded | Action::Relayed | Action::Delivered => "2.0.0",
    };
    dsn::Recipient {
        original: recipient.orcpt.as_deref(),
        address: &recipient.address,
        action: note.action,
        status: status.unwrap_or(default),
        remote: note.said.and_then(|said| said.remote.as_deref()),
        diagnostic: note.said.map(|said| said.text.as_str()).filter(|text| !text.is_empty()),
        last_attempt: Some(now),
        retry_until: Some(recipient.expires),
    }
}

/// The original message, or as much of it as goes back; with whether it is all.
async fn original(node: &Node, message: &QueuedMessage, full: bool) -> Result<(Vec<u8>, bool)> {
    let whole = full && message.size <= FULL_BYTES_MAX as u64;
    let enough = if whole { FULL_BYTES_MAX } else { HEADERS_BYTES_MAX };
    let (mut bytes, mut body) = match node.store.content(message.id).await {
        Ok(content) => content,
        // A notice without the original is better than none.
        Err(Error::Damaged(_) | Error::NotFound(_)) => return Ok((Vec::new(), false)),
        Err(error) => return Err(error),
    };
    while bytes.len() <= enough {
        match body.next().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok((bytes, true)),
            Err(Error::Damaged(_)) => return Ok((bytes, false)),
            Err(error) => return Err(error),
        }
    }
    Ok((bytes, false))
}
