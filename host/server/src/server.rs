//! Starts and stops a server: store, listeners, delivery, console; reload. No protocol and no policy.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use postwarden_store::{Backend, Ids, Opened, Store};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::read::Problem;
use crate::config::{Config, StoreBackend, read};
use crate::node::Node;
use crate::srs::Srs;
use crate::{admin, deliver, filters, listen, log, upkeep};

#[cfg(test)]
mod tests;

/// How long a stop waits for messages in progress.
pub const SESSIONS_STOP_MAX: Duration = Duration::from_secs(30);

/// How long a stop then waits for deliveries and the console.
pub const BACKGROUND_STOP_MAX: Duration = Duration::from_secs(15);

/// Signals so soon after the first are the first: some supervisors signal the process and its group.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// A server that was started.
pub struct Running {
    pub node: Arc<Node>,
    /// Listener name and bound address, in the configuration's order.
    pub addresses: Vec<(String, SocketAddr)>,
    pub console: SocketAddr,
    background: TaskTracker,
    stop: CancellationToken,
}

impl Running {
    /// Graceful: no new sessions, messages in progress are finished within a limit, the rest stays queued.
    pub async fn stop(self) {
        self.node.listeners.close().await;
        self.node.sessions.stop();
        self.node.listeners.finish(SESSIONS_STOP_MAX).await;
        self.stop.cancel();
        self.background.close();
        if tokio::time::timeout(BACKGROUND_STOP_MAX, self.background.wait()).await.is_err() {
            tracing::warn!("deliveries did not end in time; what they hold stays in the queue");
        }
    }

    /// The last line of a start, for whoever waits for it.
    pub fn ready_line(&self) -> String {
        let mut line = "ready".to_owned();
        for (name, address) in &self.addresses {
            line.push_str(&format!(" {name}={address}"));
        }
        line.push_str(&format!(" console={}", self.console));
        line
    }
}

/// A configuration that is not used, with everything that is wrong with it.
#[derive(Debug)]
pub struct Refused(pub Vec<Problem>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// Starts everything a configuration asks for. On an error nothing is left running.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    listen::raise_file_limit(&config);
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("data-dir {} cannot be made", config.data_dir.display()))?;
    let token = admin::token(&config)?;
    let console = bind_console(config.admin.bind).await?;
    let console_address = console.local_addr()?;
    let Opened { store, ids } = open_store(&config).await.context("the store cannot be opened")?;
    let node = Node::new(config, store, ids)?;
    let config = node.config.load_full();
    node.directory.set_srs(Srs::load(node.store.as_ref(), node.now()).await.context("the store cannot be read")?);
    // Before the first client: no mail passes unfiltered because a filter was still loading.
    load_filters(&node).await?;
    let addresses = match node.listeners.apply(&node, &config).await {
        Ok(addresses) => addresses,
        Err(errors) => anyhow::bail!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };

    let (background, stop) = (TaskTracker::new(), CancellationToken::new());
    background.spawn(deliver::run(Arc::clone(&node), stop.clone()));
    background.spawn(admin::serve(Arc::clone(&node), console, token, stop.clone()));
    background.spawn(upkeep::run(Arc::clone(&node), stop.clone()));
    background.spawn(filters::watch::run(Arc::clone(&node), stop.clone()));
    background.spawn({
        let (node, stop) = (Arc::clone(&node), stop.clone());
        async move { node.tls.watch(stop).await }
    });
    Ok(Running { node, addresses, console: console_address, background, stop })
}

/// A node that nobody can reach, with the filters that keep state: a command teaches them where no server runs.
pub async fn for_learning(mut config: Config, store: Arc<dyn Store>, ids: Ids) -> anyhow::Result<Arc<Node>> {
    config.filters.retain(|filter| filter.grants.state.is_some());
    let node = Node::new(config, store, ids)?;
    load_filters(&node).await?;
    Ok(node)
}

async fn load_filters(node: &Node) -> anyhow::Result<()> {
    match node.manager.prepare(&node.filters, &node.config.load_full(), true).await {
        Ok(prepared) => node.manager.commit(&node.filters, prepared, "start"),
        Err(errors) => anyhow::bail!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
    Ok(())
}

/// Reads the configuration file again. A file with an error changes nothing. Returns warnings, or all errors.
pub async fn reload(node: &Arc<Node>) -> Result<Vec<Problem>, Vec<Problem>> {
    let old = node.config.load_full();
    let Some(file) = old.file.clone() else {
        let message = "this server was started without a file: there is nothing to read again".to_owned();
        return Err(vec![Problem { file: PathBuf::from("-"), line: None, key: "reload".to_owned(), message }]);
    };
    let problem = |key: &str, message: String| Problem { file: file.clone(), line: None, key: key.to_owned(), message };
    let read::Loaded { config, warnings } = read::load(&file)?;
    let fixed = needs_restart(&old, &config);
    if !fixed.is_empty() {
        let says = "cannot be changed while the server runs: restart it, or put the old value back";
        return Err(fixed.into_iter().map(|key| problem(key, says.to_owned())).collect());
    }
    let dns =
        crate::dns::Dns::new(&config).map_err(|error| vec![problem("delivery.resolver", format!("{error:#}"))])?;
    node.tls.check(config.tls.as_ref()).map_err(|error| vec![problem("tls", format!("{error:#}"))])?;
    let prepared = node.manager.prepare(&node.filters, &config, false).await.map_err(|errors| {
        let refused = |error: &filters::manager::Refused| problem("filter", error.to_string());
        errors.iter().map(refused).collect::<Vec<_>>()
    })?;
    log::set_level(&config.log).map_err(|error| vec![problem("log.level", format!("{error:#}"))])?;
    if let Err(errors) = node.listeners.apply(node, &config).await {
        let _ = log::set_level(&old.log);
        return Err(errors.into_iter().map(|error| problem("listener.bind", error.to_string())).collect());
    }
    node.tls.set(config.tls.as_ref()).map_err(|error| vec![problem("tls", format!("{error:#}"))])?;
    node.dns.store(Arc::new(dns));
    node.manager.commit(&node.filters, prepared, "configuration");
    node.config.store(Arc::new(config));
    node.queue_wake.notify_one();
    Ok(warnings)
}

/// What a running server cannot take over.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    [
        ("data-dir", old.data_dir != new.data_dir),
        ("store", old.store != new.store),
        ("accounts.backend", old.accounts != new.accounts),
        ("admin.bind", old.admin.bind != new.admin.bind),
        ("admin.token-file", old.admin.token_file != new.admin.token_file),
        ("log.format", old.log.json != new.log.json),
    ]
    .into_iter()
    .filter_map(|(key, changed)| changed.then_some(key))
    .collect()
}

/// `postwarden serve`: until SIGTERM or SIGINT; SIGHUP reloads.
pub async fn serve(file: PathBuf) -> anyhow::Result<()> {
    let read::Loaded { config, warnings } = read::load(&file).map_err(Refused)?;
    log::init(&config.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let running = start(config).await?;
    println!("{}", running.ready_line());
    until_stopped(running).await
}

/// Tells the service manager, obeys signals, stops.
pub async fn until_stopped(running: Running) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tell_service_manager(&[NotifyState::Ready]);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => hear_reload(&running.node).await,
        }
    }
    tell_service_manager(&[NotifyState::Stopping]);
    tracing::info!("stopping: no new sessions, messages in progress are finished");
    let second = async {
        tokio::time::sleep(SAME_SIGNAL).await;
        // What came meanwhile is forgotten.
        let _ = std::future::poll_fn(|cx| std::task::Poll::Ready(terminate.poll_recv(cx))).await;
        let _ = std::future::poll_fn(|cx| std::task::Poll::Ready(interrupt.poll_recv(cx))).await;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::select! {
        () = running.stop() => tracing::info!("stopped"),
        () = second => at_once(),
    }
    Ok(())
}

/// Nothing that was acknowledged is lost by this: it is in the store.
fn at_once() {
    tracing::warn!("second signal: stopped at once");
    std::process::exit(1);
}

async fn hear_reload(node: &Arc<Node>) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell_service_manager(&[NotifyState::Reloading, now]),
        Err(_) => tell_service_manager(&[NotifyState::Reloading]),
    }
    match reload(node).await {
        Ok(warnings) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            tracing::info!("the configuration was reloaded");
        }
        Err(problems) => {
            for problem in problems {
                tracing::error!("{problem}");
            }
            tracing::error!("the configuration was not reloaded; the old one stays");
        }
    }
    tell_service_manager(&[NotifyState::Ready]);
}

/// Without a service manager that listens nothing happens.
fn tell_service_manager(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("the service manager was not told: {error}");
    }
}

async fn bind_console(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("admin.bind: {address} cannot be bound"))
}

/// Opens the store that the configuration names.
pub async fn open_store(config: &Config) -> anyhow::Result<Opened> {
    let backend = match &config.store {
        StoreBackend::Sqlite => Backend::Sqlite,
        StoreBackend::Postgres { url } => Backend::Postgres { url: url.clone() },
    };
    let node = crate::node::name(config);
    Ok(postwarden_store::open(&backend, &config.data_dir, &node).await?)
}
