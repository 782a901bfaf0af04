//! Accounts, aliases and lists in the shared database.

use async_trait::async_trait;

use super::rows::get;
use super::{Postgres, fail};
use crate::accounts::{Accounts, Entry};
use crate::{Error, Result};

const NEXT_GENERATION: &str = "update meta set value = value + 1 where name = 'generation'";

#[async_trait]
impl Accounts for Postgres {
    async fn lookup(&self, address: &str) -> Result<Option<Entry>> {
        if address.contains('\0') {
            return Ok(None);
        }
        let client = self.database.client().await?;
        let sql = "select kind, data from entry where address = $1";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        let row = client.query_opt(&statement, &[&address]).await.map_err(fail)?;
        row.map(|row| Entry::from_row(get(&row, 0)?, get(&row, 1)?)).transpose()
    }

    async fn put(&self, entry: Entry, replace: bool) -> Result<()> {
        let (address, kind, data) = entry.to_row()?;
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(fail)?;
        // The counter's row also makes changes of all nodes wait for each other.
        transaction.execute(NEXT_GENERATION, &[]).await.map_err(fail)?;
        let present = transaction.query_opt("select kind from entry where address = $1", &[&address]).await;
        let present: Option<String> = present.map_err(fail)?.map(|row| get(&row, 0)).transpose()?;
        Entry::may_put(&address, kind, present.as_deref(), replace)?;
        let sql = "insert into entry (address, kind, data) values ($1, $2, $3) \
             on conflict (address) do update set data = excluded.data";
        transaction.execute(sql, &[&address, &kind, &data]).await.map_err(fail)?;
        transaction.commit().await.map_err(fail)
    }

    async fn remove(&self, address: &str) -> Result<()> {
        let not_found = || Error::NotFound(address.to_owned());
        if address.contains('\0') {
            return Err(not_found());
        }
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(fail)?;
        transaction.execute(NEXT_GENERATION, &[]).await.map_err(fail)?;
        if transaction.execute("delete from entry where address = $1", &[&address]).await.map_err(fail)? == 0 {
            return Err(not_found());
        }
        transaction.commit().await.map_err(fail)
    }

    async fn entries(&self, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        let client = self.database.client().await?;
        let sql = "select kind, data from entry where $1::text is null or address > $1 order by address limit $2";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        let (after, limit) = (after.map(|after| after.replace('\0', "")), i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = client.query(&statement, &[&after, &limit]).await.map_err(fail)?;
        rows.iter().map(|row| Entry::from_row(get(row, 0)?, get(row, 1)?)).collect()
    }

    async fn generation(&self) -> Result<i64> {
        let client = self.database.client().await?;
        let sql = "select value from meta where name = 'generation'";
        let statement = client.prepare_cached(sql).await.map_err(fail)?;
        get(&client.query_one(&statement, &[]).await.map_err(fail)?, 0)
    }
}
