//! Listing the queue page by page, and the changes that operators make to what is listed.

use std::sync::{Arc, Mutex};

use rusqlite::{Connection, params};

use super::claims::{Claims, Key, lock};
use super::queue::{read_message, remove_if_empty};
use super::writer::Durability;
use super::{Sqlite, fail, rows};
use crate::clock::machine_now;
use crate::codes::route_text;
use crate::filter::Matcher;
use crate::queue::{QueueChange, QueuedMessage, RecipientState};
use crate::{Id, Result};

/// Messages looked at in one read: a long list holds no snapshot that would keep the log from being copied.
const PAGE_MESSAGES_MAX: usize = 256;

pub(crate) struct Page {
    pub(crate) messages: Vec<QueuedMessage>,
    /// Where the next page begins; none: this was the last one.
    pub(crate) next: Option<Id>,
}

/// Matching messages with their matching recipients.
pub(crate) fn page(
    database: &Connection,
    matcher: &Matcher,
    after: Option<Id>,
    claims: &Mutex<Claims>,
) -> Result<Page> {
    let sql = format!(
        "select {} from message where id > ?1 and (?2 is null or id = ?2) order by id limit {PAGE_MESSAGES_MAX}",
        rows::MESSAGE
    );
    let mut statement = database.prepare_cached(&sql).map_err(fail)?;
    let after = after.map_or(i64::MIN, |id| id.0);
    let after = matcher.id.map_or(after, |id| after.max(id.0.saturating_sub(1)));
    let mut found = statement.query((after, matcher.id.map(|id| id.0))).map_err(fail)?;
    let (mut messages, mut seen, mut last) = (Vec::new(), 0, None);
    while let Some(row) = found.next().map_err(fail)? {
        let message = rows::message(row)?;
        seen += 1;
        last = Some(message.id);
        if matcher.message(message.id, &message.envelope) {
            messages.push(message);
        }
    }
    if let (Some(first), Some(last)) = (messages.first(), messages.last()) {
        let recipients = rows::recipients(database, first.id, last.id)?;
        let claims = lock(claims);
        let now = machine_now();
        for (id, mut recipient) in recipients {
            if !claims.is_free((id, recipient.index), now) {
                recipient.state = RecipientState::Leased;
            }
            if let Ok(place) = messages.binary_search_by_key(&id, |message| message.id)
                && let Some(message) = messages.get_mut(place)
                && matcher.recipient(&recipient)
            {
                message.recipients.push(recipient);
            }
        }
        messages.retain(|message| !message.recipients.is_empty());
    }
    let next = if seen == PAGE_MESSAGES_MAX && matcher.id.is_none() { last } else { None };
    Ok(Page { messages, next })
}

/// One message with all its recipients.
pub(crate) fn whole(database: &Connection, id: Id, claims: &Mutex<Claims>) -> Result<QueuedMessage> {
    let mut message = read_message(database, id)?;
    let recipients = rows::recipients(database, id, id)?;
    let (claims, now) = (lock(claims), machine_now());
    for (_, mut recipient) in recipients {
        if !claims.is_free((id, recipient.index), now) {
            recipient.state = RecipientState::Leased;
        }
        message.recipients.push(recipient);
    }
    Ok(message)
}

pub(crate) async fn change(store: &Sqlite, matcher: Matcher, change: QueueChange) -> Result<u64> {
    let (mut changed, mut from) = (0, None);
    loop {
        let (claims, matcher) = (Arc::clone(&store.claims), matcher.clone());
        let page = store.readers.read(move |database| page(database, &matcher, from, &claims)).await?;
        let keys: Vec<Key> = page
            .messages
            .iter()
            .flat_map(|message| message.recipients.iter().map(|recipient| (message.id, recipient.index)))
            .collect();
        if !keys.is_empty() {
            changed += change_keys(store, keys, change.clone()).await?;
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(changed),
        }
    }
}

/// Nobody can claim the recipients from here until the change is written.
async fn change_keys(store: &Sqlite, mut keys: Vec<Key>, change: QueueChange) -> Result<u64> {
    {
        let (mut claims, now) = (lock(&store.claims), machine_now());
        keys.retain(|key| claims.fix_free(*key, now));
    }
    let (claims, fixed) = (Arc::clone(&store.claims), keys.clone());
    let after = move |_| {
        let mut claims = lock(&claims);
        for (id, position) in fixed {
            claims.give_back(id, &[position], true);
        }
    };
    let run = move |database: &Connection| {
        let (mut changed, mut gone) = (0, Vec::new());
        for key in &keys {
            changed += apply(database, *key, &change)?;
        }
        for group in keys.chunk_by(|one, other| one.0 == other.0) {
            let Some((id, _)) = group.first() else { continue };
            match change {
                QueueChange::Remove => gone.extend(remove_if_empty(database, *id)?),
                QueueChange::Release(_) => end_operator_hold(database, *id)?,
                _ => {}
            }
        }
        Ok((changed, gone))
    };
    let (changed, gone) = store.writer.submit(Durability::Disk, run, after).await?;
    store.remove_files(gone);
    Ok(changed)
}

fn apply(database: &Connection, (id, position): Key, change: &QueueChange) -> Result<u64> {
    let prepare = |sql| database.prepare_cached(sql).map_err(fail);
    let changed = match change {
        QueueChange::Retry(due) => {
            prepare("update recipient set due = ?3 where message = ?1 and position = ?2 and state = 0")?
                .execute((id.0, position, due))
        }
        QueueChange::Hold(error) => {
            prepare("update recipient set state = 1, error = ?3 where message = ?1 and position = ?2 and state = 0")?
                .execute((id.0, position, error))
        }
        // What a filter holds is let go by `Holds::release` alone.
        QueueChange::Release(due) => prepare(
            "update recipient set state = 0, due = ?3 where message = ?1 and position = ?2 and state = 1 \
             and not exists (select 1 from message where id = ?1 and hold_reason in (0, 1))",
        )?
        .execute((id.0, position, due)),
        QueueChange::Remove => {
            prepare("delete from recipient where message = ?1 and position = ?2")?.execute((id.0, position))
        }
        QueueChange::Reroute(route) => prepare("update recipient set route = ?3 where message = ?1 and position = ?2")?
            .execute((id.0, position, route_text(route))),
    };
    changed.map(|changed| changed as u64).map_err(fail)
}

fn end_operator_hold(database: &Connection, id: Id) -> Result<()> {
    let sql = "update message set hold_reason = null, hold_expires = null, hold_detail = null \
         where id = ?1 and hold_reason = 2 \
         and not exists (select 1 from recipient where message = ?1 and state = 1)";
    database.prepare_cached(sql).map_err(fail)?.execute(params![id.0]).map(drop).map_err(fail)
}
