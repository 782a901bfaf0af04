//! Held messages in the embedded database.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::writer::Durability;
use super::{Sqlite, fail, rows};
use crate::codes::hold_number;
use crate::holds::{HoldReason, Holds};
use crate::queue::QueuedMessage;
use crate::{Error, Id, Result, Timestamp};

/// Messages deleted in one transaction.
const EXPIRE_BATCH: usize = 200;

#[async_trait]
impl Holds for Sqlite {
    async fn list_held(
        &self,
        reason: Option<HoldReason>,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<QueuedMessage>> {
        let list = self.readers.read(move |database| {
            let sql = format!(
                "select {} from message where hold_reason is not null and id > ?1 \
                 and (?2 is null or hold_reason = ?2) order by id limit ?3",
                rows::MESSAGE
            );
            let mut statement = database.prepare_cached(&sql).map_err(fail)?;
            let after = after.map_or(i64::MIN, |id| id.0);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut found = statement.query((after, reason.as_ref().map(hold_number), limit)).map_err(fail)?;
            let mut messages = Vec::new();
            while let Some(row) = found.next().map_err(fail)? {
                let mut message = rows::message(row)?;
                let recipients = rows::recipients(database, message.id, message.id)?;
                message.recipients.extend(recipients.into_iter().map(|(_, recipient)| recipient));
                messages.push(message);
            }
            Ok(messages)
        });
        list.await
    }

    async fn release(&self, id: Id, now: Timestamp) -> Result<()> {
        let run = move |database: &Connection| {
            let sql = "update message set hold_reason = null, hold_expires = null, hold_detail = null \
                 where id = ?1 and hold_reason is not null";
            if database.prepare_cached(sql).map_err(fail)?.execute([id.0]).map_err(fail)? == 0 {
                return Err(not_held(id));
            }
            let sql = "update recipient set state = 0, due = ?2 where message = ?1 and state = 1";
            database.prepare_cached(sql).map_err(fail)?.execute((id.0, now)).map(drop).map_err(fail)
        };
        self.writer.write(Durability::Disk, run).await
    }

    async fn delete(&self, id: Id) -> Result<()> {
        let run = move |database: &Connection| delete(database, id)?.ok_or_else(|| not_held(id));
        let in_file = self.writer.write(Durability::Disk, run).await?;
        self.remove_files(in_file.then_some(id).into_iter().collect());
        Ok(())
    }

    async fn expire_holds(&self, now: Timestamp) -> Result<u64> {
        let mut expired = 0;
        loop {
            let run = move |database: &Connection| {
                let sql = format!(
                    "select id from message where hold_reason is not null and hold_expires <= ?1 limit {EXPIRE_BATCH}"
                );
                let mut statement = database.prepare_cached(&sql).map_err(fail)?;
                let ids: rusqlite::Result<Vec<i64>> =
                    statement.query_map([now], |row| row.get(0)).map_err(fail)?.collect();
                let (ids, mut files) = (ids.map_err(fail)?, Vec::new());
                for id in &ids {
                    if delete(database, Id(*id))? == Some(true) {
                        files.push(Id(*id));
                    }
                }
                Ok((ids.len(), files))
            };
            let (count, files) = self.writer.write(Durability::Disk, run).await?;
            self.remove_files(files);
            expired += count as u64;
            if count < EXPIRE_BATCH {
                return Ok(expired);
            }
        }
    }
}

fn not_held(id: Id) -> Error {
    Error::NotFound(format!("held message {id}"))
}

/// None if it is not held; else whether its content is a file.
fn delete(database: &Connection, id: Id) -> Result<Option<bool>> {
    let sql = "delete from message where id = ?1 and hold_reason is not null returning content is null";
    let mut statement = database.prepare_cached(sql).map_err(fail)?;
    let in_file = statement.query_row([id.0], |row| row.get(0)).optional().map_err(fail)?;
    if in_file.is_some() {
        let sql = "delete from recipient where message = ?1";
        database.prepare_cached(sql).map_err(fail)?.execute([id.0]).map_err(fail)?;
    }
    Ok(in_file)
}
