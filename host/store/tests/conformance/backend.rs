//! The backends under test, and how each gets a new, empty store.

use std::pin::Pin;
use std::sync::Arc;

use postwarden_store::{Drafts, Ids, Opened, Store, open};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::postgres_server::Server;

pub(crate) type Scenario<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

pub(crate) struct Bench {
    pub(crate) backend: Backend,
    pub(crate) drafts: Drafts,
    pub(crate) ids: Ids,
    folder: TempDir,
    first: Mutex<Option<Arc<dyn Store>>>,
    second: Mutex<Option<Arc<dyn Store>>>,
    settings: postwarden_store::Backend,
}

impl Bench {
    /// None where the backend cannot run here.
    pub(crate) fn new(backend: Backend, runtime: &tokio::runtime::Runtime) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let settings = match backend {
            Backend::Sqlite => postwarden_store::Backend::Sqlite,
            Backend::Postgres => {
                postwarden_store::Backend::Postgres { url: runtime.block_on(Server::shared()?.new_store()) }
            }
        };
        let drafts = Drafts::new(folder.path().join("spool"), 64 << 20).unwrap();
        Some(Self {
            backend,
            drafts,
            ids: Ids::new(0),
            folder,
            first: Mutex::default(),
            second: Mutex::default(),
            settings,
        })
    }

    /// The store, opened once.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        self.opened(&self.first, "first").await
    }

    /// The store as another node sees it: its own process where the backend has many.
    pub(crate) async fn second(&self) -> Arc<dyn Store> {
        match self.backend {
            Backend::Sqlite => self.store().await,
            Backend::Postgres => self.opened(&self.second, "second").await,
        }
    }

    async fn opened(&self, place: &Mutex<Option<Arc<dyn Store>>>, node: &str) -> Arc<dyn Store> {
        let mut place = place.lock().await;
        if let Some(store) = &*place {
            return Arc::clone(store);
        }
        let store = self.open(node).await.store;
        *place = Some(Arc::clone(&store));
        store
    }

    /// Ends the process that has the store, as far as the store can tell.
    pub(crate) async fn close(&self) {
        *self.first.lock().await = None;
    }

    pub(crate) async fn open(&self, node: &str) -> Opened {
        open(&self.settings, self.folder.path(), node).await.unwrap()
    }

    /// Where the tables of a shared database are.
    pub(crate) fn schema(&self) -> String {
        match &self.settings {
            postwarden_store::Backend::Postgres { url } => url.rsplit("%3D").next().unwrap().to_owned(),
            postwarden_store::Backend::Sqlite => String::new(),
        }
    }

    /// Files with content that the store keeps.
    pub(crate) fn content_files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("bodies")).map_or(0, |entries| entries.count())
    }
}
