//! Filter state in the shared database. Each call is one statement or one transaction, so that
//! nodes never see half of one.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::rows::{get, unsigned};
use super::{Postgres, fail};
use crate::state::{FilterState, check_count, check_key, check_value, not_a_counter};
use crate::{Error, Result, Timestamp};

/// Keys deleted in one transaction.
const EXPIRE_BATCH: u64 = 1000;

#[async_trait]
impl FilterState for Postgres {
    async fn get_many(&self, bucket: &str, keys: &[String], now: Timestamp) -> Result<Vec<Option<Vec<u8>>>> {
        check_count(keys.len())?;
        let client = self.database.client().await?;
        let sql = "select key, coalesce(value, convert_to(number::text, 'UTF8')) from state \
             where bucket = $1 and key = any($2) and (expires is null or expires > $3)";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        let wanted: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
        let rows = client.query(&statement, &[&bucket.as_bytes(), &wanted, &now]).await.map_err(fail)?;
        let mut values: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        for row in &rows {
            values.insert(get(row, 0)?, get(row, 1)?);
        }
        Ok(keys.iter().map(|key| values.get(key.as_bytes()).cloned()).collect())
    }

    async fn set(&self, bucket: &str, key: &str, value: &[u8], expires: Option<Timestamp>) -> Result<()> {
        check_key(bucket, key)?;
        check_value(value)?;
        let client = self.database.client().await?;
        let sql = "insert into state (bucket, key, value, expires) values ($1, $2, $3, $4) on conflict (bucket, key) \
             do update set value = excluded.value, number = null, expires = excluded.expires";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&bucket.as_bytes(), &key.as_bytes(), &value, &expires];
        client.execute(&statement, &row).await.map(drop).map_err(fail)
    }

    async fn delete_key(&self, bucket: &str, key: &str) -> Result<()> {
        let client = self.database.client().await?;
        let statement =
            client.prepare_cached("delete from state where bucket = $1 and key = $2").await.map_err(fail)?;
        client.execute(&statement, &[&bucket.as_bytes(), &key.as_bytes()]).await.map(drop).map_err(fail)
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
        // One row may be changed once in a statement; sorted, so that callers never wait for each
        // other in a circle.
        let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
        for (key, delta) in deltas {
            check_key(bucket, key)?;
            let total = totals.entry(key).or_default();
            *total = total.saturating_add(*delta);
        }
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(fail)?;
        let mut sums = add(&transaction, bucket, &totals, expires, now).await?;
        transaction.commit().await.map_err(fail)?;
        // The sums after all changes, taken back to what they were, and added up in the given order.
        for (key, sum) in &mut sums {
            *sum = sum.saturating_sub(totals.get(key.as_str()).copied().unwrap_or(0));
        }
        let mut results = Vec::with_capacity(deltas.len());
        for (key, delta) in deltas {
            let sum = sums.entry(key.clone()).or_insert(0);
            *sum = sum.saturating_add(*delta);
            results.push(*sum);
        }
        Ok(results)
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
        let client = self.database.client().await?;
        let (bucket, key) = (bucket.as_bytes(), key.as_bytes());
        let changed = match expected {
            None => {
                let sql = "insert into state as present (bucket, key, value, expires) values ($1, $2, $3, $4) \
                     on conflict (bucket, key) do update \
                     set value = excluded.value, number = null, expires = excluded.expires \
                     where present.expires <= $5";
                let statement = client.prepare_cached(sql).await.map_err(fail)?;
                client.execute(&statement, &[&bucket, &key, &value, &expires, &now]).await
            }
            Some(expected) => {
                let sql = "update state set value = $3, number = null, expires = $4 \
                     where bucket = $1 and key = $2 and (expires is null or expires > $5) \
                     and coalesce(value, convert_to(number::text, 'UTF8')) = $6";
                let statement = client.prepare_cached(sql).await.map_err(fail)?;
                client.execute(&statement, &[&bucket, &key, &value, &expires, &now, &expected]).await
            }
        };
        Ok(changed.map_err(fail)? == 1)
    }

    async fn list_keys(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<String>> {
        let client = self.database.client().await?;
        let sql = "select key from state where bucket = $1 and key >= $2 and ($3::bytea is null or key < $3) \
             and ($4::bytea is null or key > $4) and (expires is null or expires > $5) order by key limit $6";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (from, to, after) = (prefix.as_bytes(), end_of_prefix(prefix), after.map(str::as_bytes));
        let rows = client.query(&statement, &[&bucket.as_bytes(), &from, &to, &after, &now, &limit]).await;
        let rows = rows.map_err(fail)?;
        let text = |row| String::from_utf8(get(row, 0)?).map_err(|error| Error::Damaged(format!("a key: {error}")));
        rows.iter().map(text).collect()
    }

    async fn bucket_size(&self, bucket: &str) -> Result<(u64, u64)> {
        let client = self.database.client().await?;
        let sql = "select count(*), coalesce(sum(octet_length(key) + coalesce(octet_length(value), 8)), 0)::bigint \
             from state where bucket = $1";
        let row = client.query_one(sql, &[&bucket.as_bytes()]).await.map_err(fail)?;
        Ok((unsigned(&row, 0)?, unsigned(&row, 1)?))
    }

    async fn expire_state(&self, now: Timestamp) -> Result<u64> {
        let sql = format!(
            "delete from state where (bucket, key) in (select bucket, key from state where expires <= $1 \
             limit {EXPIRE_BATCH} for update skip locked)"
        );
        let client = self.database.client().await?;
        let mut expired = 0;
        loop {
            let count = client.execute(&sql, &[&now]).await.map_err(fail)?;
            expired += count;
            if count < EXPIRE_BATCH {
                return Ok(expired);
            }
        }
    }
}

/// The sums of the keys after adding. A total of 0 only reads.
async fn add(
    transaction: &Transaction<'_>,
    bucket: &str,
    totals: &BTreeMap<&str, i64>,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<HashMap<String, i64>> {
    let keys: Vec<&[u8]> = totals.keys().map(|key| key.as_bytes()).collect();
    let deltas: Vec<i64> = totals.values().copied().collect();
    let sql = "insert into state as present (bucket, key, number, expires) \
         select $1, k, d, $4 from unnest($2::bytea[], $3::bigint[]) as given(k, d) where d <> 0 order by k \
         on conflict (bucket, key) do update set value = null, \
         number = case when present.expires <= $5 then excluded.number else \
         least(greatest(present.number::numeric + excluded.number, -9223372036854775808), 9223372036854775807)::bigint end, \
         expires = case when present.expires <= $5 then excluded.expires else present.expires end \
         where present.value is null or present.expires <= $5 returning key, number";
    let statement = transaction.prepare_cached(sql).await.map_err(fail)?;
    let row: [&(dyn tokio_postgres::types::ToSql + Sync); 5] = [&bucket.as_bytes(), &keys, &deltas, &expires, &now];
    let mut rows = transaction.query(&statement, &row).await.map_err(fail)?;
    if rows.len() != totals.values().filter(|total| **total != 0).count() {
        return Err(not_a_counter(bucket));
    }
    let sql = "select key, number, value is not null from state \
         where bucket = $1 and key = any($2) and (expires is null or expires > $3)";
    let statement = transaction.prepare_cached(sql).await.map_err(fail)?;
    let read: Vec<&[u8]> = totals.iter().filter(|(_, total)| **total == 0).map(|(key, _)| key.as_bytes()).collect();
    if !read.is_empty() {
        rows.extend(transaction.query(&statement, &[&bucket.as_bytes(), &read, &now]).await.map_err(fail)?);
    }
    let mut sums = HashMap::new();
    for row in &rows {
        let key = String::from_utf8(get(row, 0)?).map_err(|error| Error::Damaged(format!("a key: {error}")))?;
        let number: Option<i64> = get(row, 1)?;
        let number = number.ok_or_else(|| not_a_counter(&key))?;
        sums.insert(key, number);
    }
    Ok(sums)
}

/// The first bytes after all keys with the prefix; none: there is no end. UTF-8 has no byte 0xff.
fn end_of_prefix(prefix: &str) -> Option<Vec<u8>> {
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut()? += 1;
    Some(end)
}
