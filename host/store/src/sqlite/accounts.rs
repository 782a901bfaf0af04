//! Accounts, aliases and lists in the embedded database.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::writer::Durability;
use super::{Sqlite, fail};
use crate::accounts::{Accounts, Entry};
use crate::{Error, Result};

#[async_trait]
impl Accounts for Sqlite {
    async fn lookup(&self, address: &str) -> Result<Option<Entry>> {
        let address = address.to_owned();
        let row = self.readers.read(move |database| {
            let sql = "select kind, data from entry where address = ?1";
            let mut statement = database.prepare_cached(sql).map_err(fail)?;
            let row = statement.query_row([address], |row| Ok((row.get(0)?, row.get(1)?)));
            row.optional().map_err(fail)
        });
        let row: Option<(String, String)> = row.await?;
        row.map(|(kind, data)| Entry::from_row(&kind, &data)).transpose()
    }

    async fn put(&self, entry: Entry, replace: bool) -> Result<()> {
        let (address, kind, data) = entry.to_row()?;
        let run = move |database: &Connection| {
            let sql = "select kind from entry where address = ?1";
            let mut statement = database.prepare_cached(sql).map_err(fail)?;
            let present: Option<String> = statement.query_row([&address], |row| row.get(0)).optional().map_err(fail)?;
            Entry::may_put(&address, kind, present.as_deref(), replace)?;
            let sql = "insert or replace into entry (address, kind, data) values (?1, ?2, ?3)";
            database.prepare_cached(sql).map_err(fail)?.execute((&address, kind, &data)).map_err(fail)?;
            next_generation(database)
        };
        self.change_entries(run).await
    }

    async fn remove(&self, address: &str) -> Result<()> {
        let address = address.to_owned();
        let run = move |database: &Connection| {
            let sql = "delete from entry where address = ?1";
            if database.prepare_cached(sql).map_err(fail)?.execute([&address]).map_err(fail)? == 0 {
                return Err(Error::NotFound(address.clone()));
            }
            next_generation(database)
        };
        self.change_entries(run).await
    }

    async fn entries(&self, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        let (after, limit) = (after.map(str::to_owned), i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = self.readers.read(move |database| {
            let sql = "select kind, data from entry where ?1 is null or address > ?1 order by address limit ?2";
            let mut statement = database.prepare_cached(sql).map_err(fail)?;
            let rows = statement.query_map((after, limit), |row| Ok((row.get(0)?, row.get(1)?))).map_err(fail)?;
            rows.collect::<rusqlite::Result<Vec<(String, String)>>>().map_err(fail)
        });
        rows.await?.iter().map(|(kind, data)| Entry::from_row(kind, data)).collect()
    }

    /// From memory: this process makes all changes.
    async fn generation(&self) -> Result<i64> {
        Ok(self.generation.load(Ordering::Acquire))
    }
}

impl Sqlite {
    async fn change_entries(&self, run: impl FnMut(&Connection) -> Result<i64> + Send + 'static) -> Result<()> {
        let generation = self.writer.write(Durability::Disk, run).await?;
        Arc::clone(&self.generation).fetch_max(generation, Ordering::AcqRel);
        Ok(())
    }
}

pub(crate) fn read_generation(database: &Connection) -> Result<i64> {
    database.query_row("select value from meta where name = 'generation'", [], |row| row.get(0)).map_err(fail)
}

fn next_generation(database: &Connection) -> Result<i64> {
    let sql = "update meta set value = value + 1 where name = 'generation' returning value";
    database.prepare_cached(sql).map_err(fail)?.query_row([], |row| row.get(0)).map_err(fail)
}
