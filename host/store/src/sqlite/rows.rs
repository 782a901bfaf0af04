//! Rows to values and back. What cannot be right is `Damaged`, never guessed.

use rusqlite::{Connection, Row};

use super::fail;
use crate::codes::{HELD, QUEUED, hold_reason, route_from_text};
use crate::holds::NewHold;
use crate::queue::{Envelope, NewRecipient, QueuedMessage, QueuedRecipient, RecipientState};
use crate::{Error, Id, Result};

/// Columns of a message without its content, in the order `message` reads them.
pub(crate) const MESSAGE: &str = "id, envelope, size, hold_reason, hold_expires, hold_detail";

pub(crate) fn message(row: &Row<'_>) -> Result<QueuedMessage> {
    let id = Id(row.get(0).map_err(fail)?);
    let envelope = row.get_ref(1).map_err(fail)?.as_str().map_err(|error| damaged(id, &error))?;
    let envelope: Envelope = serde_json::from_str(envelope).map_err(|error| damaged(id, &error))?;
    let hold = match row.get::<_, Option<i64>>(3).map_err(fail)? {
        None => None,
        Some(reason) => Some(NewHold {
            reason: hold_reason(reason).ok_or_else(|| damaged(id, &"unknown reason of a hold"))?,
            expires: row.get(4).map_err(fail)?,
            detail: row.get::<_, Option<String>>(5).map_err(fail)?.unwrap_or_default(),
        }),
    };
    let size = row.get::<_, i64>(2).map_err(fail)?;
    let size = u64::try_from(size).map_err(|error| damaged(id, &error))?;
    Ok(QueuedMessage { id, envelope, size, recipients: Vec::new(), hold })
}

/// Columns of a recipient in the order `recipient` reads them.
pub(crate) const RECIPIENT: &str = "message, position, state, due, expires, attempts, warned, address, original, \
     route, sender, notify, orcpt, error";

pub(crate) fn recipient(row: &Row<'_>) -> Result<(Id, QueuedRecipient)> {
    let id = Id(row.get(0).map_err(fail)?);
    let address: String = row.get(7).map_err(fail)?;
    let route: String = row.get(9).map_err(fail)?;
    let recipient = NewRecipient {
        original: row.get::<_, Option<String>>(8).map_err(fail)?.unwrap_or_else(|| address.clone()),
        address,
        route: route_from_text(&route).ok_or_else(|| damaged(id, &"unknown route"))?,
        sender: row.get(10).map_err(fail)?,
        notify: row.get(11).map_err(fail)?,
        orcpt: row.get(12).map_err(fail)?,
        due: row.get(3).map_err(fail)?,
        expires: row.get(4).map_err(fail)?,
    };
    let state = match row.get::<_, i64>(2).map_err(fail)? {
        QUEUED => RecipientState::Queued,
        HELD => RecipientState::Held,
        _ => return Err(damaged(id, &"unknown state of a recipient")),
    };
    let queued = QueuedRecipient {
        index: row.get(1).map_err(fail)?,
        recipient,
        state,
        attempts: row.get(5).map_err(fail)?,
        last_error: row.get::<_, Option<String>>(13).map_err(fail)?.unwrap_or_default(),
        warned: row.get(6).map_err(fail)?,
    };
    Ok((id, queued))
}

/// Recipients of messages `first..=last`, in order of message and position.
pub(crate) fn recipients(database: &Connection, first: Id, last: Id) -> Result<Vec<(Id, QueuedRecipient)>> {
    let sql = format!("select {RECIPIENT} from recipient where message between ?1 and ?2 order by message, position");
    let mut statement = database.prepare_cached(&sql).map_err(fail)?;
    let mut rows = statement.query((first.0, last.0)).map_err(fail)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fail)? {
        found.push(recipient(row)?);
    }
    Ok(found)
}

pub(crate) fn damaged(id: Id, what: &dyn std::fmt::Display) -> Error {
    Error::Damaged(format!("message {id}: {what}"))
}

/// A count or size.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
