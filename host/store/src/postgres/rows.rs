//! Rows to values and back. What cannot be right is `Damaged`, never guessed.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::fail;
use crate::codes::{HELD, QUEUED, hold_reason};
use crate::holds::NewHold;
use crate::queue::{NewRecipient, QueuedMessage, QueuedRecipient, RecipientState};
use crate::{Error, Id, Result, Timestamp};

/// Columns of a message without trace and content, in the order `message` reads them.
pub(crate) const MESSAGE: &str = "id, envelope, size, hold_reason, hold_expires, hold_detail";

pub(crate) fn message(row: &Row) -> Result<QueuedMessage> {
    let id = Id(get(row, 0)?);
    let envelope = serde_json::from_str(get::<&str>(row, 1)?).map_err(|error| damaged(id, &error))?;
    let hold = match get::<Option<i64>>(row, 3)? {
        None => None,
        Some(reason) => Some(NewHold {
            reason: hold_reason(reason).ok_or_else(|| damaged(id, &"unknown reason of a hold"))?,
            expires: get(row, 4)?,
            detail: get::<Option<String>>(row, 5)?.unwrap_or_default(),
        }),
    };
    let size = u64::try_from(get::<i64>(row, 2)?).map_err(|error| damaged(id, &error))?;
    Ok(QueuedMessage { id, envelope, size, recipients: Vec::new(), hold })
}

/// Columns of a recipient in the order `recipient` reads them.
pub(crate) const RECIPIENT: &str = "recipient.message, recipient.position, state, due, expires, attempts, warned, \
     data, error, lease_until";

/// `now` in the database's time tells which leases stand.
pub(crate) fn recipient(row: &Row, now: Timestamp) -> Result<(Id, QueuedRecipient)> {
    let id = Id(get(row, 0)?);
    let mut recipient: NewRecipient =
        serde_json::from_str(get::<&str>(row, 7)?).map_err(|error| damaged(id, &error))?;
    recipient.due = get(row, 3)?;
    recipient.expires = get(row, 4)?;
    let leased = get::<Option<i64>>(row, 9)?.is_some_and(|until| until > now);
    let state = match get::<i64>(row, 2)? {
        QUEUED if leased => RecipientState::Leased,
        QUEUED => RecipientState::Queued,
        HELD => RecipientState::Held,
        _ => return Err(damaged(id, &"unknown state of a recipient")),
    };
    let small = |column| u32::try_from(get::<i64>(row, column)?).map_err(|error| damaged(id, &error));
    let queued = QueuedRecipient {
        index: small(1)?,
        recipient,
        state,
        attempts: small(5)?,
        last_error: get::<Option<String>>(row, 8)?.unwrap_or_default(),
        warned: get(row, 6)?,
    };
    Ok((id, queued))
}

/// Recipients of messages `first..=last`, in order of message and position.
pub(crate) async fn recipients(
    client: &impl GenericClient,
    first: Id,
    last: Id,
    now: Timestamp,
) -> Result<Vec<(Id, QueuedRecipient)>> {
    let sql = format!("select {RECIPIENT} from recipient where message between $1 and $2 order by message, position");
    let statement = client.prepare_cached(&sql).await.map_err(fail)?;
    let rows = client.query(&statement, &[&first.0, &last.0]).await.map_err(fail)?;
    rows.iter().map(|row| recipient(row, now)).collect()
}

pub(crate) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, column: usize) -> Result<T> {
    row.try_get(column).map_err(|error| Error::Damaged(format!("a value of the database: {error}")))
}

pub(crate) fn unsigned(row: &Row, column: usize) -> Result<u64> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| Error::Damaged("a count below zero".to_owned()))
}

pub(crate) fn damaged(id: Id, what: &dyn std::fmt::Display) -> Error {
    Error::Damaged(format!("message {id}: {what}"))
}

/// A string for a text column, for what people read and nobody compares.
pub(crate) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
