//! Drives one client session over one connection: bytes between socket and state machine, content from
//! the store, outcomes into verdicts. No protocol of its own.

use std::time::{Duration, Instant};

use postwarden_smtp::Refusal;
use postwarden_smtp::client::{
    Action, Client, Envelope, Failure, Outcome, Protocol as Speech, Recipient, Reply, Settings, Timeouts, TlsWish,
};
use postwarden_smtp::question::{BodyType, Ret};
use postwarden_store::queue::QueuedRecipient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout_at;

use super::transport::{Wire, connect, start_tls};
use super::{Hop, Protocol};
use crate::deliver::part::Part;
use crate::deliver::settle::sender_of;
use crate::deliver::verdict::{Said, Verdict};
use crate::node::Node;

/// Recipients of one transaction: every server must take so many (RFC 5321 section 4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;
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
    client: Client,
    hop: Hop,
    /// The origin of the client's time.
    origin: Instant,
    input: Box<[u8]>,
    /// To be written before anything else.
    pending: Vec<u8>,
    sent: usize,
    ready: bool,
    closed: bool,
}

/// What the client wants from the one who has the message.
enum Event {
    Ready,
    SendContent,
    Finished(Vec<Outcome>),
    Failed(Failure),
}

/// Why there is no connection.
enum NoLink {
    /// TLS was begun and failed.
    Tls(std::io::Error),
    Other(Said),
}

impl Link {
    /// Connects and greets. A server whose TLS does not work gets its mail in clear: TLS is
    /// opportunistic here, and without it there would have been none either.
    pub(super) async fn open(node: &Node, hop: &Hop) -> Result<Self, Said> {
        let wish = match hop.protocol {
            Protocol::Smtp => TlsWish::IfOffered,
            Protocol::Lmtp => TlsWish::Never,
        };
        match Self::greet(node, hop, wish).await {
            Err(NoLink::Tls(error)) => {
                tracing::warn!(target: "delivery", destination = hop.name(), %error, "TLS failed; trying without");
                Self::greet(node, hop, TlsWish::Never).await.map_err(|no| no.said(hop))
            }
            other => other.map_err(|no| no.said(hop)),
        }
    }

    async fn greet(node: &Node, hop: &Hop, tls: TlsWish) -> Result<Self, NoLink> {
        let wire = connect(&hop.to).await.map_err(|error| {
            NoLink::Other(Said::here("4.4.1", format!("cannot connect to {}: {}", hop.to, reason(&error))))
        })?;
        let speech = match hop.protocol {
            Protocol::Smtp => Speech::Smtp,
            Protocol::Lmtp => Speech::Lmtp,
        };
        let settings = Settings {
            helo: node.config.load().hostname.clone(),
            protocol: speech,
            tls,
            timeouts: Timeouts::default(),
        };
        let origin = Instant::now();
        let mut link = Self {
            wire,
            client: Client::new(settings, origin.elapsed()),
            hop: hop.clone(),
            origin,
            input: vec![0; INPUT_BYTES].into(),
            pending: Vec::new(),
            sent: 0,
            ready: false,
            closed: false,
        };
        match link.next().await.map_err(NoLink::Tls)? {
            Event::Ready => {
                tracing::debug!(target: "delivery", destination = hop.name(), tls = link.client.tls(), "connected");
                Ok(link)
            }
            Event::Failed(failure) => Err(NoLink::Other(broken(hop, &failure))),
            Event::SendContent | Event::Finished(_) => Err(NoLink::Other(broken(hop, &Failure::Closed("")))),
        }
    }

    /// Sends one message to all recipients of the part, in as many transactions as that takes.
    pub(super) async fn send(&mut self, node: &Node, part: &Part) -> Result<Vec<(u32, Verdict)>, Stale> {
        let message = part.message();
        if message.envelope.require_tls && self.hop.protocol == Protocol::Smtp {
            // RFC 8689 asks for a certificate that was checked, and nobody checks one here yet.
            let verdict = Verdict::refused(&node.config.load(), &Refusal::RequireTlsUnavailable);
            return Ok(part.all(&verdict));
        }
        let mut senders: Vec<(&str, Vec<&QueuedRecipient>)> = Vec::new();
        for recipient in part.recipients() {
            let sender = sender_of(message, recipient);
            match senders.iter_mut().find(|(known, _)| *known == sender) {
                Some((_, recipients)) => recipients.push(recipient),
                None => senders.push((sender, vec![recipient])),
            }
        }
        let mut verdicts = Vec::new();
        for (sender, recipients) in &senders {
            for recipients in recipients.chunks(RECIPIENTS_MAX) {
                let fresh = self.sent == 0 || !verdicts.is_empty();
                let outcomes = self.transact(part, sender, recipients, !fresh).await?;
                self.sent += 1;
                let indexes = recipients.iter().map(|recipient| recipient.index);
                verdicts.extend(indexes.zip(outcomes.into_iter().map(|outcome| self.verdict(outcome))));
            }
        }
        Ok(verdicts)
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

    /// One transaction. `reused`: the connection stood idle before, and may be dead.
    async fn transact(
        &mut self,
        part: &Part,
        sender: &str,
        recipients: &[&QueuedRecipient],
        reused: bool,
    ) -> Result<Vec<Outcome>, Stale> {
        let all = |failure: &Failure| recipients.iter().map(|_| Outcome::Broken(failure.clone())).collect::<Vec<_>>();
        if !self.ready {
            match self.event().await {
                Event::Ready => {}
                Event::Failed(_) if reused => return Err(Stale),
                Event::Failed(failure) => return Ok(all(&failure)),
                Event::SendContent | Event::Finished(_) => return Ok(all(&Failure::Closed(""))),
            }
        }
        self.ready = false;
        self.client.start(self.origin.elapsed(), self.envelope(part, sender, recipients));
        let mut content = false;
        loop {
            match self.event().await {
                Event::SendContent => {
                    content = true;
                    if let Err(error) = self.content(part).await {
                        tracing::error!(target: "delivery", id = %part.message().id, %error, "the content cannot be read");
                        self.client.abandon();
                    }
                }
                Event::Finished(outcomes) => {
                    let unsaid = |outcome: &Outcome| match outcome {
                        Outcome::Broken(_) => true,
                        Outcome::Refused(reply) => reply.code == 421,
                        Outcome::Accepted(_) | Outcome::Unsuitable(..) => false,
                    };
                    if reused && !content && outcomes.iter().all(unsaid) {
                        return Err(Stale);
                    }
                    self.peek();
                    return Ok(outcomes);
                }
                Event::Failed(_) if reused && !content => return Err(Stale),
                Event::Failed(failure) => return Ok(all(&failure)),
                // Not while a message is in progress.
                Event::Ready => {}
            }
        }
    }

    fn envelope(&self, part: &Part, sender: &str, recipients: &[&QueuedRecipient]) -> Envelope {
        let message = part.message();
        let envelope = &message.envelope;
        // A mailbox server is the end of the way: this server reports on it.
        let passes_on = self.hop.protocol == Protocol::Smtp;
        let recipient = |queued: &&QueuedRecipient| Recipient {
            address: queued.recipient.address.clone(),
            notify: queued.recipient.notify.clone().filter(|_| passes_on).map(|notify| notify.to_ascii_uppercase()),
            original: queued
                .recipient
                .orcpt
                .as_deref()
                .filter(|_| passes_on)
                .and_then(|orcpt| orcpt.split_once(';'))
                .map(|(kind, address)| (kind.to_owned(), address.to_owned())),
        };
        Envelope {
            sender: sender.to_owned(),
            size: message.size,
            body: match envelope.body.as_str() {
                "8BITMIME" => BodyType::EightBitMime,
                "BINARYMIME" if part.claimed.body.inline().is_none_or(|content| !is_text(content)) => {
                    BodyType::BinaryMime
                }
                "BINARYMIME" => BodyType::EightBitMime,
                _ => BodyType::SevenBit,
            },
            smtputf8: envelope.smtputf8,
            require_tls: false,
            ret: envelope.ret.as_deref().filter(|_| passes_on).map(|ret| match ret {
                "FULL" => Ret::Full,
                _ => Ret::Headers,
            }),
            envid: envelope.envid.clone().filter(|_| passes_on),
            recipients: recipients.iter().map(recipient).collect(),
        }
    }

    /// Trace fields and content, to the end.
    async fn content(&mut self, part: &Part) -> postwarden_store::Result<()> {
        self.put(&part.claimed.trace).await;
        match part.claimed.body.inline() {
            Some(bytes) => self.put(bytes).await,
            None => {
                let mut body = part.claimed.body.again();
                while let Some(chunk) = body.next().await? {
                    if self.closed {
                        break;
                    }
                    self.put(&chunk).await;
                }
            }
        }
        self.client.content_end(self.origin.elapsed());
        Ok(())
    }

    async fn put(&mut self, bytes: &[u8]) {
        self.client.content(self.origin.elapsed(), bytes);
        while !self.closed {
            match self.client.poll_action() {
                Some(Action::Send(bytes)) => self.write(&bytes).await,
                // What else comes is for `next`: only a failure can, and then nothing more is sent.
                Some(_) | None => return,
            }
        }
    }

    fn verdict(&self, outcome: Outcome) -> Verdict {
        let said = |reply: &Reply| Said {
            status: reply.enhanced().map_or_else(|| format!("{}.0.0", reply.code / 100), str::to_owned),
            text: reply.to_string(),
            remote: Some(self.hop.name().to_owned()),
        };
        match (outcome, self.hop.protocol) {
            (Outcome::Accepted(reply), Protocol::Lmtp) => Verdict::Delivered { said: Some(said(&reply)) },
            (Outcome::Accepted(reply), Protocol::Smtp) => {
                Verdict::Relayed { said: said(&reply), reports: self.client.offers().dsn }
            }
            // Too many recipients at once (RFC 5321 section 4.5.3.1.10): the rest goes next time.
            (Outcome::Refused(reply), _) if reply.code == 552 && reply.enhanced() == Some("5.5.3") => {
                Verdict::Deferred(Said { status: "4.5.3".to_owned(), ..said(&reply) })
            }
            (Outcome::Refused(reply), _) if reply.permanent() => Verdict::Failed(said(&reply)),
            (Outcome::Refused(reply), _) => Verdict::Deferred(said(&reply)),
            (Outcome::Unsuitable(status, text), _) => Verdict::Failed(Said::here(status, text)),
            (Outcome::Broken(failure), _) => Verdict::Deferred(broken(&self.hop, &failure)),
        }
    }

    /// Takes over what the client already knows, without waiting.
    fn peek(&mut self) {
        // After a finished message comes `Ready` at once, or RSET, which goes out before the next message.
        match self.client.poll_action() {
            Some(Action::Ready) => self.ready = true,
            Some(Action::Failed(_) | Action::Close) => self.closed = true,
            Some(Action::Send(bytes)) => self.pending = bytes,
            _ => {}
        }
    }

    /// The next event; a TLS handshake is over by now.
    async fn event(&mut self) -> Event {
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
        self.wire = start_tls(clear, self.hop.name()).await?;
        self.client.handle_tls(self.origin.elapsed());
        Ok(())
    }

    /// A socket that takes nothing for as long as the client would wait for an answer is dead.
    async fn write(&mut self, bytes: &[u8]) {
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
    fn said(self, hop: &Hop) -> Said {
        match self {
            Self::Tls(error) => Said::here("4.7.5", format!("TLS with {} failed: {}", hop.name(), reason(&error))),
            Self::Other(said) => said,
        }
    }
}

fn broken(hop: &Hop, failure: &Failure) -> Said {
    Said::here("4.4.2", format!("{} {failure}", hop.name()))
}

/// Without the number of the operating system's error, which says nothing to who reads a notice.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Whether content declared as binary is text after all, and can go by DATA unchanged.
fn is_text(content: &[u8]) -> bool {
    const LINE_BYTES_MAX: usize = 998;
    content.split_inclusive(|byte| *byte == b'\n').all(|line| {
        let text = line.strip_suffix(b"\r\n");
        text.is_some_and(|text| {
            text.len() <= LINE_BYTES_MAX && !text.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
        })
    })
}
