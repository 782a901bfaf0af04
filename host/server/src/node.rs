//! What all parts of a running server share. No behaviour of its own beyond handing things out.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use postwarden_smtp::session::Time;
use postwarden_store::{Accounts, Drafts, Ids, Store, Timestamp};
use tokio::sync::Notify;

use crate::accounts_file::AccountsFile;
use crate::auth::Logins;
use crate::chain;
use crate::config::{AccountsBackend, Config};
use crate::decide::Memory;
use crate::deliver::usage::Usage;
use crate::directory::Directory;
use crate::dns::Dns;
use crate::filters::load::SandboxLoader;
use crate::filters::services::FilterServices;
use crate::filters::{Filters, Manager};
use crate::listen::Listeners;
use crate::sessions::Sessions;
use crate::tls::Tls;

/// Content of messages that are being received, all together, in memory; more goes to files.
pub const DRAFTS_MEMORY_BYTES_MAX: usize = 64 << 20;

pub struct Node {
    /// Name of this node in the store (leases): see [`name`].
    pub name: String,
    pub started: Instant,
    /// Replaced whole by a reload.
    pub config: ArcSwap<Config>,
    pub store: Arc<dyn Store>,
    pub drafts: Drafts,
    pub ids: Ids,
    /// Where accounts, aliases and lists live: the store, or `accounts.toml`.
    pub accounts: Arc<dyn Accounts + Send + Sync>,
    pub directory: Directory,
    pub dns: Arc<ArcSwap<Dns>>,
    pub logins: Logins,
    pub usage: Usage,
    pub decisions: Memory,
    /// Woken when something may be due.
    pub queue_wake: Notify,
    /// Counted up when an operator wants mail tried now: what is remembered of dead hosts counts no more.
    pub queue_hurry: AtomicU64,
    pub sessions: Arc<Sessions>,
    pub tls: Tls,
    pub listeners: Listeners,
    pub filters: Filters,
    /// Loads filters and changes who stands in their slots.
    pub manager: Arc<Manager>,
    pub chain: chain::Shared,
}

impl Node {
    /// A node that is not yet reachable: nothing is bound, nothing runs. `ids` are those of this
    /// process in the store.
    pub fn new(config: Config, store: Arc<dyn Store>, ids: Ids) -> anyhow::Result<Arc<Self>> {
        let accounts: Arc<dyn Accounts + Send + Sync> = match config.accounts {
            AccountsBackend::Store => store.clone(),
            AccountsBackend::File => Arc::new(AccountsFile::open(&config)?),
        };
        let directory = Directory::new(accounts);
        let drafts = Drafts::new(config.data_dir.join("spool"), DRAFTS_MEMORY_BYTES_MAX)?;
        let tls = Tls::default();
        tls.set(config.tls.as_ref())?;
        let dns = Arc::new(ArcSwap::from_pointee(Dns::new(&config)?));
        let services = FilterServices { store: Arc::clone(&store), dns: Arc::clone(&dns) };
        let folder = config.data_dir.join("filters");
        let loader = SandboxLoader::new(Some(folder.join("compiled")), Arc::new(services));
        let manager = Arc::new(Manager::new(folder, Box::new(loader)));
        Ok(Arc::new(Self {
            name: name(&config),
            started: Instant::now(),
            dns,
            manager,
            config: ArcSwap::from_pointee(config),
            store,
            drafts,
            ids,
            accounts: directory.announcing(),
            directory,
            logins: Logins::new(),
            usage: Usage::new(),
            decisions: Memory::default(),
            queue_wake: Notify::new(),
            queue_hurry: AtomicU64::new(0),
            sessions: Arc::default(),
            tls,
            listeners: Listeners::default(),
            filters: Filters::default(),
            chain: chain::Shared::default(),
        }))
    }

    /// An id for a message, a transaction or a session.
    pub fn next_id(&self) -> String {
        self.ids.next(self.now()).to_string()
    }

    /// Time as sessions count it.
    pub fn time(&self) -> Time {
        self.started.elapsed()
    }

    /// Wall-clock time for records and schedules.
    pub fn now(&self) -> Timestamp {
        now()
    }
}

/// The name of this process among the nodes that share a store. Containers made from one image may
/// have the same host name and the same process id: a random part tells them apart.
pub fn name(config: &Config) -> String {
    static LUCK: LazyLock<u32> = LazyLock::new(rand::random);
    format!("{}/{}-{:08x}", config.hostname, std::process::id(), *LUCK)
}

/// Milliseconds since the Unix epoch.
pub fn now() -> Timestamp {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX))
}
