//! Binds the configured addresses and accepts connections within the limits on sessions; no protocol.
//!
//! Each socket has a task that accepts and owns the tasks of its connections. What a connection
//! needs of the configuration is one `Listening`, replaced whole by a reload.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use postwarden_smtp::session::{Config as SessionConfig, Facts, NextId, Random, Time};
use postwarden_smtp::{Action, Answer, Refusal, Session};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{self, Config, ListenerTls, Network};
use crate::connection::{self, Accepted};
use crate::node::Node;

/// Connections the system keeps until they are accepted.
pub const BACKLOG: i32 = 1024;

/// Failed logins of one session, then it ends.
pub const AUTH_FAILURES_PER_SESSION: u32 = 3;

/// File descriptors that sessions leave to the store, deliveries and the console.
pub const FILES_RESERVED: usize = 256;

/// After an error of accept (no file descriptor, no memory) time for others to give some back.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// A condition that lasts is logged this often.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// What connections of one listener need of the configuration.
pub struct Listening {
    pub name: String,
    session: Arc<SessionConfig>,
    next_id: NextId,
    random: Random,
    pub implicit_tls: bool,
    pub proxy_protocol: Vec<Network>,
    /// 0: unlimited.
    pub max_sessions: usize,
    pub max_sessions_per_ip: usize,
    pub max_connections_per_minute_per_ip: u32,
    pub max_messages_per_session: u32,
}

impl Listening {
    pub fn session(&self, facts: Facts, now: Time) -> Session {
        Session::new(Arc::clone(&self.session), facts, Arc::clone(&self.next_id), Arc::clone(&self.random), now)
    }
}

/// The sockets of a node.
#[derive(Default)]
pub struct Listeners {
    open: Mutex<Vec<Open>>,
    tasks: TaskTracker,
    /// Ends all connections at once.
    kill: CancellationToken,
}

struct Open {
    key: Key,
    local: SocketAddr,
    current: Arc<ArcSwap<Listening>>,
    /// No longer accept.
    stop: CancellationToken,
    /// The socket is closed.
    closed: CancellationToken,
}

/// Which socket serves a configured address. Port 0 is another port for each listener.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    address: SocketAddr,
    listener: Option<(String, usize)>,
}

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("listener {listener}: {address} cannot be bound: {source}{}", hint(.source))]
pub struct BindError {
    pub listener: String,
    pub address: SocketAddr,
    pub source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (another program, or another postwarden, has it)",
        io::ErrorKind::PermissionDenied => " (ports below 1024 need root or CAP_NET_BIND_SERVICE)",
        io::ErrorKind::AddrNotAvailable => " (no interface of this machine has this address)",
        _ => "",
    }
}

impl Listeners {
    /// Makes the sockets those of `config`: new ones are bound, unchanged ones kept, others closed.
    /// Where one cannot be bound, nothing changes. Returns name and address in the configuration's order.
    pub async fn apply(&self, node: &Arc<Node>, config: &Config) -> Result<Vec<(String, SocketAddr)>, Vec<BindError>> {
        let mut open = self.open.lock().await;
        let wanted = wanted(config);
        let mut bound: Vec<Option<TcpListener>> = Vec::new();
        let mut errors = Vec::new();
        for (key, listener) in &wanted {
            if open.iter().any(|open| open.key == *key) {
                bound.push(None);
                continue;
            }
            // A socket that goes away may stand in the way: 127.0.0.1:25 before 0.0.0.0:25.
            let in_the_way = |open: &Open| {
                open.key.address.port() == key.address.port() && !wanted.iter().any(|(key, _)| *key == open.key)
            };
            let outcome = match bind(key.address) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && open.iter().any(in_the_way) => {
                    for blocking in open.iter().filter(|open| in_the_way(open)) {
                        blocking.stop.cancel();
                        blocking.closed.cancelled().await;
                    }
                    bind(key.address)
                }
                outcome => outcome,
            };
            match outcome {
                Ok(socket) => bound.push(Some(socket)),
                Err(source) => {
                    errors.push(BindError { listener: listener.name.clone(), address: key.address, source });
                }
            }
        }
        if !errors.is_empty() {
            drop(bound);
            self.reopen(node, &mut open);
            return Err(errors);
        }

        let mut states: HashMap<&str, Arc<Listening>> = HashMap::new();
        let mut addresses = Vec::new();
        let mut now_open = Vec::new();
        for ((key, listener), socket) in wanted.into_iter().zip(bound) {
            let state = states.entry(&listener.name).or_insert_with(|| Arc::new(listening(node, config, listener)));
            let entry = match socket {
                Some(socket) => self.spawn(node, key, socket, Arc::new(ArcSwap::new(Arc::clone(state)))),
                None => {
                    let Some(position) = open.iter().position(|open| open.key == key) else { continue };
                    let entry = open.swap_remove(position);
                    entry.current.store(Arc::clone(state));
                    entry
                }
            };
            addresses.push((listener.name.clone(), entry.local));
            now_open.push(entry);
        }
        for gone in open.drain(..) {
            tracing::info!(address = %gone.local, "no longer listening");
            gone.stop.cancel();
        }
        *open = now_open;
        Ok(addresses)
    }

    /// The addresses that are listened on.
    pub async fn addresses(&self) -> Vec<SocketAddr> {
        self.open.lock().await.iter().map(|open| open.local).collect()
    }

    /// Accepts nothing more. Connections go on.
    pub async fn close(&self) {
        for open in self.open.lock().await.drain(..) {
            open.stop.cancel();
            open.closed.cancelled().await;
        }
        self.tasks.close();
    }

    /// After `close`: until all connections have ended, at most `limit`; then they are cut.
    pub async fn finish(&self, limit: Duration) {
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::warn!("sessions that did not end within {} s are cut", limit.as_secs());
            self.kill.cancel();
            self.tasks.wait().await;
        }
    }

    fn spawn(&self, node: &Arc<Node>, key: Key, socket: TcpListener, current: Arc<ArcSwap<Listening>>) -> Open {
        let local = socket.local_addr().unwrap_or(key.address);
        let (stop, closed) = (CancellationToken::new(), CancellationToken::new());
        tracing::info!(listener = current.load().name, address = %local, "listening");
        let task = Task {
            node: Arc::clone(node),
            current: Arc::clone(&current),
            stop: stop.clone(),
            closed: closed.clone(),
            kill: self.kill.clone(),
        };
        self.tasks.spawn(task.run(socket));
        Open { key, local, current, stop, closed }
    }

    /// Binds again what was closed to make room for what then could not be bound.
    fn reopen(&self, node: &Arc<Node>, open: &mut [Open]) {
        for entry in open.iter_mut().filter(|entry| entry.stop.is_cancelled()) {
            match bind(entry.local) {
                Ok(socket) => {
                    *entry = self.spawn(node, entry.key.clone(), socket, Arc::clone(&entry.current));
                }
                Err(error) => tracing::error!(address = %entry.local, "cannot be bound again: {error}"),
            }
        }
    }
}

fn wanted(config: &Config) -> Vec<(Key, &config::Listener)> {
    let mut wanted = Vec::new();
    for listener in &config.listeners {
        for (index, address) in listener.bind.iter().enumerate() {
            let named = (address.port() == 0).then(|| (listener.name.clone(), index));
            wanted.push((Key { address: *address, listener: named }, listener));
        }
    }
    wanted
}

fn listening(node: &Arc<Node>, config: &Config, listener: &config::Listener) -> Listening {
    let smtp = &config.smtp;
    let session = SessionConfig {
        hostname: config.hostname.clone(),
        role: listener.role,
        profile: smtp.replies,
        texts: config.replies.iter().map(|(key, text)| (key.clone(), text.clone())).collect(),
        disabled: smtp.disabled_commands.clone(),
        mechanisms: config.auth.mechanisms.clone(),
        allow_plaintext_without_tls: config.auth.allow_plaintext_without_tls,
        starttls: config.tls.is_some() && listener.tls == ListenerTls::Starttls,
        require_helo: smtp.require_helo,
        deny_telnet: smtp.deny_telnet,
        max_recipients: smtp.max_recipients,
        max_message_size: crate::decide::announced_size(config),
        hard_ceiling: smtp.hard_ceiling,
        close_on_ceiling: smtp.close_on_ceiling,
        max_errors: smtp.max_errors,
        max_auth_failures: AUTH_FAILURES_PER_SESSION,
        command_timeout: smtp.command_timeout,
        data_timeout: smtp.data_timeout,
    };
    // Weak: sessions own the node, the node owns its listeners.
    let ids = Arc::downgrade(node);
    Listening {
        name: listener.name.clone(),
        session: Arc::new(session),
        next_id: Arc::new(move || ids.upgrade().map(|node| node.next_id()).unwrap_or_default()),
        random: Arc::new(|bytes: &mut [u8]| rand::fill(bytes)),
        implicit_tls: listener.tls == ListenerTls::Implicit,
        proxy_protocol: listener.proxy_protocol.clone(),
        max_sessions: places(smtp.max_sessions),
        max_sessions_per_ip: smtp.max_sessions_per_ip,
        max_connections_per_minute_per_ip: smtp.max_connections_per_minute_per_ip,
        max_messages_per_session: smtp.max_messages_per_session,
    }
}

/// `max-sessions`, or what the limit on open files allows.
fn places(configured: usize) -> usize {
    let Some(files) = getrlimit(Resource::Nofile).current else { return configured };
    let possible = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(FILES_RESERVED).max(1);
    if configured != 0 && configured <= possible { configured } else { possible }
}

/// Raises the limit on open files as far as the system lets us. Says so where `max-sessions` is out of reach.
pub fn raise_file_limit(config: &Config) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!("the limit on open files cannot be raised: {error}");
        }
    }
    let possible = places(config.smtp.max_sessions);
    if possible < config.smtp.max_sessions {
        tracing::warn!(
            "smtp.max-sessions is {}, the limit on open files (ulimit -n, LimitNOFILE=) leaves {possible}",
            config.smtp.max_sessions
        );
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // What is written is what is bound: [::]:25 and 0.0.0.0:25 stand beside each other.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts on one socket.
struct Task {
    node: Arc<Node>,
    current: Arc<ArcSwap<Listening>>,
    stop: CancellationToken,
    closed: CancellationToken,
    kill: CancellationToken,
}

impl Task {
    async fn run(self, socket: TcpListener) {
        let mut connections = JoinSet::new();
        let mut failing = Seldom::default();
        let mut full = Seldom::default();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(ended) = connections.join_next() => report(ended),
                accepted = socket.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, &mut connections, &mut full),
                    Err(error) if is_the_clients(&error) => {}
                    Err(error) => {
                        if failing.now() {
                            tracing::error!("no connection can be accepted: {error}");
                        }
                        tokio::time::sleep(ACCEPT_BACK_OFF).await;
                    }
                }
            }
        }
        drop(socket);
        self.closed.cancel();
        loop {
            tokio::select! {
                () = self.kill.cancelled() => break,
                ended = connections.join_next() => match ended {
                    Some(ended) => report(ended),
                    None => return,
                }
            }
        }
        connections.shutdown().await;
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>, full: &mut Seldom) {
        let listening = self.current.load_full();
        let Ok(local) = stream.local_addr() else { return };
        // Replies are written whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        match self.node.sessions.enter(listening.max_sessions) {
            Some(seat) => {
                let accepted = Accepted { stream, peer, local, seat };
                connections.spawn(connection::run(Arc::clone(&self.node), listening, accepted));
            }
            None => {
                if full.now() {
                    tracing::warn!("all {} places for sessions are taken: new clients get 421", listening.max_sessions);
                }
                if !listening.implicit_tls {
                    let _ = turn_away(&self.node, &listening, stream, peer, local);
                }
            }
        }
    }
}

/// The refusal of a session, written once without waiting.
fn turn_away(
    node: &Node,
    listening: &Listening,
    stream: TcpStream,
    client: SocketAddr,
    local: SocketAddr,
) -> io::Result<()> {
    let facts = Facts {
        session_id: node.next_id(),
        listener: listening.name.clone(),
        client,
        local,
        greeting: None,
        tls: None,
        login: None,
    };
    let now = node.time();
    let mut session = listening.session(facts, now);
    let mut stream = stream.into_std()?;
    while let Some(action) = session.poll_action() {
        match action {
            Action::Ask(_) => session.handle_answer(now, Answer::Refuse(Refusal::TooManySessions)),
            Action::Send(bytes) => stream.write_all(&bytes)?,
            _ => break,
        }
    }
    Ok(())
}

/// Errors of one connection that ended before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The panic itself was logged where it happened; the other sessions go on.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a session ended by a defect of this program");
    }
}

/// True at first, then once in [`LOG_EVERY`].
#[derive(Default)]
struct Seldom(Option<std::time::Instant>);

impl Seldom {
    fn now(&mut self) -> bool {
        let due = self.0.is_none_or(|last| last.elapsed() >= LOG_EVERY);
        if due {
            self.0 = Some(std::time::Instant::now());
        }
        due
    }
}
