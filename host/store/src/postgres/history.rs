//! The history in the shared database.

use async_trait::async_trait;
use deadpool_postgres::GenericClient;

use super::rows::get;
use super::{Postgres, fail};
use crate::filter::{HISTORY_FOUND_DEFAULT, HISTORY_FOUND_MAX, history_matches};
use crate::history::{History, HistoryQuery, HistoryRecord};
use crate::{Error, Result, Timestamp};

/// Records looked at in one read.
const PAGE_RECORDS_MAX: i64 = 1000;
/// Records deleted in one transaction.
const EXPIRE_BATCH: u64 = 1000;

/// A record as its row needs it.
pub(crate) struct Record {
    time: Timestamp,
    message: Vec<u8>,
    text: String,
}

impl Record {
    pub(crate) fn new(record: &HistoryRecord) -> Result<Self> {
        let text = serde_json::to_string(record).map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(Self { time: record.time, message: record.id.clone().into_bytes(), text })
    }
}

pub(crate) async fn insert(client: &impl GenericClient, records: &[&Record]) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let times: Vec<i64> = records.iter().map(|record| record.time).collect();
    let messages: Vec<&[u8]> = records.iter().map(|record| record.message.as_slice()).collect();
    let texts: Vec<&str> = records.iter().map(|record| record.text.as_str()).collect();
    let sql = "insert into history (time, message, record) select * from unnest($1::bigint[], $2::bytea[], $3::text[])";
    let statement = client.prepare_cached(sql).await.map_err(fail)?;
    client.execute(&statement, &[&times, &messages, &texts]).await.map(drop).map_err(fail)
}

#[async_trait]
impl History for Postgres {
    /// Not synced: `synchronous_commit` is off for this one statement.
    async fn note(&self, record: HistoryRecord) -> Result<()> {
        let record = Record::new(&record)?;
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(fail)?;
        transaction.batch_execute("set local synchronous_commit = off").await.map_err(fail)?;
        insert(&transaction, &[&record]).await?;
        transaction.commit().await.map_err(fail)
    }

    async fn find(&self, query: &HistoryQuery) -> Result<Vec<HistoryRecord>> {
        let limit = if query.limit == 0 { HISTORY_FOUND_DEFAULT } else { query.limit.min(HISTORY_FOUND_MAX) } as usize;
        let message = query.id.clone().filter(|id| !id.is_empty()).map(String::into_bytes);
        let which = if message.is_some() { "message = $5 and message <> ''" } else { "$5::bytea is null" };
        let sql = format!(
            "select time, number, record from history where {which} and time >= $1 and time <= $2 \
             and (time, number) < ($2, $3) order by time desc, number desc limit $4"
        );
        let client = self.database.client().await?;
        let statement = client.prepare_cached(&sql).await.map_err(fail)?;
        let first = query.after.unwrap_or(i64::MIN);
        let (mut before, mut number) = (query.before.unwrap_or(i64::MAX), i64::MIN);
        if query.before.is_none() {
            number = i64::MAX;
        }
        let mut found = Vec::new();
        loop {
            let page = client.query(&statement, &[&first, &before, &number, &PAGE_RECORDS_MAX, &message]).await;
            let page = page.map_err(fail)?;
            for row in &page {
                (before, number) = (get(row, 0)?, get(row, 1)?);
                let record: HistoryRecord = serde_json::from_str(get(row, 2)?)
                    .map_err(|error| Error::Damaged(format!("history record {number}: {error}")))?;
                if history_matches(query, &record) {
                    found.push(record);
                    if found.len() == limit {
                        return Ok(found);
                    }
                }
            }
            if (page.len() as i64) < PAGE_RECORDS_MAX {
                return Ok(found);
            }
        }
    }

    async fn expire_history(&self, before: Timestamp) -> Result<u64> {
        let sql = format!(
            "delete from history where (time, number) in (select time, number from history where time < $1 \
             order by time, number limit {EXPIRE_BATCH} for update skip locked)"
        );
        let client = self.database.client().await?;
        let mut expired = 0;
        loop {
            let count = client.execute(&sql, &[&before]).await.map_err(fail)?;
            expired += count;
            if count < EXPIRE_BATCH {
                return Ok(expired);
            }
        }
    }
}
