//! The backends under test, and how each gets a new, empty store.

use std::pin::Pin;
use std::sync::Arc;

use postwarden_store::{Drafts, Ids, Opened, Store, open};
use tempfile::TempDir;
use tokio::sync::Mutex;

pub(crate) type Scenario<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
}

pub(crate) struct Bench {
    pub(crate) backend: Backend,
    pub(crate) drafts: Drafts,
    pub(crate) ids: Ids,
    folder: TempDir,
    first: Mutex<Option<Arc<dyn Store>>>,
    settings: postwarden_store::Backend,
}

impl Bench {
    /// None where the backend cannot run here.
    pub(crate) fn new(backend: Backend, _runtime: &tokio::runtime::Runtime) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let settings = match backend {
            Backend::Sqlite => postwarden_store::Backend::Sqlite,
        };
        let drafts = Drafts::new(folder.path().join("spool"), 64 << 20).unwrap();
        Some(Self { backend, drafts, ids: Ids::new(0), folder, first: Mutex::new(None), settings })
    }

    /// The store, opened once.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let mut first = self.first.lock().await;
        if let Some(store) = &*first {
            return Arc::clone(store);
        }
        let store = self.open("first").await.store;
        *first = Some(Arc::clone(&store));
        store
    }

    /// The store as another node sees it: its own process where the backend has many.
    pub(crate) async fn second(&self) -> Arc<dyn Store> {
        match self.backend {
            Backend::Sqlite => self.store().await,
        }
    }

    /// Ends the process that has the store, as far as the store can tell.
    pub(crate) async fn close(&self) {
        *self.first.lock().await = None;
    }

    pub(crate) async fn open(&self, node: &str) -> Opened {
        open(&self.settings, self.folder.path(), node).await.unwrap()
    }

    /// Files with content that the store keeps.
    pub(crate) fn content_files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("bodies")).map_or(0, |entries| entries.count())
    }
}
