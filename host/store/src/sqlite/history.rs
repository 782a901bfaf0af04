//! The history in the embedded database. The row key grows with time, so that neither finding by
//! time nor deleting the old needs an index; the index by message grows at its right edge.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use rusqlite::Connection;

use super::writer::Durability;
use super::{Sqlite, fail};
use crate::filter::{HISTORY_FOUND_DEFAULT, HISTORY_FOUND_MAX, history_matches};
use crate::history::{History, HistoryQuery, HistoryRecord};
use crate::{Error, Result, Timestamp};

/// Records looked at in one read.
const PAGE_RECORDS_MAX: usize = 1000;
/// Records deleted in one transaction.
const EXPIRE_BATCH: usize = 1000;

/// Bits of a row key that tell records of one millisecond apart.
const SEQUENCE_BITS: u32 = 20;
const TIME_MAX: Timestamp = (1 << 42) - 1;

/// A record as its row needs it.
pub(crate) struct Record {
    key: i64,
    message: String,
    text: String,
}

impl Record {
    pub(crate) fn new(record: &HistoryRecord) -> Result<Self> {
        static SEQUENCE: AtomicI64 = AtomicI64::new(0);
        // A restart within the same millisecond must not meet the old keys.
        let salt = i64::from(std::process::id()) << 8;
        let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed).wrapping_add(salt) & ((1 << SEQUENCE_BITS) - 1);
        let text = serde_json::to_string(record).map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(Self { key: first_key(record.time) | sequence, message: record.id.clone(), text })
    }

    pub(crate) fn insert(&self, database: &Connection) -> Result<()> {
        let sql = "insert or ignore into history (key, message, record) values (?1, ?2, ?3)";
        let mut statement = database.prepare_cached(sql).map_err(fail)?;
        statement.execute((self.key, &self.message, &self.text)).map(drop).map_err(fail)
    }
}

fn first_key(time: Timestamp) -> i64 {
    time.clamp(0, TIME_MAX) << SEQUENCE_BITS
}

#[async_trait]
impl History for Sqlite {
    async fn note(&self, record: HistoryRecord) -> Result<()> {
        let record = Record::new(&record)?;
        self.writer.check_room(0).await?;
        self.writer.write(Durability::Process, move |database| record.insert(database)).await
    }

    async fn find(&self, query: &HistoryQuery) -> Result<Vec<HistoryRecord>> {
        let limit = if query.limit == 0 { HISTORY_FOUND_DEFAULT } else { query.limit.min(HISTORY_FOUND_MAX) } as usize;
        let first = query.after.map_or(0, first_key);
        let mut before = query.before.map_or(i64::MAX, first_key);
        let mut found = Vec::new();
        loop {
            let id = query.id.clone().filter(|id| !id.is_empty());
            let page = self.readers.read(move |database| page(database, id.as_deref(), first, before)).await?;
            let full = page.len() == PAGE_RECORDS_MAX;
            for (key, text) in page {
                before = key;
                let record: HistoryRecord = serde_json::from_str(&text)
                    .map_err(|error| Error::Damaged(format!("history record {key}: {error}")))?;
                if history_matches(query, &record) {
                    found.push(record);
                    if found.len() == limit {
                        return Ok(found);
                    }
                }
            }
            if !full {
                return Ok(found);
            }
        }
    }

    async fn expire_history(&self, before: Timestamp) -> Result<u64> {
        let (end, mut expired) = (first_key(before), 0);
        loop {
            let run = move |database: &Connection| {
                let sql = format!(
                    "delete from history where key in (select key from history where key < ?1 order by key limit {EXPIRE_BATCH})"
                );
                database.prepare_cached(&sql).map_err(fail)?.execute([end]).map_err(fail)
            };
            let count = self.writer.write(Durability::Process, run).await?;
            expired += count as u64;
            if count < EXPIRE_BATCH {
                return Ok(expired);
            }
        }
    }
}

/// Newest first, with keys from `first` and below `before`.
fn page(database: &Connection, id: Option<&str>, first: i64, before: i64) -> Result<Vec<(i64, String)>> {
    let which = if id.is_some() { "message = ?3 and message <> ''" } else { "?3 is null" };
    let sql = format!(
        "select key, record from history where {which} and key >= ?1 and key < ?2 \
         order by key desc limit {PAGE_RECORDS_MAX}"
    );
    let mut statement = database.prepare_cached(&sql).map_err(fail)?;
    let rows = statement.query_map((first, before, id), |row| Ok((row.get(0)?, row.get(1)?))).map_err(fail)?;
    rows.collect::<rusqlite::Result<_>>().map_err(fail)
}
