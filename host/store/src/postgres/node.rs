//! This node among the others: its number for ids, and how far its clock is from the database's.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Client;
use tokio::task::AbortHandle;

use super::{Database, fail};
use crate::clock::machine_now;
use crate::id::NODES_MAX;
use crate::{Error, Result, Timestamp};

/// How long a number stays with a node that is not heard of, in milliseconds.
const NUMBER_LEASE: i64 = 600_000;
/// How often a node is heard of.
const BEAT: Duration = Duration::from_secs(30);
/// Milliseconds of the database's clock.
const DATABASE_NOW: &str = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

#[derive(Debug)]
pub(crate) struct Number {
    number: u16,
    name: String,
    /// Milliseconds to add to this machine's time for the database's.
    offset: AtomicI64,
    /// Another node has the number: ids would meet.
    lost: AtomicBool,
    beat: Mutex<Option<AbortHandle>>,
}

impl Number {
    pub(crate) async fn take(client: &mut Client, name: &str) -> Result<Self> {
        let offset = measure(client).await?;
        let transaction = client.transaction().await.map_err(fail)?;
        transaction.execute("lock table node in exclusive mode", &[]).await.map_err(fail)?;
        let sql = format!("delete from node where until < {DATABASE_NOW}");
        transaction.execute(&sql, &[]).await.map_err(fail)?;
        let sql = format!(
            "insert into node select free, $1, {DATABASE_NOW} + $2 from generate_series(0, $3::bigint - 1) as free \
             where not exists (select 1 from node where number = free) order by free limit 1 returning number"
        );
        let name = name.replace('\0', "");
        let row = transaction.query_opt(&sql, &[&name, &NUMBER_LEASE, &i64::from(NODES_MAX)]).await.map_err(fail)?;
        let number: i64 = row.ok_or_else(|| Error::Full(format!("{NODES_MAX} nodes use the store")))?.get(0);
        transaction.commit().await.map_err(fail)?;
        let number = u16::try_from(number).map_err(|_| Error::Damaged("a node's number".to_owned()))?;
        let (lost, beat) = (AtomicBool::new(false), Mutex::new(None));
        Ok(Self { number, name, offset: AtomicI64::new(offset), lost, beat })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// A time of a caller as the database would give it.
    pub(crate) fn to_database(&self, time: Timestamp) -> Timestamp {
        time.saturating_add(self.offset.load(Ordering::Relaxed))
    }

    /// A time of the database as this machine would give it.
    pub(crate) fn to_callers(&self, time: Timestamp) -> Timestamp {
        time.saturating_sub(self.offset.load(Ordering::Relaxed))
    }

    /// The database's time now, as far as this machine knows.
    pub(crate) fn database_now(&self) -> Timestamp {
        self.to_database(machine_now())
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.lost.load(Ordering::Relaxed) {
            let number = self.number;
            return Err(Error::Unavailable(format!(
                "node number {number} went to another node while the database was away; restart the process"
            )));
        }
        Ok(())
    }

    /// Keeps the number, and measures the clocks, as long as this value lives.
    pub(crate) fn keep(self: &Arc<Self>, database: Database) {
        let node = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                let Some(node) = node.upgrade() else { return };
                if let Err(error) = node.beat(&database).await {
                    tracing::warn!(%error, "the database does not answer");
                }
            }
        });
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
    }

    async fn beat(&self, database: &Database) -> Result<()> {
        let client = database.client().await?;
        self.offset.store(measure(&client).await?, Ordering::Relaxed);
        let sql = format!(
            "insert into node values ($1, $2, {DATABASE_NOW} + $3) \
             on conflict (number) do update set until = excluded.until where node.name = excluded.name"
        );
        let ours = client.execute(&sql, &[&i64::from(self.number), &self.name, &NUMBER_LEASE]).await.map_err(fail)?;
        self.lost.store(ours == 0, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        if let Some(task) = self.beat.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

async fn measure(client: &Client) -> Result<i64> {
    let before = machine_now();
    let row = client.query_one(&format!("select {DATABASE_NOW}"), &[]).await.map_err(fail)?;
    let middle = before + (machine_now() - before) / 2;
    Ok(row.get::<_, i64>(0) - middle)
}
