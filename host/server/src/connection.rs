//! Moves bytes between one socket and its Session, asks decide, keeps the draft. No policy, no protocol.
//!
//! Built to be small while idle: no buffer of its own between two reads, and rare or large futures
//! are boxed where they are awaited.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use postwarden_smtp::session::{Facts, Time};
use postwarden_smtp::{Action, Answer, Question, Refusal, Session};
use postwarden_store::{Draft, Error as StoreError};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::buffer::Input;
use crate::chain::Conversation;
use crate::decide::decide;
use crate::listen::Listening;
use crate::node::Node;
use crate::sessions::{Limits, Seat, Sessions};
use crate::stream::Stream;
use crate::{log, proxy};

/// Replies are collected up to this many bytes while more pipelined input is at hand.
pub const REPLIES_BYTES_MAX: usize = 16 << 10;

/// How long a client may be silent while most places are taken (see `sessions::STRESS_PERCENT`).
pub const STRESSED_WAIT_MAX: Duration = Duration::from_secs(60);

/// Where nothing has a limit, the timer fires after this long and is set again.
const TIMER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// After the last reply, how long and how many bytes are still read, so that the client gets that
/// reply before a reset.
pub const LINGER_MAX: Duration = Duration::from_secs(2);
pub const LINGER_STOPPING_MAX: Duration = Duration::from_millis(200);
/// A connection as it was accepted.
pub struct Accepted {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    pub seat: Seat,
}

/// Serves one connection to its end.
pub async fn run(node: Arc<Node>, listening: Arc<Listening>, accepted: Accepted) {
    // Only the conversation lives long; opening and closing it is boxed and gone.
    let Some(mut connection) = Box::pin(open(node, listening, accepted)).await else { return };
    let outcome = connection.converse().await;
    Box::pin(connection.close(outcome)).await;
}

struct Connection {
    node: Arc<Node>,
    listening: Arc<Listening>,
    stream: Stream,
    session: Session,
    input: Input,
    /// Replies not yet written.
    replies: Vec<u8>,
    draft: Option<Draft>,
    filtered: Conversation,
    /// Why the running message cannot be stored.
    spoiled: Option<Refusal>,
    /// Why the client gets no session.
    refused: Option<Refusal>,
    /// Mail transactions begun.
    messages: u32,
    /// The session knows that the server stops.
    told_to_stop: bool,
    /// The last reply was a challenge: the answer is a secret.
    challenged: bool,
    _seat: Seat,
}

/// Why a conversation ended.
enum End {
    /// The session closed it.
    Closed,
    /// The client did.
    Eof,
    Broken(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// What a connection waits for between commands.
enum Event {
    Input,
    Eof,
    Timeout,
    Stop,
}

async fn open(node: Arc<Node>, listening: Arc<Listening>, accepted: Accepted) -> Option<Connection> {
    let Accepted { mut stream, peer, local, mut seat } = accepted;
    let (mut client, mut local) = (canonical(peer), canonical(local));
    if listening.proxy_protocol.iter().any(|network| network.contains(client.ip())) {
        match proxy::read_header(&mut stream, proxy::HEADER_WAIT_MAX).await {
            Ok(proxy::Source::Socket) => {}
            Ok(proxy::Source::Relayed { client: real, local: there }) => {
                (client, local) = (canonical(real), canonical(there));
            }
            Err(error) => {
                tracing::info!(listener = listening.name, proxy = %peer, "closed: {error}");
                return None;
            }
        }
    }
    let limits = Limits {
        sessions_per_client: listening.max_sessions_per_ip,
        connections_per_minute: listening.max_connections_per_minute_per_ip,
    };
    let refused = seat.claim(client.ip(), limits, std::time::Instant::now()).err().map(|full| {
        tracing::info!(listener = listening.name, %client, "refused: too many sessions of this client ({full:?})");
        Refusal::TooManySessions
    });
    let mut facts = Facts {
        session_id: node.next_id(),
        listener: listening.name.clone(),
        client,
        local,
        greeting: None,
        tls: None,
        login: None,
    };
    let mut stream = Stream::Plain(stream);
    if listening.implicit_tls {
        match stream.start_tls(&node).await {
            Ok(tls) => facts.tls = Some(tls),
            Err(error) => {
                tracing::info!(session = facts.session_id, %client, "no TLS: {error}");
                return None;
            }
        }
    }
    tracing::debug!(session = facts.session_id, listener = listening.name, %client, "connected");
    let now = node.time();
    let session = listening.session(facts, now);
    Some(Connection {
        node,
        listening,
        stream,
        session,
        input: Input::default(),
        replies: Vec::new(),
        draft: None,
        filtered: Conversation::default(),
        spoiled: None,
        refused,
        messages: 0,
        told_to_stop: false,
        challenged: false,
        _seat: seat,
    })
}

impl Connection {
    async fn converse(&mut self) -> End {
        match self.exchange().await {
            Ok(end) | Err(end) => end,
        }
    }

    async fn exchange(&mut self) -> Result<End, End> {
        let sessions = Arc::clone(&self.node.sessions);
        let timer = sleep_until(self.deadline(&sessions, Instant::now()));
        tokio::pin!(timer);
        let changed = sessions.changed();
        tokio::pin!(changed);
        let mut seen = None;
        let (mut asked, mut since) = (Time::MAX, Instant::now());
        loop {
            while let Some(action) = self.session.poll_action() {
                match action {
                    Action::Send(bytes) => self.reply(bytes).await?,
                    Action::Ask(question) => Box::pin(self.ask(question)).await,
                    Action::Body(bytes) => self.content(&bytes).await,
                    Action::Discard => self.discard(),
                    Action::StartTls => Box::pin(self.start_tls()).await?,
                    Action::Close => {
                        self.flush().await?;
                        return Ok(End::Closed);
                    }
                }
            }
            if !self.input.is_empty() {
                self.take_input()?;
                continue;
            }
            self.flush().await?;
            // The session moves its timeout when a command is complete or content comes. A few bytes
            // now and then are silence.
            let wanted = self.session.poll_timeout();
            if wanted != asked {
                (asked, since) = (wanted, Instant::now());
            }
            let deadline = self.deadline(&sessions, since);
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            let event = std::future::poll_fn(|cx| {
                // Registered once for each change, not at each wait: the list of listeners has a lock.
                let generation = Some(sessions.generation());
                if seen != generation {
                    seen = generation;
                    changed.set(sessions.changed());
                    if changed.as_mut().poll(cx).is_ready() {
                        seen = None;
                        cx.waker().wake_by_ref();
                    }
                    let deadline = self.deadline(&sessions, since);
                    if timer.deadline() > deadline {
                        timer.as_mut().reset(deadline);
                    }
                }
                if sessions.stopping() && !self.told_to_stop {
                    return Poll::Ready(Ok(Event::Stop));
                }
                self.poll_event(cx, timer.as_mut(), &sessions, since)
            })
            .await?;
            match event {
                Event::Input => {}
                Event::Eof => return Ok(End::Eof),
                Event::Timeout => {
                    // Under stress that is earlier than the session asked for.
                    let now = self.now().max(self.session.poll_timeout());
                    self.session.handle_timeout(now);
                }
                Event::Stop => {
                    self.told_to_stop = true;
                    let now = self.now();
                    self.session.handle_shutdown(now);
                }
            }
        }
    }

    fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
        mut timer: Pin<&mut Sleep>,
        sessions: &Sessions,
        since: Instant,
    ) -> Poll<io::Result<Event>> {
        match self.input.poll_fill(cx, &mut self.stream) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Event::Eof)),
            Poll::Ready(Ok(_)) => return Poll::Ready(Ok(Event::Input)),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {}
        }
        // The timer is only moved when it has fired: a later deadline costs nothing.
        while timer.as_mut().poll(cx).is_ready() {
            let deadline = self.deadline(sessions, since);
            if deadline <= Instant::now() {
                return Poll::Ready(Ok(Event::Timeout));
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    fn now(&self) -> Time {
        self.node.time()
    }

    /// When a client that was last heard at `since` is waited for no longer.
    fn deadline(&self, sessions: &Sessions, since: Instant) -> Instant {
        let origin = Instant::from_std(self.node.started);
        // A session that waits for us and not for its client has no timeout.
        let deadline = origin.checked_add(self.session.poll_timeout()).unwrap_or(since + TIMER_MAX);
        if sessions.stressed() { deadline.min(since + STRESSED_WAIT_MAX) } else { deadline }
    }

    /// Gives the session what was read. With debug logs line by line, so that each exchange is seen.
    fn take_input(&mut self) -> Result<(), End> {
        if !self.session.wants_input() {
            return Err(defect("the session waits for nothing"));
        }
        let now = self.now();
        let debug = tracing::enabled!(target: "exchange", tracing::Level::DEBUG) && !self.session.in_message();
        let input = if debug { self.input.line() } else { self.input.bytes() };
        if debug {
            let command = log::command(input, self.challenged);
            tracing::debug!(target: "exchange", session = self.session.facts().session_id, "C: {command}");
        }
        match self.session.handle_input(now, input) {
            0 => Err(defect("the session takes no input")),
            taken => {
                self.input.consume(taken);
                Ok(())
            }
        }
    }

    async fn reply(&mut self, bytes: Vec<u8>) -> Result<(), End> {
        if tracing::enabled!(target: "exchange", tracing::Level::DEBUG) {
            self.challenged = bytes.starts_with(b"334");
            for line in String::from_utf8_lossy(&bytes).lines() {
                let line = if self.challenged { "334 ***" } else { line };
                tracing::debug!(target: "exchange", session = self.session.facts().session_id, "S: {line}");
            }
        }
        if self.replies.is_empty() {
            self.replies = bytes;
        } else {
            self.replies.extend_from_slice(&bytes);
        }
        if self.replies.len() > REPLIES_BYTES_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.replies.is_empty() {
            return Ok(());
        }
        let replies = std::mem::take(&mut self.replies);
        self.stream.write(&replies).await
    }

    async fn ask(&mut self, question: Question) {
        let answer = match self.answer_here(&question) {
            Some(answer) => answer,
            None => {
                if matches!(question, Question::Message { .. }) && self.draft.is_none() {
                    self.draft = Some(self.node.drafts.open());
                }
                let (facts, transaction) = (self.session.facts(), self.session.transaction());
                decide(&self.node, facts, transaction, &mut self.filtered, &mut self.draft, question).await
            }
        };
        let now = self.now();
        self.session.handle_answer(now, answer);
    }

    /// Answers that follow from the connection alone.
    fn answer_here(&mut self, question: &Question) -> Option<Answer> {
        match question {
            Question::Connect => self.refused.take().map(Answer::Refuse),
            Question::Sender { .. } => {
                let limit = self.listening.max_messages_per_session;
                if limit != 0 && self.messages >= limit {
                    return Some(Answer::Refuse(Refusal::TooManyMessages));
                }
                self.messages = self.messages.saturating_add(1);
                None
            }
            Question::Message { .. } => {
                let refusal = self.spoiled.take()?;
                self.draft = None;
                Some(Answer::Refuse(refusal))
            }
            _ => None,
        }
    }

    /// Content that cannot be written is read to its end and then refused.
    async fn content(&mut self, bytes: &[u8]) {
        if self.spoiled.is_some() {
            return;
        }
        let draft = self.draft.get_or_insert_with(|| self.node.drafts.open());
        if let Err(error) = draft.append(bytes).await {
            tracing::error!(session = self.session.facts().session_id, "content cannot be kept: {error}");
            self.spoiled = Some(match error {
                StoreError::Full(_) => Refusal::NoSpace,
                _ => Refusal::Unavailable,
            });
            self.draft = None;
        }
    }

    fn discard(&mut self) {
        self.draft = None;
        self.spoiled = None;
    }

    async fn start_tls(&mut self) -> Result<(), End> {
        self.flush().await?;
        // The one place where clear-text input before TLS is dropped (RFC 3207 section 6).
        self.input.clear();
        let tls = self.stream.start_tls(&self.node).await?;
        let now = self.now();
        self.session.handle_tls(now, tls);
        Ok(())
    }

    async fn close(mut self, end: End) {
        self.discard();
        let session = &self.session.facts().session_id;
        match end {
            End::Closed => {
                tracing::debug!(session, "closed");
                let limit = if self.node.sessions.stopping() { LINGER_STOPPING_MAX } else { LINGER_MAX };
                self.stream.linger(limit).await;
            }
            End::Eof => tracing::debug!(session, "the client closed"),
            End::Broken(error) => tracing::debug!(session, "broken: {error}"),
        }
    }
}

/// An error of this program, not of the client. The session ends, the server lives.
fn defect(what: &str) -> End {
    tracing::error!("defect: {what}");
    End::Broken(io::Error::other(what))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(IpAddr::to_canonical(&address.ip()), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postwarden_smtp::session::Transaction;

    /// Ten thousand idle sessions shall fit in 100 MB: each is one future of this size and what
    /// its Session holds.
    const IDLE_BYTES_MAX: usize = 3 << 10;

    fn future_size<A, B, C, F: Future>(_: impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    fn decision_size<'a, F: Future>(
        _: impl FnOnce(
            &'a Node,
            &'a Facts,
            Option<&'a Transaction>,
            &'a mut Conversation,
            &'a mut Option<Draft>,
            Question,
        ) -> F,
    ) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        println!("a decision takes {} bytes", decision_size(decide));
        let size = future_size(run);
        println!("a connection takes {size} bytes, its session {}", size_of::<Session>());
        assert!(size <= IDLE_BYTES_MAX, "{size}");
    }
}
