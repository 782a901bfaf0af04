//! One SMTP or LMTP session as a state machine. Bytes and time in, actions out; no sockets, no clock.

mod answer;
mod content;
mod facts;
mod input;
mod output;

use std::collections::VecDeque;
use std::sync::Arc;

pub use facts::*;

use crate::limits::OUTPUT_BYTES_MAX;
use crate::line::LineReader;
pub(crate) use crate::question::Login;
use crate::question::{Answer, Question};
use crate::reply;
use crate::state::State;

/// The state machine. Small while idle: no buffer is kept between lines.
pub struct Session {
    pub(crate) config: Arc<Config>,
    pub(crate) facts: Facts,
    pub(crate) next_id: NextId,
    pub(crate) random: Random,
    pub(crate) state: State,
    lines: LineReader,
    /// Replies that were not asked to be sent yet.
    out: Vec<u8>,
    actions: VecDeque<Action>,
    /// The last `handle_input` left bytes untaken.
    more: bool,
    /// Input follows the command that is running now.
    pub(crate) pipelined: bool,
    deadline: Time,
    errors: u32,
    pub(crate) auth_failures: u32,
    /// The client types (`deny-telnet`).
    telnet: bool,
    stopping: bool,
    last: &'static str,
}

impl Session {
    /// `facts.tls` is given on implicit-TLS listeners. The first action is `Ask(Connect)`.
    pub fn new(config: Arc<Config>, facts: Facts, next_id: NextId, random: Random, now: Time) -> Self {
        let mut session = Self {
            config,
            facts,
            next_id,
            random,
            state: State::Closed,
            lines: LineReader::default(),
            out: Vec::new(),
            actions: VecDeque::new(),
            more: false,
            pipelined: false,
            deadline: now,
            errors: 0,
            auth_failures: 0,
            telnet: false,
            stopping: false,
            last: "",
        };
        session.ask(State::Connecting, Question::Connect);
        session
    }

    /// Takes input up to where the session must wait (an open question, TLS, close) and says how
    /// many bytes it took. The caller keeps the rest and offers it again after the next action.
    ///
    /// Replies are gathered: `Send` comes when all offered input was taken, or the session ends, not
    /// before a question that stands between two pipelined commands. So after an answer the caller
    /// offers what it kept before it waits for the socket.
    pub fn handle_input(&mut self, now: Time, input: &[u8]) -> usize {
        let mut used = 0;
        while self.wants_input() && self.out.len() < OUTPUT_BYTES_MAX {
            let rest = input.get(used..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            used += match self.state {
                State::Data(..) | State::Chunk(..) | State::Skipping(_) => self.handle_content(now, rest),
                _ => self.handle_line_input(now, rest),
            };
        }
        if matches!(self.state, State::Closed) {
            used = input.len();
        }
        self.more = used < input.len();
        used
    }

    /// The decision about the open question. An answer that does not fit the question is a fault of
    /// the caller and counts as `Refuse(Unavailable)`.
    pub fn handle_answer(&mut self, now: Time, answer: Answer) {
        self.answered(now, answer);
        self.settle(now);
    }

    /// The handshake succeeded. Input read before it must not be offered.
    pub fn handle_tls(&mut self, now: Time, tls: Tls) {
        if !matches!(self.state, State::Handshake) {
            return;
        }
        // All that was learned in clear is forgotten (RFC 3207 section 4.2).
        self.facts.greeting = None;
        self.facts.login = None;
        self.facts.tls = Some(tls);
        self.lines.clear();
        self.more = false;
        self.state = State::Idle;
        self.settle(now);
    }

    /// `poll_timeout` has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        if now >= self.poll_timeout() {
            self.reply(&reply::TIMEOUT);
            self.close();
        }
    }

    /// The server stops: 421 4.3.2 as soon as no message is in progress.
    pub fn handle_shutdown(&mut self, now: Time) {
        self.stopping = true;
        if !self.state.asks() {
            self.settle(now);
        }
    }

    pub fn poll_action(&mut self) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            if self.actions.is_empty() {
                self.actions = VecDeque::new();
            }
            return Some(action);
        }
        let waits = self.state.asks() || (self.more && self.out.len() < OUTPUT_BYTES_MAX);
        if self.out.is_empty() || waits {
            return None;
        }
        Some(Action::Send(std::mem::take(&mut self.out)))
    }

    /// When `handle_timeout` wants to be called, unless something else happens before.
    /// `Time::MAX`: never (a question is open, TLS is being started, or the session is over).
    pub fn poll_timeout(&self) -> Time {
        if self.wants_input() { self.deadline } else { Time::MAX }
    }

    /// Whether input is wanted: no question open, no TLS handshake pending, not closed.
    pub fn wants_input(&self) -> bool {
        !self.state.asks() && !matches!(self.state, State::Handshake | State::Closed)
    }

    /// Whether content is being received or a question about it is open (for the graceful stop).
    pub fn in_message(&self) -> bool {
        self.state.in_message()
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub fn transaction(&self) -> Option<&Transaction> {
        self.state.transaction()
    }

    /// The key of the last reply, for the summary record of a message.
    pub fn last_reply(&self) -> &'static str {
        self.last
    }

    /// The mechanisms AUTH takes now, in the configured order.
    pub(crate) fn mechanisms(&self) -> impl Iterator<Item = Mechanism> + '_ {
        let tls = self.facts.tls.as_ref();
        let bindable = tls.is_some_and(|tls| tls.exporter.is_some() || tls.server_end_point.is_some());
        let plaintext = tls.is_some() || self.config.allow_plaintext_without_tls;
        self.config.mechanisms.iter().copied().filter(move |mechanism| match mechanism {
            Mechanism::ScramSha256Plus => bindable,
            mechanism => plaintext || !mechanism.is_plaintext(),
        })
    }

    pub(crate) fn take_state(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Idle)
    }

    pub(crate) fn act(&mut self, action: Action) {
        if matches!(action, Action::StartTls | Action::Close) && !self.out.is_empty() {
            self.actions.push_back(Action::Send(std::mem::take(&mut self.out)));
        }
        self.actions.push_back(action);
    }

    pub(crate) fn ask(&mut self, state: State, question: Question) {
        self.state = state;
        self.act(Action::Ask(question));
    }

    /// Ends the transaction, if there is one, without a message.
    pub(crate) fn abandon(&mut self) {
        if self.state.transaction().is_some() {
            self.act(Action::Discard);
        }
        self.state = State::Idle;
    }

    /// No more input; writes what is pending and closes.
    pub(crate) fn close(&mut self) {
        if matches!(self.state, State::Closed) {
            return;
        }
        if self.state.transaction().is_some() {
            self.act(Action::Discard);
        }
        self.state = State::Closed;
        self.lines.clear();
        self.act(Action::Close);
    }

    /// After every command and every answer: too many errors, a stop, the next deadline.
    fn settle(&mut self, now: Time) {
        let limit = self.config.max_errors;
        if !matches!(self.state, State::Closed) && !self.state.asks() {
            if limit > 0 && self.errors >= limit {
                self.reply(&reply::TOO_MANY_ERRORS);
                self.close();
            } else if self.stopping && !self.in_message() && !matches!(self.state, State::Handshake) {
                self.reply(&reply::SHUTTING_DOWN);
                self.close();
            }
        }
        self.deadline = match &self.state {
            State::Data(_, _, content) | State::Chunk(_, _, content) => self.content_deadline(now, content),
            _ => now.saturating_add(self.config.command_timeout),
        };
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("facts", &self.facts).field("state", &self.state).finish_non_exhaustive()
    }
}
