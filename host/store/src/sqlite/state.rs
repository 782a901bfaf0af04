//! Filter state in the embedded database. Not synced by itself: counters may lose the last moments
//! at power loss, but not by kill -9.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::rows::unsigned;
use super::writer::Durability;
use super::{Sqlite, fail};
use crate::state::{FilterState, check_count, check_key, check_value, counter_text, not_a_counter};
use crate::{Result, Timestamp};

/// Keys deleted in one transaction.
const EXPIRE_BATCH: usize = 1000;

#[async_trait]
impl FilterState for Sqlite {
    async fn get_many(&self, bucket: &str, keys: &[String], now: Timestamp) -> Result<Vec<Option<Vec<u8>>>> {
        check_count(keys.len())?;
        let (bucket, keys) = (bucket.to_owned(), keys.to_owned());
        self.readers.read(move |database| keys.iter().map(|key| get(database, &bucket, key, now)).collect()).await
    }

    async fn set(&self, bucket: &str, key: &str, value: &[u8], expires: Option<Timestamp>) -> Result<()> {
        check_key(bucket, key)?;
        check_value(value)?;
        self.writer.check_room(0).await?;
        let (bucket, key, value) = (bucket.to_owned(), key.to_owned(), value.to_owned());
        self.writer.write(Durability::Process, move |database| set(database, &bucket, &key, &value, expires)).await
    }

    async fn delete_key(&self, bucket: &str, key: &str) -> Result<()> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let run = move |database: &Connection| {
            let sql = "delete from state where bucket = ?1 and key = ?2";
            database.prepare_cached(sql).map_err(fail)?.execute((&bucket, &key)).map(drop).map_err(fail)
        };
        self.writer.write(Durability::Process, run).await
    }

    async fn increment(
        &self,
        bucket: &str,
        key: &str,
        delta: i64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<i64> {
        let sums = self.increment_many(bucket, &[(key.to_owned(), delta)], expires, now).await?;
        Ok(sums.first().copied().unwrap_or(0))
    }

    async fn increment_many(
        &self,
        bucket: &str,
        deltas: &[(String, i64)],
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<i64>> {
        check_count(deltas.len())?;
        deltas.iter().try_for_each(|(key, _)| check_key(bucket, key))?;
        self.writer.check_room(0).await?;
        let (bucket, deltas) = (bucket.to_owned(), deltas.to_owned());
        let run = move |database: &Connection| {
            let add = |(key, delta): &(String, i64)| increment(database, &bucket, key, *delta, expires, now);
            deltas.iter().map(add).collect()
        };
        self.writer.write(Durability::Process, run).await
    }

    async fn compare_and_set(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        check_key(bucket, key)?;
        check_value(value)?;
        self.writer.check_room(0).await?;
        let (bucket, key, value) = (bucket.to_owned(), key.to_owned(), value.to_owned());
        let expected = expected.map(<[u8]>::to_owned);
        let run = move |database: &Connection| {
            let same = get(database, &bucket, &key, now)? == expected;
            if same {
                set(database, &bucket, &key, &value, expires)?;
            }
            Ok(same)
        };
        self.writer.write(Durability::Process, run).await
    }

    async fn list_keys(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<String>> {
        let (bucket, prefix, after) = (bucket.to_owned(), prefix.to_owned(), after.map(str::to_owned));
        let list = self.readers.read(move |database| {
            let sql = "select key from state where bucket = ?1 and key >= ?2 and (?3 is null or key > ?3) \
                 and (expires is null or expires > ?4) order by key";
            let mut statement = database.prepare_cached(sql).map_err(fail)?;
            let mut rows = statement.query((&bucket, &prefix, &after, now)).map_err(fail)?;
            let mut keys = Vec::new();
            while keys.len() < limit {
                let Some(row) = rows.next().map_err(fail)? else { break };
                let key: String = row.get(0).map_err(fail)?;
                // Keys with the prefix stand together.
                if !key.starts_with(&prefix) {
                    break;
                }
                keys.push(key);
            }
            Ok(keys)
        });
        list.await
    }

    async fn bucket_size(&self, bucket: &str) -> Result<(u64, u64)> {
        let bucket = bucket.to_owned();
        let size = self.readers.read(move |database| {
            let sql = "select count(*), coalesce(sum(octet_length(key) + coalesce(length(value), 8)), 0) \
                 from state where bucket = ?1";
            let mut statement = database.prepare_cached(sql).map_err(fail)?;
            statement.query_row([bucket], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?))).map_err(fail)
        });
        size.await
    }

    async fn expire_state(&self, now: Timestamp) -> Result<u64> {
        let mut expired = 0;
        loop {
            let run = move |database: &Connection| {
                let sql = format!(
                    "delete from state where (bucket, key) in \
                     (select bucket, key from state where expires <= ?1 limit {EXPIRE_BATCH})"
                );
                database.prepare_cached(&sql).map_err(fail)?.execute([now]).map_err(fail)
            };
            let count = self.writer.write(Durability::Process, run).await?;
            expired += count as u64;
            if count < EXPIRE_BATCH {
                return Ok(expired);
            }
        }
    }
}

type Columns = (Option<Vec<u8>>, Option<i64>, Option<Timestamp>);

/// Value, number and expiry of a key that has not expired.
fn row(database: &Connection, bucket: &str, key: &str, now: Timestamp) -> Result<Option<Columns>> {
    let sql = "select value, number, expires from state where bucket = ?1 and key = ?2 \
         and (expires is null or expires > ?3)";
    let mut statement = database.prepare_cached(sql).map_err(fail)?;
    let row = statement.query_row((bucket, key, now), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    row.optional().map_err(fail)
}

fn get(database: &Connection, bucket: &str, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
    let row = row(database, bucket, key, now)?;
    Ok(row.and_then(|(value, number, _)| value.or_else(|| number.map(counter_text))))
}

fn set(database: &Connection, bucket: &str, key: &str, value: &[u8], expires: Option<Timestamp>) -> Result<()> {
    let sql = "insert or replace into state (bucket, key, value, number, expires) values (?1, ?2, ?3, null, ?4)";
    database.prepare_cached(sql).map_err(fail)?.execute((bucket, key, value, expires)).map(drop).map_err(fail)
}

fn increment(
    database: &Connection,
    bucket: &str,
    key: &str,
    delta: i64,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<i64> {
    let (number, expires) = match row(database, bucket, key, now)? {
        Some((Some(_), _, _)) => return Err(not_a_counter(key)),
        Some((None, number, expires)) => (number.unwrap_or(0), expires),
        None => (0, expires),
    };
    let sum = number.saturating_add(delta);
    if delta != 0 {
        let sql = "insert or replace into state (bucket, key, value, number, expires) values (?1, ?2, null, ?3, ?4)";
        database.prepare_cached(sql).map_err(fail)?.execute((bucket, key, sum, expires)).map_err(fail)?;
    }
    Ok(sum)
}
