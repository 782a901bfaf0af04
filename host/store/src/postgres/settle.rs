//! Outcomes of claimed recipients, with what they cause, in one transaction.

use deadpool_postgres::Transaction;

use super::accept::{self, Prepared};
use super::history::{self, Record};
use super::rows::plain;
use super::{Database, fail};
use crate::queue::{Outcome, Settlement};
use crate::{Error, Id, Result};

pub(crate) async fn settle(database: &Database, node: &str, settlement: Settlement) -> Result<()> {
    let Settlement { id, outcomes, follow_up, history } = settlement;
    let follow_up = match follow_up {
        Some(message) => Some(accept::prepare(message).await?),
        None => None,
    };
    let record = history.as_ref().map(Record::new).transpose()?;
    let mut client = database.client().await?;
    let transaction = client.transaction().await.map_err(fail)?;
    write(&transaction, node, id, &outcomes, follow_up.as_ref(), record.as_ref()).await?;
    transaction.commit().await.map_err(fail)
}

async fn write(
    transaction: &Transaction<'_>,
    node: &str,
    id: Id,
    outcomes: &[(u32, Outcome)],
    follow_up: Option<&Prepared>,
    record: Option<&Record>,
) -> Result<()> {
    lock_message(transaction, id).await?;
    let mut done = Vec::new();
    for (position, outcome) in outcomes {
        let position = i64::from(*position);
        if *outcome == Outcome::Done {
            done.push(position);
        } else {
            keep(transaction, node, id, position, outcome).await?;
        }
    }
    if !done.is_empty() {
        let sql = "delete from recipient where message = $1 and position = any($2) and lease_node = $3";
        let statement = transaction.prepare_cached(sql).await.map_err(fail)?;
        let deleted = transaction.execute(&statement, &[&id.0, &done, &node]).await.map_err(fail)?;
        if deleted != done.len() as u64 {
            return Err(lost(id));
        }
        remove_if_empty(transaction, &[id.0]).await?;
    }
    if let Some(message) = follow_up {
        accept::insert(transaction, &[message]).await?;
    }
    history::insert(transaction, &record.into_iter().collect::<Vec<_>>()).await
}

/// Two nodes that settle the last recipients of a message wait for each other here: else neither
/// would see that no recipient is left.
async fn lock_message(transaction: &Transaction<'_>, id: Id) -> Result<()> {
    let statement = transaction.prepare_cached("select 1 from message where id = $1 for update").await.map_err(fail)?;
    match transaction.query_opt(&statement, &[&id.0]).await.map_err(fail)? {
        Some(_) => Ok(()),
        None => Err(lost(id)),
    }
}

async fn keep(transaction: &Transaction<'_>, node: &str, id: Id, position: i64, outcome: &Outcome) -> Result<()> {
    let (state, due, error, warned, attempts): (Option<i64>, Option<i64>, Option<String>, Option<bool>, i64) =
        match outcome {
            Outcome::Retry { due, error, warned } => (None, Some(*due), Some(plain(error)), Some(*warned), 1),
            Outcome::Hold { error } => (Some(crate::codes::HELD), None, Some(plain(error)), None, 0),
            Outcome::Later { due } => (None, Some(*due), None, None, 0),
            Outcome::Release | Outcome::Done => (None, None, None, None, 0),
        };
    let sql = "update recipient set state = coalesce($4, state), due = coalesce($5, due), \
         error = coalesce($6, error), warned = coalesce($7, warned), attempts = attempts + $8, \
         lease_node = null, lease_until = null where message = $1 and position = $2 and lease_node = $3";
    let statement = transaction.prepare_cached(sql).await.map_err(fail)?;
    let changed = transaction
        .execute(&statement, &[&id.0, &position, &node, &state, &due, &error, &warned, &attempts])
        .await
        .map_err(fail)?;
    if changed == 1 { Ok(()) } else { Err(lost(id)) }
}

/// Removes those of the messages that have no recipient left. The caller has locked them.
pub(crate) async fn remove_if_empty(transaction: &Transaction<'_>, ids: &[i64]) -> Result<()> {
    let sql = "delete from message where id = any($1) \
         and not exists (select 1 from recipient where recipient.message = message.id) returning id, content is null";
    let statement = transaction.prepare_cached(sql).await.map_err(fail)?;
    let gone = transaction.query(&statement, &[&ids]).await.map_err(fail)?;
    let in_chunks: Vec<i64> = gone.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect();
    remove_chunks(transaction, &in_chunks).await
}

pub(crate) async fn remove_chunks(transaction: &Transaction<'_>, ids: &[i64]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let statement = transaction.prepare_cached("delete from chunk where message = any($1)").await.map_err(fail)?;
    transaction.execute(&statement, &[&ids]).await.map(drop).map_err(fail)
}

fn lost(id: Id) -> Error {
    Error::Lost(format!("a recipient of message {id}"))
}
