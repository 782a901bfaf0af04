//! The front door: opens the backend that the configuration names.

use std::path::Path;
use std::sync::Arc;

use crate::error::blocking;
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::{Ids, Result, Store};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// In the data folder; one process owns it.
    Sqlite,
    /// Shared by many nodes.
    Postgres { url: String },
}

/// An open store, and the ids that belong to this process of it.
pub struct Opened {
    pub store: Arc<dyn Store>,
    pub ids: Ids,
}

/// Opens the store and brings its schema up to date. `node`: a name that no other living process
/// uses (host name and process id). `InUse` where another process owns the store, `Invalid` where
/// it was written by a newer version, `Unavailable` where the database does not answer.
pub async fn open(backend: &Backend, data_dir: &Path, node: &str) -> Result<Opened> {
    match backend {
        Backend::Sqlite => {
            let folder = data_dir.to_owned();
            let store = blocking(move || Sqlite::open(&folder)).await?;
            let ids = Ids::after(0, store.newest_id());
            Ok(Opened { store: Arc::new(store), ids })
        }
        Backend::Postgres { url } => {
            let store = Postgres::open(url, node).await?;
            let ids = Ids::after(store.node_number(), store.newest_id());
            Ok(Opened { store: Arc::new(store), ids })
        }
    }
}
