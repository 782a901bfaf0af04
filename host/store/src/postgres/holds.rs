//! Held messages in the shared database.

use async_trait::async_trait;

use super::rows;
use super::settle::remove_chunks;
use super::{Postgres, fail};
use crate::codes::hold_number;
use crate::holds::{HoldReason, Holds};
use crate::queue::QueuedMessage;
use crate::{Error, Id, Result, Timestamp};

/// Messages deleted in one transaction.
const EXPIRE_BATCH: u64 = 200;

#[async_trait]
impl Holds for Postgres {
    async fn list_held(
        &self,
        reason: Option<HoldReason>,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<QueuedMessage>> {
        let client = self.database.client().await?;
        let sql = format!(
            "select {} from message where hold_reason is not null and id > $1 \
             and ($2::bigint is null or hold_reason = $2) order by id limit $3",
            rows::MESSAGE
        );
        let statement = client.prepare_cached(&sql).await.map_err(fail)?;
        let (after, limit) = (after.map_or(i64::MIN, |id| id.0), i64::try_from(limit).unwrap_or(i64::MAX));
        let found = client.query(&statement, &[&after, &reason.as_ref().map(hold_number), &limit]).await;
        let mut messages = Vec::new();
        for row in found.map_err(fail)? {
            let mut message = rows::message(&row)?;
            let recipients = rows::recipients(&client, message.id, message.id, self.number.database_now()).await?;
            message.recipients = recipients.into_iter().map(|(_, recipient)| recipient).collect();
            messages.push(message);
        }
        Ok(messages)
    }

    async fn release(&self, id: Id, now: Timestamp) -> Result<()> {
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(fail)?;
        let sql = "update message set hold_reason = null, hold_expires = null, hold_detail = null \
             where id = $1 and hold_reason is not null";
        if transaction.execute(sql, &[&id.0]).await.map_err(fail)? == 0 {
            return Err(not_held(id));
        }
        let sql = "update recipient set state = 0, due = $2 where message = $1 and state = 1";
        transaction.execute(sql, &[&id.0, &now]).await.map_err(fail)?;
        transaction.commit().await.map_err(fail)
    }

    async fn delete(&self, id: Id) -> Result<()> {
        match self.delete_held("id = $1", id.0).await? {
            0 => Err(not_held(id)),
            _ => Ok(()),
        }
    }

    async fn expire_holds(&self, now: Timestamp) -> Result<u64> {
        let which = format!(
            "id in (select id from message where hold_reason is not null and hold_expires <= $1 \
             limit {EXPIRE_BATCH} for update skip locked)"
        );
        let mut expired = 0;
        loop {
            let count = self.delete_held(&which, now).await?;
            expired += count;
            if count < EXPIRE_BATCH {
                return Ok(expired);
            }
        }
    }
}

impl Postgres {
    /// `which` is a condition on `$1`, one of the two above.
    async fn delete_held(&self, which: &str, argument: i64) -> Result<u64> {
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(fail)?;
        let sql =
            format!("delete from message where {which} and hold_reason is not null returning id, content is null");
        let gone = transaction.query(&sql, &[&argument]).await.map_err(fail)?;
        let ids: Vec<i64> = gone.iter().map(|row| row.get(0)).collect();
        transaction.execute("delete from recipient where message = any($1)", &[&ids]).await.map_err(fail)?;
        let in_chunks: Vec<i64> = gone.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect();
        remove_chunks(&transaction, &in_chunks).await?;
        transaction.commit().await.map_err(fail)?;
        Ok(ids.len() as u64)
    }
}

fn not_held(id: Id) -> Error {
    Error::NotFound(format!("held message {id}"))
}
