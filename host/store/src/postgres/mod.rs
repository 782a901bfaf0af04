//! The shared backend: many nodes on one PostgreSQL. Work is claimed with `for update skip locked`
//! and leases; content is in the database, so that any node can deliver.
//!
//! Leases are in the database's time: each node measures how far its own clock is from it and shifts
//! the times its callers give. So a node with a wrong clock neither steals work nor loses its own.

mod accept;
mod accounts;
mod change;
mod connect;
mod history;
mod holds;
mod node;
mod queue;
mod rows;
mod schema;
mod settle;
mod state;

use std::sync::Arc;

use deadpool_postgres::{Client, Pool, PoolError};
use tokio_postgres::error::SqlState;

use self::accept::Accepting;
use self::node::Number;
use crate::{Error, Id, Result};

#[derive(Debug)]
pub struct Postgres {
    database: Database,
    accepting: Accepting,
    number: Arc<Number>,
    newest_id: Option<Id>,
}

/// The pool, as all parts of the backend use it.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool,
}

impl Postgres {
    /// Connects, brings the schema up to date and takes a number for this node's ids.
    pub async fn open(url: &str, node: &str) -> Result<Self> {
        let database = Database { pool: connect::pool(url)? };
        let mut client = database.client().await?;
        schema::migrate(&mut client).await?;
        let number = Number::take(&mut client, node).await?;
        let row = client.query_one("select max(id) from message", &[]).await.map_err(fail)?;
        let newest_id = row.get::<_, Option<i64>>(0).map(Id);
        drop(client);
        let number = Arc::new(number);
        number.keep(database.clone());
        Ok(Self { accepting: Accepting::start(database.clone(), Arc::clone(&number)), database, number, newest_id })
    }

    /// Among the nodes of the store, for `Ids`.
    pub fn node_number(&self) -> u16 {
        self.number.number()
    }

    /// The newest message at the time of opening.
    pub fn newest_id(&self) -> Option<Id> {
        self.newest_id
    }
}

impl Database {
    pub(crate) async fn client(&self) -> Result<Client> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => away(&error),
            error => Error::Unavailable(cause(&error)),
        })
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}

/// Why there is no connection.
fn away(error: &tokio_postgres::Error) -> Error {
    let mut text = format!("the database: {}", cause(error));
    if text.contains("invalid peer certificate") {
        text.push_str(
            "; name its authority with sslrootcert=FILE in the URL, or use sslmode=disable on a network you trust",
        );
    }
    Error::Unavailable(text)
}

/// The whole chain of an error: the driver's outermost text says little.
fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text = format!("{text}: {inner}");
        }
        next = error.source();
    }
    text
}

/// What an error of the database means for the caller.
fn fail(error: tokio_postgres::Error) -> Error {
    let text = cause(&error);
    let Some(code) = error.code() else { return Error::Unavailable(text) };
    match code {
        &SqlState::DISK_FULL => Error::Full(text),
        &SqlState::UNIQUE_VIOLATION => Error::Exists(text),
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => Error::Damaged(text),
        code if code.code().starts_with("54") => Error::LimitExceeded(text),
        // A string that the database cannot hold.
        code if code.code().starts_with("22") => Error::Invalid(text),
        _ => Error::Unavailable(text),
    }
}
