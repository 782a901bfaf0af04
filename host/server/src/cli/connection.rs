//! Where a command does its work: at the running server, or on the store itself where none runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use postwarden_store::{Accounts, Opened, Store};

use super::failure::Failure;
use super::output::note;
use crate::admin::client::Client;
use crate::admin::operation::{Operation, Parts};
use crate::config::read::Loaded;
use crate::config::{AccountsBackend, Config, StoreBackend, read};
use crate::node::Node;

/// Places of the configuration file, in the order they are tried.
const PLACES: &[&str] = &["postwarden.toml", "/etc/postwarden/postwarden.toml"];

pub(super) enum Connection {
    Server(Client),
    Direct(Box<Direct>),
}

pub(super) struct Direct {
    runtime: tokio::runtime::Runtime,
    config: Arc<Config>,
    store: Arc<dyn Store>,
    accounts: Arc<dyn Accounts + Send + Sync>,
    /// With the filters that learn, where a command asked for them.
    node: Option<Arc<Node>>,
}

impl Connection {
    /// To the server of this configuration; or to its store.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, Failure> {
        Self::to(load(file)?.config)
    }

    pub(super) fn to(config: Config) -> Result<Self, Failure> {
        match Client::connect(&config)? {
            Some(client) => Ok(Self::Server(client)),
            None => Self::direct(config, false),
        }
    }

    /// As [`Connection::open`]; where no server runs, the filters that learn are loaded here.
    pub(super) fn with_learners(file: Option<&Path>) -> Result<Self, Failure> {
        let config = load(file)?.config;
        match Client::connect(&config)? {
            Some(client) => Ok(Self::Server(client)),
            None => Self::direct(config, true),
        }
    }

    /// To the server; an error where none runs.
    pub(super) fn server(file: Option<&Path>) -> Result<Self, Failure> {
        let config = load(file)?.config;
        match Client::connect(&config)? {
            Some(client) => Ok(Self::Server(client)),
            None => Err(Failure::refused(format!(
                "no server answers at {} (admin.bind): start it with \"postwarden serve\"",
                config.admin.bind
            ))),
        }
    }

    fn direct(config: Config, learners: bool) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let Opened { store, ids } = runtime.block_on(open_store(&config)).map_err(|error| {
            Failure::refused(format!(
                "no server answers at {} (admin.bind), and the store cannot be opened: {error:#}",
                config.admin.bind
            ))
        })?;
        let accounts: Arc<dyn Accounts + Send + Sync> = match config.accounts {
            AccountsBackend::Store => store.clone(),
            AccountsBackend::File => Arc::new(crate::accounts_file::AccountsFile::open(&config)?),
        };
        note(format!("no server answers at {}: working on the store itself", config.admin.bind));
        let learning = crate::server::for_learning(config.clone(), store.clone(), ids);
        let node = if learners { Some(runtime.block_on(learning)?) } else { None };
        Ok(Self::Direct(Box::new(Direct { runtime, config: Arc::new(config), store, accounts, node })))
    }

    pub(super) fn call<O: Operation>(&self, operation: O) -> Result<O::Reply, Failure> {
        match self {
            Self::Server(client) => Ok(client.call(&operation)?),
            Self::Direct(direct) => {
                let parts = Parts {
                    config: direct.config.clone(),
                    store: direct.store.as_ref(),
                    accounts: direct.accounts.as_ref(),
                    node: direct.node.as_ref(),
                    now: crate::node::now(),
                };
                Ok(direct.runtime.block_on(operation.run(&parts))?)
            }
        }
    }
}

/// The file a command works with.
pub(super) fn find(given: Option<&Path>) -> Result<PathBuf, Failure> {
    // `POSTWARDEN_CONFIG=` is as if it were not set.
    if let Some(file) = given.filter(|file| !file.as_os_str().is_empty()) {
        return Ok(file.to_owned());
    }
    PLACES.iter().map(PathBuf::from).find(|file| file.is_file()).ok_or_else(|| {
        Failure::usage(format!(
            "there is no configuration: neither --config FILE nor $POSTWARDEN_CONFIG is given, and neither {} exists.\n\
             To try the server without one: postwarden dev\n\
             To write one, begin with these lines and run \"postwarden check\":\n\n    \
             hostname = \"mx.example.com\"\n    [domains.\"example.com\"]",
            PLACES.join(" nor ")
        ))
    })
}

pub(super) fn load(given: Option<&Path>) -> Result<Loaded, Failure> {
    let file = find(given)?;
    read::load(&file).map_err(|errors| Failure::configuration(&file, &errors))
}

/// The store itself; refused where a server owns it, or where its files belong to another user:
/// what this command wrote could not be read by the server then.
async fn open_store(config: &Config) -> anyhow::Result<Opened> {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    if config.store == StoreBackend::Sqlite
        && let Ok(folder) = std::fs::metadata(&config.data_dir)
        && folder.uid() != me
    {
        let owner = folder.uid();
        let folder = config.data_dir.display();
        anyhow::bail!("{folder} belongs to user {owner}: run this command as that user (sudo -u '#{owner}' …)");
    }
    crate::server::open_store(config).await
}
