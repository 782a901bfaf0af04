//! Drives one client session over one connection: bytes between socket and state machine, TLS between
//! them. No protocol of its own, and no message: these are in `transaction`.

use std::time::{Duration, Instant};

use postwarden_smtp::client::{Action, Client, Failure, Outcome, Protocol as Speech, Settings, Timeouts, TlsWish};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout_at;

use super::transport::{Wire, connect};
use super::{Hop, Protocol, Security, tls};
use crate::deliver::verdict::Said;
use crate::node::Node;

/// A goodbye takes no longer.
const GOODBYE: Duration = Duration::from_secs(2);
/// Read at once.
const INPUT_BYTES: usize = 4 << 10;

/// The connection that stood was closed while it was idle: nothing of this message was said to anybody.
#[derive(Debug)]
pub(super) struct Stale;

/// One connection with its client session.
pub(super) struct Link {
    wire: Box<dyn Wire>,
    pub(super) client: Client,
    pub(super) protocol: Protocol,
    pub(super) security: Security,
    /// Name of the host, as notices and certificates name it.
    pub(super) peer: String,
    pub(super) proven: bool,
    /// The origin of the client's time.
    pub(super) origin: Instant,
    input: Box<[u8]>,
    /// To be written before anything else.
    pending: Vec<u8>,
    pub(super) sent: usize,
    pub(super) ready: bool,
    pub(super) closed: bool,
}

/// What the client wants from the one who has the message.
pub(super) enum Event {
    Ready,
    SendContent,
    Finished(Vec<Outcome>),
    Failed(Failure),
}

/// One host at one address.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub name: String,
    /// `address:port` or `unix:/path`.
    pub to: String,
    /// Whether it is certain that the mail is for this host.
    pub proven: bool,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoLink {
    #[error("{0}")]
    Unreachable(std::io::Error),
    /// TLS was begun and failed.
    #[error("TLS: {0}")]
    Tls(std::io::Error),
    /// Reached; does not greet as it should.
    #[error("{0}")]
    Refused(Failure),
}

impl Link {
    /// Connects and greets.
    pub(super) async fn greet(node: &Node, hop: &Hop, peer: &Peer, security: &Security) -> Result<Self, NoLink> {
        let wire = connect(&peer.to).await.map_err(NoLink::Unreachable)?;
        let speech = match hop.protocol {
            Protocol::Smtp => Speech::Smtp,
            Protocol::Lmtp => Speech::Lmtp,
        };
        let settings = Settings {
            helo: node.config.load().hostname.clone(),
            protocol: speech,
            tls: match security {
                Security::Off => TlsWish::Never,
                Security::Opportunistic => TlsWish::IfOffered,
                Security::Required | Security::Dane(_) => TlsWish::Required,
            },
            timeouts: Timeouts::default(),
        };
        let origin = Instant::now();
        let mut link = Self {
            wire,
            client: Client::new(settings, origin.elapsed()),
            protocol: hop.protocol,
            security: security.clone(),
            peer: peer.name.clone(),
            proven: peer.proven,
            origin,
            input: vec![0; INPUT_BYTES].into(),
            pending: Vec::new(),
            sent: 0,
            ready: false,
            closed: false,
        };
        match link.next().await.map_err(NoLink::Tls)? {
            Event::Ready => {
                tracing::debug!(target: "delivery", host = peer.name, address = peer.to, tls = link.client.tls(), "connected");
                Ok(link)
            }
            Event::Failed(failure) => Err(NoLink::Refused(failure)),
            Event::SendContent | Event::Finished(_) => Err(NoLink::Refused(Failure::Closed(""))),
        }
    }

    /// The name of the host.
    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    /// Whether another message may follow.
    pub(super) fn usable(&self) -> bool {
        !self.closed
    }

    /// Transactions so far.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// Says goodbye. How that ends does not matter to anybody.
    pub(super) async fn quit(mut self) {
        let goodbye = async {
            // RSET may still be on its way.
            if !self.ready && !self.closed {
                self.event().await;
            }
            if self.ready && !self.closed {
                self.client.quit(self.origin.elapsed());
                while let Some(Action::Send(bytes)) = self.client.poll_action() {
                    self.write(&bytes).await;
                }
                let _ = self.wire.shutdown().await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }

    /// Takes over what the client already knows, without waiting.
    pub(super) fn peek(&mut self) {
        // After a finished message comes `Ready` at once, or RSET, which goes out before the next message.
        match self.client.poll_action() {
            Some(Action::Ready) => self.ready = true,
            Some(Action::Failed(_) | Action::Close) => self.closed = true,
            Some(Action::Send(bytes)) => self.pending = bytes,
            _ => {}
        }
    }

    /// The next event; a TLS handshake is over by now.
    pub(super) async fn event(&mut self) -> Event {
        match self.next().await {
            Ok(event) => event,
            Err(_) => {
                self.closed = true;
                Event::Failed(Failure::Closed("during the TLS handshake"))
            }
        }
    }

    /// Carries out what the client asks for until it wants something from the message. An error is a
    /// failed TLS handshake.
    async fn next(&mut self) -> std::io::Result<Event> {
        loop {
            let pending = std::mem::take(&mut self.pending);
            if !pending.is_empty() {
                self.write(&pending).await;
            }
            while let Some(action) = self.client.poll_action() {
                match action {
                    Action::Send(bytes) => self.write(&bytes).await,
                    Action::StartTls => self.start_tls().await?,
                    Action::Ready => {
                        self.ready = true;
                        return Ok(Event::Ready);
                    }
                    Action::SendContent => return Ok(Event::SendContent),
                    Action::Finished(outcomes) => return Ok(Event::Finished(outcomes)),
                    Action::Failed(failure) => {
                        self.closed = true;
                        return Ok(Event::Failed(failure));
                    }
                    Action::Close => {
                        self.closed = true;
                        return Ok(Event::Failed(Failure::Closed("after QUIT")));
                    }
                }
            }
            let Some(deadline) = self.client.poll_timeout() else {
                // Nothing is owed and nothing is to be done: the client is idle.
                self.closed = true;
                return Ok(Event::Failed(Failure::Closed("while idle")));
            };
            match timeout_at((self.origin + deadline).into(), self.wire.read(&mut self.input)).await {
                Ok(Ok(0) | Err(_)) => self.client.handle_eof(),
                Ok(Ok(count)) => {
                    let input = self.input.get(..count).unwrap_or(&[]);
                    self.client.handle_input(self.origin.elapsed(), input);
                }
                Err(_) => self.client.handle_timeout(self.origin.elapsed()),
            }
        }
    }

    async fn start_tls(&mut self) -> std::io::Result<()> {
        let clear = std::mem::replace(&mut self.wire, Box::new(tokio::io::empty()));
        self.wire = tls::start(clear, &self.peer, &self.security).await?;
        self.client.handle_tls(self.origin.elapsed());
        Ok(())
    }

    /// A socket that takes nothing for as long as the client would wait for an answer is dead.
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        let deadline = self.client.poll_timeout().unwrap_or_else(|| self.origin.elapsed() + Timeouts::default().block);
        let write = async {
            self.wire.write_all(bytes).await?;
            self.wire.flush().await
        };
        match timeout_at((self.origin + deadline).into(), write).await {
            Ok(Ok(())) => {}
            // What the other server said before it closed may still be read: it says why.
            Ok(Err(_)) => {
                let read = tokio::time::timeout(Duration::from_secs(1), self.wire.read(&mut self.input)).await;
                if let Ok(Ok(count)) = read {
                    let input = self.input.get(..count).unwrap_or(&[]);
                    self.client.handle_input(self.origin.elapsed(), input);
                }
                self.client.handle_eof();
            }
            Err(_) => self.client.handle_timeout(self.origin.elapsed()),
        }
    }
}

impl NoLink {
    pub(super) fn said(&self, peer: &Peer) -> Said {
        match self {
            Self::Unreachable(error) => {
                // An address without its name tells little, and a name without the address that failed too.
                let name = if peer.to.starts_with(&peer.name) || peer.to.starts_with("unix:") {
                    String::new()
                } else {
                    format!("{}, ", peer.name)
                };
                Said::here("4.4.1", format!("cannot connect to {name}{}: {}", peer.to, reason(error)))
            }
            Self::Tls(error) => Said::here("4.7.5", format!("TLS with {} failed: {}", peer.name, reason(error))),
            Self::Refused(Failure::NoTls) => Said::here("4.7.4", format!("{} {}", peer.name, Failure::NoTls)),
            Self::Refused(failure) => broken(&peer.name, failure),
        }
    }
}

pub(super) fn broken(peer: &str, failure: &Failure) -> Said {
    Said::here("4.4.2", format!("{peer} {failure}"))
}

/// Without the number of the operating system's error, which says nothing to who reads a notice.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
