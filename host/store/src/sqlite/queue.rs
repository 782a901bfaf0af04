//! The queue in the embedded database: accept, claim, settle, and what is shown of it.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::accept::{self, Prepared};
use super::claims::{Key, lock};
use super::history::Record;
use super::rows::{self, damaged};
use super::writer::Durability;
use super::{Sqlite, change, fail};
use crate::body::{Body, INLINE_BYTES_MAX};
use crate::codes::HELD;
use crate::filter::Matcher;
use crate::queue::{
    Job, Lease, NewMessage, Outcome, Queue, QueueChange, QueueFilter, QueuedMessage, RecipientState, Settlement,
};
use crate::{Error, Id, Result, Timestamp};

impl Sqlite {
    /// A content file that cannot be synced stops the writer too: the disk is not to be trusted.
    pub(crate) async fn prepare(&self, message: NewMessage) -> Result<Prepared> {
        let prepared = accept::prepare(&self.bodies, message).await;
        match prepared {
            Err(error @ Error::Unavailable(_)) => {
                let again = error.clone();
                self.writer.write(Durability::Process, move |_| Err::<(), _>(again.clone())).await?;
                Err(error)
            }
            prepared => prepared,
        }
    }

    pub(crate) fn body(&self, id: Id, size: u64, trace: &[u8], content: Option<Vec<u8>>) -> Body {
        match content {
            Some(content) => Body::from_memory(Arc::new(content)),
            None => Body::from_path(self.bodies.join(id.to_string()), size.saturating_sub(trace.len() as u64)),
        }
    }

    /// Content of messages that are gone. What cannot be removed now goes at the next start.
    pub(crate) fn remove_files(&self, ids: Vec<Id>) {
        if !ids.is_empty() {
            let bodies = Arc::clone(&self.bodies);
            tokio::task::spawn_blocking(move || {
                for id in ids {
                    let _ = std::fs::remove_file(bodies.join(id.to_string()));
                }
            });
        }
    }
}

#[async_trait]
impl Queue for Sqlite {
    async fn accept(&self, message: NewMessage) -> Result<()> {
        self.writer.check_room(INLINE_BYTES_MAX as u64).await?;
        let prepared = self.prepare(message).await?;
        let file = prepared.file();
        let after = move |committed: bool| {
            if let Some(file) = file.filter(|_| committed) {
                file.committed();
            }
        };
        self.writer.submit(prepared.durability(), move |database| prepared.insert(database), after).await
    }

    async fn claim(&self, now: Timestamp, limit: usize, lease: Lease) -> Result<Vec<Job>> {
        let claims = Arc::clone(&self.claims);
        let rows = self.readers.read(move |database| {
            // The lock is held while the index is read: what a settlement or change removes
            // meanwhile is either gone from what is read, or still claimed.
            let mut claims = lock(&claims);
            let keys = due(database, now, limit, |key| claims.is_free(key, now))?;
            let node: Arc<str> = Arc::from(lease.node);
            for key in &keys {
                claims.take(*key, &node, lease.until);
            }
            Ok(keys)
        });
        let keys = rows.await?;
        self.load(keys).await
    }

    async fn settle(&self, node: &str, settlement: Settlement) -> Result<()> {
        let Settlement { id, outcomes, follow_up, history } = settlement;
        let follow_up = match follow_up {
            Some(message) => Some(self.prepare(message).await?),
            None => None,
        };
        let record = history.as_ref().map(Record::new).transpose()?;
        let positions: Vec<u32> = outcomes.iter().map(|(position, _)| *position).collect();
        if !lock(&self.claims).fix(id, &positions, node) {
            return Err(Error::Lost(format!("a recipient of message {id}")));
        }
        let durability = follow_up.as_ref().map_or(Durability::Disk, Prepared::durability);
        let (claims, file) = (Arc::clone(&self.claims), follow_up.as_ref().and_then(Prepared::file));
        let after = move |committed: bool| {
            lock(&claims).give_back(id, &positions, committed);
            if let Some(file) = file.filter(|_| committed) {
                file.committed();
            }
        };
        let run = move |database: &Connection| {
            let gone = settle(database, id, &outcomes)?;
            if let Some(message) = &follow_up {
                message.insert(database)?;
            }
            if let Some(record) = &record {
                record.insert(database)?;
            }
            Ok(gone)
        };
        let gone = self.writer.submit(durability, run, after).await?;
        self.remove_files(gone.into_iter().collect());
        Ok(())
    }

    async fn renew(&self, node: &str, until: Timestamp) -> Result<()> {
        lock(&self.claims).renew(node, until);
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let claims = Arc::clone(&self.claims);
        let next = self.readers.read(move |database| {
            let claims = lock(&claims);
            let sql = "select due, message, position from recipient where state = 0 order by due, message, position";
            let mut statement = database.prepare_cached(sql).map_err(fail)?;
            let mut rows = statement.query([]).map_err(fail)?;
            while let Some(row) = rows.next().map_err(fail)? {
                if !claims.has((Id(row.get(1).map_err(fail)?), row.get(2).map_err(fail)?)) {
                    let due: Timestamp = row.get(0).map_err(fail)?;
                    return Ok(Some(claims.first_end().map_or(due, |end| end.min(due))));
                }
            }
            Ok(claims.first_end())
        });
        next.await
    }

    async fn list(&self, filter: &QueueFilter, after: Option<Id>, limit: usize) -> Result<Vec<QueuedMessage>> {
        let (matcher, claims) = (Matcher::new(filter)?, Arc::clone(&self.claims));
        let list = self.readers.read(move |database| {
            let mut found = Vec::new();
            let mut from = after;
            while found.len() < limit {
                let page = change::page(database, &matcher, from, &claims)?;
                found.extend(page.messages.into_iter().take(limit - found.len()));
                match page.next {
                    Some(next) => from = Some(next),
                    None => break,
                }
            }
            Ok(found)
        });
        list.await
    }

    async fn show(&self, id: Id) -> Result<QueuedMessage> {
        let claims = Arc::clone(&self.claims);
        self.readers.read(move |database| change::whole(database, id, &claims)).await
    }

    async fn content(&self, id: Id) -> Result<(Vec<u8>, Body)> {
        let (size, trace, content) = self.readers.read(move |database| content(database, id)).await?;
        let body = self.body(id, size, &trace, content);
        Ok((trace, body))
    }

    async fn change(&self, filter: &QueueFilter, change: QueueChange) -> Result<u64> {
        change::change(self, Matcher::new(filter)?, change).await
    }

    async fn count(&self) -> Result<(u64, u64)> {
        let count = self.readers.read(|database| {
            let sql = "select (select count(*) from message), (select count(*) from recipient)";
            database.query_row(sql, [], |row| Ok((rows::unsigned(row, 0)?, rows::unsigned(row, 1)?))).map_err(fail)
        });
        count.await
    }
}

/// Free recipients of the first `limit` messages that have one due.
fn due(database: &Connection, now: Timestamp, limit: usize, is_free: impl Fn(Key) -> bool) -> Result<Vec<Key>> {
    let sql = "select message, position from recipient where state = 0 and due <= ?1 order by due, message, position";
    let mut statement = database.prepare_cached(sql).map_err(fail)?;
    let mut rows = statement.query([now]).map_err(fail)?;
    let (mut keys, mut messages, mut newest) = (Vec::new(), 0, None);
    while let Some(row) = rows.next().map_err(fail)? {
        let key = (Id(row.get(0).map_err(fail)?), row.get(1).map_err(fail)?);
        if !is_free(key) {
            continue;
        }
        if newest != Some(key.0) {
            if messages == limit {
                break;
            }
            messages += 1;
            newest = Some(key.0);
        }
        keys.push(key);
    }
    Ok(keys)
}

impl Sqlite {
    /// The jobs of claimed recipients. A message that cannot be read stays claimed until its lease
    /// ends, so that it does not keep the others from going out.
    async fn load(&self, mut keys: Vec<Key>) -> Result<Vec<Job>> {
        let taken = keys.clone();
        let loaded = self.readers.read(move |database| {
            // A message may have been found with several due times: its job stands at the first.
            let mut seen = HashSet::new();
            let ids: Vec<Id> = keys.iter().map(|key| key.0).filter(|id| seen.insert(*id)).collect();
            keys.sort_unstable();
            let mut jobs = Vec::with_capacity(ids.len());
            for id in ids {
                match load_one(database, id, &keys) {
                    Ok(job) => jobs.push(job),
                    Err(error @ (Error::Damaged(_) | Error::NotFound(_))) => {
                        tracing::error!(%id, %error, "a due message cannot be read");
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(jobs)
        });
        match loaded.await {
            Ok(jobs) => Ok(jobs
                .into_iter()
                .map(|(message, trace, content)| {
                    let body = self.body(message.id, message.size, &trace, content);
                    Job { message: Arc::new(message), trace, body }
                })
                .collect()),
            Err(error) => {
                let mut claims = lock(&self.claims);
                for (id, position) in taken {
                    claims.give_back(id, &[position], true);
                }
                Err(error)
            }
        }
    }
}

type Loaded = (QueuedMessage, Vec<u8>, Option<Vec<u8>>);

fn load_one(database: &Connection, id: Id, keys: &[Key]) -> Result<Loaded> {
    let mut message = read_message(database, id)?;
    for (_, mut recipient) in rows::recipients(database, id, id)? {
        if keys.binary_search(&(id, recipient.index)).is_ok() {
            recipient.state = RecipientState::Leased;
            message.recipients.push(recipient);
        }
    }
    let (_, trace, content) = content(database, id)?;
    Ok((message, trace, content))
}

pub(crate) fn read_message(database: &Connection, id: Id) -> Result<QueuedMessage> {
    let sql = format!("select {} from message where id = ?1", rows::MESSAGE);
    let mut statement = database.prepare_cached(&sql).map_err(fail)?;
    let mut rows = statement.query([id.0]).map_err(fail)?;
    let row = rows.next().map_err(fail)?.ok_or_else(|| Error::NotFound(format!("message {id}")))?;
    rows::message(row)
}

fn content(database: &Connection, id: Id) -> Result<(u64, Vec<u8>, Option<Vec<u8>>)> {
    let mut statement =
        database.prepare_cached("select size, trace, content from message where id = ?1").map_err(fail)?;
    let row = statement.query_row([id.0], |row| Ok((rows::unsigned(row, 0)?, row.get(1)?, row.get(2)?)));
    row.optional().map_err(fail)?.ok_or_else(|| Error::NotFound(format!("message {id}")))
}

/// Writes the outcomes; the id comes back if the message is gone and had its content in a file.
fn settle(database: &Connection, id: Id, outcomes: &[(u32, Outcome)]) -> Result<Option<Id>> {
    let mut done = false;
    for (position, outcome) in outcomes {
        let changed = match outcome {
            Outcome::Done => {
                done = true;
                let sql = "delete from recipient where message = ?1 and position = ?2";
                database.prepare_cached(sql).map_err(fail)?.execute((id.0, position))
            }
            Outcome::Retry { due, error, warned } => {
                let sql = "update recipient set due = ?3, error = ?4, warned = ?5, attempts = attempts + 1 \
                     where message = ?1 and position = ?2";
                database.prepare_cached(sql).map_err(fail)?.execute((id.0, position, due, error, warned))
            }
            Outcome::Release => Ok(1),
            Outcome::Later { due } => {
                let sql = "update recipient set due = ?3 where message = ?1 and position = ?2";
                database.prepare_cached(sql).map_err(fail)?.execute((id.0, position, due))
            }
            Outcome::Hold { error } => {
                let sql = "update recipient set state = ?3, error = ?4 where message = ?1 and position = ?2";
                database.prepare_cached(sql).map_err(fail)?.execute((id.0, position, HELD, error))
            }
        };
        if changed.map_err(fail)? != 1 {
            return Err(damaged(id, &"a claimed recipient is gone"));
        }
    }
    if done { remove_if_empty(database, id) } else { Ok(None) }
}

/// Removes the message if no recipient is left; the id comes back if its content is a file.
pub(crate) fn remove_if_empty(database: &Connection, id: Id) -> Result<Option<Id>> {
    let sql = "delete from message where id = ?1 \
         and not exists (select 1 from recipient where message = ?1) returning content is null";
    let mut statement = database.prepare_cached(sql).map_err(fail)?;
    let in_file = statement.query_row([id.0], |row| row.get::<_, bool>(0)).optional().map_err(fail)?;
    Ok(in_file.filter(|in_file| *in_file).map(|_| id))
}
