//! Listing the queue page by page, and the changes that operators make to what is listed.

use deadpool_postgres::Transaction;

use super::rows::{self, plain};
use super::settle::remove_if_empty;
use super::{Postgres, fail};
use crate::filter::Matcher;
use crate::queue::{QueueChange, QueuedMessage};
use crate::{Error, Id, Result};

/// Messages looked at in one read.
const PAGE_MESSAGES_MAX: i64 = 256;

pub(crate) struct Page {
    pub(crate) messages: Vec<QueuedMessage>,
    /// Where the next page begins; none: this was the last one.
    pub(crate) next: Option<Id>,
}

/// Matching messages with their matching recipients.
pub(crate) async fn page(store: &Postgres, matcher: &Matcher, after: Option<Id>) -> Result<Page> {
    let client = store.database.client().await?;
    let sql = format!(
        "select {} from message where id > $1 and ($2::bigint is null or id = $2) order by id limit $3",
        rows::MESSAGE
    );
    let statement = client.prepare_cached(&sql).await.map_err(fail)?;
    let after = after.map_or(i64::MIN, |id| id.0);
    let after = matcher.id.map_or(after, |id| after.max(id.0.saturating_sub(1)));
    let found = client.query(&statement, &[&after, &matcher.id.map(|id| id.0), &PAGE_MESSAGES_MAX]).await;
    let (mut messages, mut seen, mut last) = (Vec::new(), 0, None);
    for row in found.map_err(fail)? {
        let message = rows::message(&row)?;
        seen += 1;
        last = Some(message.id);
        if matcher.message(message.id, &message.envelope) {
            messages.push(message);
        }
    }
    if let (Some(first), Some(last)) = (messages.first(), messages.last()) {
        let now = store.number.database_now();
        for (id, recipient) in rows::recipients(&client, first.id, last.id, now).await? {
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

pub(crate) async fn change(store: &Postgres, matcher: Matcher, change: QueueChange) -> Result<u64> {
    let (mut changed, mut from) = (0, None);
    loop {
        let page = page(store, &matcher, from).await?;
        if !page.messages.is_empty() {
            let mut client = store.database.client().await?;
            let transaction = client.transaction().await.map_err(fail)?;
            changed += apply(&transaction, &page.messages, &change, store.number.database_now()).await?;
            transaction.commit().await.map_err(fail)?;
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(changed),
        }
    }
}

/// Leases are looked at again: a node may have claimed since the page was read.
async fn apply(
    transaction: &Transaction<'_>,
    messages: &[QueuedMessage],
    change: &QueueChange,
    now: i64,
) -> Result<u64> {
    let ids: Vec<i64> = messages.iter().map(|message| message.id.0).collect();
    // As a settlement does: message before recipients, in order of ids.
    let sql = "select id from message where id = any($1) order by id for update";
    let statement = transaction.prepare_cached(sql).await.map_err(fail)?;
    transaction.query(&statement, &[&ids]).await.map_err(fail)?;
    let (mut keys, mut positions, mut datas) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        for queued in &message.recipients {
            keys.push(message.id.0);
            positions.push(i64::from(queued.index));
            if let QueueChange::Reroute(route) = change {
                let mut recipient = queued.recipient.clone();
                recipient.route.clone_from(route);
                datas.push(serde_json::to_string(&recipient).map_err(|error| Error::Invalid(error.to_string()))?);
            }
        }
    }
    const WHICH: &str = "from unnest($1::bigint[], $2::bigint[]) as these(m, p) where message = m and position = p \
         and (lease_until is null or lease_until <= $3)";
    const FREE: &str = "lease_node = null, lease_until = null";
    let changed = match change {
        QueueChange::Retry(due) => {
            let sql = format!("update recipient set due = $4, {FREE} {WHICH} and state = 0");
            transaction.execute(&sql, &[&keys, &positions, &now, due]).await
        }
        QueueChange::Hold(error) => {
            let sql = format!("update recipient set state = 1, error = $4, {FREE} {WHICH} and state = 0");
            transaction.execute(&sql, &[&keys, &positions, &now, &plain(error)]).await
        }
        // What a filter holds is let go by `Holds::release` alone.
        QueueChange::Release(due) => {
            let sql = format!(
                "update recipient set state = 0, due = $4, {FREE} {WHICH} and state = 1 \
                 and not exists (select 1 from message where id = m and hold_reason in (0, 1))"
            );
            transaction.execute(&sql, &[&keys, &positions, &now, due]).await
        }
        QueueChange::Remove => {
            let sql = format!("delete from recipient {}", WHICH.replacen("from", "using", 1));
            transaction.execute(&sql, &[&keys, &positions, &now]).await
        }
        QueueChange::Reroute(_) => {
            let sql = "update recipient set data = d \
                 from unnest($1::bigint[], $2::bigint[], $4::text[]) as these(m, p, d) \
                 where message = m and position = p and (lease_until is null or lease_until <= $3)";
            transaction.execute(sql, &[&keys, &positions, &now, &datas]).await
        }
    };
    match change {
        QueueChange::Remove => remove_if_empty(transaction, &ids).await?,
        QueueChange::Release(_) => end_operator_hold(transaction, &ids).await?,
        _ => {}
    }
    changed.map_err(fail)
}

async fn end_operator_hold(transaction: &Transaction<'_>, ids: &[i64]) -> Result<()> {
    let sql = "update message set hold_reason = null, hold_expires = null, hold_detail = null \
         where id = any($1) and hold_reason = 2 \
         and not exists (select 1 from recipient where recipient.message = message.id and state = 1)";
    transaction.execute(sql, &[&ids]).await.map(drop).map_err(fail)
}
