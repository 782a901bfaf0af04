//! The queue in the shared database: accept, claim, and what is shown of it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::GenericClient;

use super::rows::{self, get, unsigned};
use super::{Database, Postgres, accept, change, fail, settle};
use crate::body::{Body, CHUNK_BYTES_MAX, Chunks};
use crate::filter::Matcher;
use crate::queue::{
    Job, Lease, NewMessage, Queue, QueueChange, QueueFilter, QueuedMessage, RecipientState, Settlement,
};
use crate::{Error, Id, Result, Timestamp};

/// Takes free recipients of at most `$3` messages. Rows that another node is taking are skipped, and
/// what was read before another node's commit is read again when its lock is gone.
const CLAIM: &str = "with
    waiting as (
        select message, due from recipient where state = 0 and lease_until is null and due <= $1
        order by due, message, position limit $3 for update skip locked),
    ended as (
        select message, due from recipient where lease_until <= $2 limit $3 for update skip locked),
    chosen as (
        select message from (select * from waiting union all select * from ended) as found
        group by message order by min(due), message limit $3),
    taken as (
        select message, position from recipient where message in (select message from chosen) and state = 0
        and due <= $1 and (lease_until is null or lease_until <= $2) for update skip locked)
    update recipient set lease_node = $4, lease_until = $5 from taken
    where recipient.message = taken.message and recipient.position = taken.position returning ";

#[async_trait]
impl Queue for Postgres {
    async fn accept(&self, message: NewMessage) -> Result<()> {
        let message = accept::prepare(message).await?;
        if message.is_small() {
            return self.accepting.accept(message).await;
        }
        self.number.check()?;
        accept::store(&self.database, &[&message]).await
    }

    async fn claim(&self, now: Timestamp, limit: usize, lease: Lease) -> Result<Vec<Job>> {
        let (until, limit) = (self.number.to_database(lease.until), i64::try_from(limit).unwrap_or(i64::MAX));
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(fail)?;
        let statement = transaction.prepare_cached(&format!("{CLAIM}{}", rows::RECIPIENT)).await.map_err(fail)?;
        let taken = transaction
            .query(&statement, &[&now, &self.number.to_database(now), &limit, &plain_node(&lease.node), &until])
            .await
            .map_err(fail)?;
        let mut recipients = HashMap::new();
        for row in &taken {
            // The state is `Leased` also where the lease has ended by now.
            match rows::recipient(row, Timestamp::MIN) {
                Ok((id, recipient)) => recipients.entry(id).or_insert_with(Vec::new).push(recipient),
                Err(error) => tracing::error!(%error, "a due recipient cannot be read"),
            }
        }
        let ids: Vec<i64> = recipients.keys().map(|id| id.0).collect();
        let sql = format!("select {}, trace, content from message where id = any($1)", rows::MESSAGE);
        let statement = transaction.prepare_cached(&sql).await.map_err(fail)?;
        let mut jobs = Vec::with_capacity(ids.len());
        for row in transaction.query(&statement, &[&ids]).await.map_err(fail)? {
            let job = rows::message(&row).and_then(|mut message| {
                message.recipients = recipients.remove(&message.id).unwrap_or_default();
                message.recipients.sort_unstable_by_key(|recipient| recipient.index);
                message.recipients.iter_mut().for_each(|recipient| recipient.state = RecipientState::Leased);
                let trace: Vec<u8> = get(&row, 6)?;
                let body = self.body(message.id, message.size, &trace, get(&row, 7)?);
                Ok(Job { message: Arc::new(message), trace, body })
            });
            // What cannot be read stays claimed until its lease ends: the others go out.
            match job {
                Ok(job) => jobs.push(job),
                Err(error) => tracing::error!(%error, "a due message cannot be read"),
            }
        }
        transaction.commit().await.map_err(fail)?;
        jobs.sort_by_key(|job| {
            (job.message.recipients.iter().map(|recipient| recipient.recipient.due).min(), job.message.id)
        });
        Ok(jobs)
    }

    async fn settle(&self, node: &str, settlement: Settlement) -> Result<()> {
        settle::settle(&self.database, &plain_node(node), settlement).await
    }

    async fn renew(&self, node: &str, until: Timestamp) -> Result<()> {
        let client = self.database.client().await?;
        let sql = "update recipient set lease_until = $2 where lease_until is not null and lease_node = $1";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        let until = self.number.to_database(until);
        client.execute(&statement, &[&plain_node(node), &until]).await.map(drop).map_err(fail)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let client = self.database.client().await?;
        let sql = "select (select due from recipient where state = 0 and lease_until is null \
             order by due, message, position limit 1), \
             (select lease_until from recipient where lease_until is not null order by lease_until limit 1)";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        let row = client.query_one(&statement, &[]).await.map_err(fail)?;
        let (due, end): (Option<i64>, Option<i64>) = (get(&row, 0)?, get(&row, 1)?);
        let end = end.map(|end| self.number.to_callers(end));
        Ok([due, end].into_iter().flatten().min())
    }

    async fn list(&self, filter: &QueueFilter, after: Option<Id>, limit: usize) -> Result<Vec<QueuedMessage>> {
        let matcher = Matcher::new(filter)?;
        let (mut found, mut from) = (Vec::new(), after);
        while found.len() < limit {
            let page = change::page(self, &matcher, from).await?;
            found.extend(page.messages.into_iter().take(limit - found.len()));
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        Ok(found)
    }

    async fn show(&self, id: Id) -> Result<QueuedMessage> {
        let client = self.database.client().await?;
        let sql = format!("select {} from message where id = $1", rows::MESSAGE);
        let statement = client.prepare_cached(&sql).await.map_err(fail)?;
        let row = client.query_opt(&statement, &[&id.0]).await.map_err(fail)?;
        let mut message = rows::message(&row.ok_or_else(|| not_found(id))?)?;
        let recipients = rows::recipients(&client, id, id, self.number.database_now()).await?;
        message.recipients = recipients.into_iter().map(|(_, recipient)| recipient).collect();
        Ok(message)
    }

    async fn content(&self, id: Id) -> Result<(Vec<u8>, Body)> {
        let client = self.database.client().await?;
        let sql = "select size, trace, content from message where id = $1";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        let row = client.query_opt(&statement, &[&id.0]).await.map_err(fail)?.ok_or_else(|| not_found(id))?;
        let trace: Vec<u8> = get(&row, 1)?;
        let body = self.body(id, unsigned(&row, 0)?, &trace, get(&row, 2)?);
        Ok((trace, body))
    }

    async fn change(&self, filter: &QueueFilter, change: QueueChange) -> Result<u64> {
        change::change(self, Matcher::new(filter)?, change).await
    }

    async fn count(&self) -> Result<(u64, u64)> {
        let client = self.database.client().await?;
        let sql = "select (select count(*) from message), (select count(*) from recipient)";
        let row = client.query_one(sql, &[]).await.map_err(fail)?;
        Ok((unsigned(&row, 0)?, unsigned(&row, 1)?))
    }
}

impl Postgres {
    fn body(&self, id: Id, size: u64, trace: &[u8], content: Option<Vec<u8>>) -> Body {
        match content {
            Some(content) => Body::from_memory(Arc::new(content)),
            None => {
                let rows = ChunkRows { database: self.database.clone(), id };
                Body::from_chunks(Arc::new(rows), size.saturating_sub(trace.len() as u64))
            }
        }
    }
}

/// Names of nodes are this program's own; a NUL cannot be in one that was stored.
fn plain_node(node: &str) -> String {
    rows::plain(node)
}

pub(crate) fn not_found(id: Id) -> Error {
    Error::NotFound(format!("message {id}"))
}

struct ChunkRows {
    database: Database,
    id: Id,
}

#[async_trait]
impl Chunks for ChunkRows {
    async fn chunk(&self, offset: u64) -> Result<Vec<u8>> {
        let number = i64::try_from(offset / CHUNK_BYTES_MAX as u64).unwrap_or(i64::MAX);
        let client = self.database.client().await?;
        let sql = "select data from chunk where message = $1 and number = $2";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        let row = client.query_opt(&statement, &[&self.id.0, &number]).await.map_err(fail)?;
        get(&row.ok_or_else(|| not_found(self.id))?, 0)
    }
}
