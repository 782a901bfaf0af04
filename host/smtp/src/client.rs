//! The sending side of SMTP and LMTP as a state machine. Bytes and time in, actions out; no sockets, no clock.
//!
//! ```text
//! greeting -> EHLO -> [STARTTLS -> TLS -> EHLO] -> ready <-> message (MAIL RCPT.. DATA content dot) -> QUIT
//! ```
//!
//! The replies still owed by the server are one queue of [`Expect`]; it is the state. What is to be
//! sent waits in another, and goes out at once where the server offered PIPELINING, else one by one.

mod command;
mod content;
mod progress;
mod reply;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

pub use command::{Envelope, Recipient};
pub use reply::Reply;

use crate::session::Time;
use content::Stuffing;
use reply::Parser;

/// Commands that may be on their way without a reply.
const PIPELINE_COMMANDS_MAX: usize = 100;

/// What a connection is used for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name in EHLO or LHLO.
    pub helo: String,
    pub protocol: Protocol,
    pub tls: TlsWish,
    pub timeouts: Timeouts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Smtp,
    Lmtp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsWish {
    Never,
    IfOffered,
    Required,
}

/// How long each phase may take (RFC 5321 section 4.5.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub greeting: Duration,
    pub command: Duration,
    pub data: Duration,
    pub block: Duration,
    pub dot: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self { greeting: minutes(5), command: minutes(5), data: minutes(2), block: minutes(3), dot: minutes(10) }
    }
}

/// What the owner of the connection has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Start TLS, then call [`Client::handle_tls`]. Input read before it must not be offered.
    StartTls,
    /// Greeted: a message may be started with [`Client::start`].
    Ready,
    /// Hand over the content: [`Client::content`] as often as needed, then [`Client::content_end`].
    SendContent,
    /// One outcome for each recipient, in their order. `Ready` follows, or `Failed`.
    Finished(Vec<Outcome>),
    /// The connection is of no more use: close it. Without a message in progress, nothing was lost.
    Failed(Failure),
    /// The server answered QUIT: close.
    Close,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took responsibility.
    Accepted(Reply),
    /// The server said no: for now (4yz) or for good (5yz).
    Refused(Reply),
    /// Not sent, because the server does not offer what the message needs. Enhanced code and text.
    Unsuitable(&'static str, String),
    /// The connection failed before the server took the message. After the dot it may have.
    Broken(Failure),
}

/// Why a connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("closed the connection {0}")]
    Closed(&'static str),
    #[error("did not answer in time {0}")]
    Timeout(&'static str),
    #[error("sent what is no SMTP reply {0}")]
    Garbage(&'static str),
    #[error("said: {0}")]
    Unfriendly(Reply),
    #[error("offers no TLS, which is required")]
    NoTls,
}

/// A reply the server owes us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Mail,
    Rcpt(usize),
    Data,
    Dot,
    DotFor(usize),
    Rset,
    Quit,
}

impl Expect {
    fn phase(self) -> &'static str {
        match self {
            Self::Greeting => "before its greeting",
            Self::Ehlo | Self::Helo => "after the greeting",
            Self::StartTls => "after STARTTLS",
            Self::Mail => "after MAIL",
            Self::Rcpt(_) => "after RCPT",
            Self::Data => "after DATA",
            Self::Dot | Self::DotFor(_) => "after the end of the message",
            Self::Rset => "after RSET",
            Self::Quit => "after QUIT",
        }
    }
}

/// What the server offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    pub pipelining: bool,
    pub eight_bit_mime: bool,
    pub smtputf8: bool,
    pub dsn: bool,
    pub starttls: bool,
    pub require_tls: bool,
    pub deliver_by: bool,
    pub mt_priority: bool,
    /// Bytes; 0: no limit told. None: SIZE not offered.
    pub size: Option<u64>,
}

/// The message in progress.
#[derive(Debug)]
struct Message {
    envelope: Envelope,
    outcomes: Vec<Option<Outcome>>,
    accepted: usize,
    stuffing: Stuffing,
    in_content: bool,
}

#[derive(Debug)]
pub struct Client {
    settings: Settings,
    offers: Offers,
    tls: bool,
    parser: Parser,
    expected: VecDeque<Expect>,
    waiting: VecDeque<(Expect, Vec<u8>)>,
    message: Option<Message>,
    actions: VecDeque<Action>,
    deadline: Option<Time>,
    done: bool,
}

impl Client {
    pub fn new(settings: Settings, now: Time) -> Self {
        let deadline = Some(now + settings.timeouts.greeting);
        Self {
            settings,
            offers: Offers::default(),
            tls: false,
            parser: Parser::default(),
            expected: VecDeque::from([Expect::Greeting]),
            waiting: VecDeque::new(),
            message: None,
            actions: VecDeque::new(),
            deadline,
            done: false,
        }
    }

    pub fn offers(&self) -> &Offers {
        &self.offers
    }

    /// Whether the conversation runs in TLS.
    pub fn tls(&self) -> bool {
        self.tls
    }

    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When `handle_timeout` wants to be called; none while nothing is owed by the server.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.done { None } else { self.deadline }
    }

    /// Everything the server sent. All of it is taken.
    pub fn handle_input(&mut self, now: Time, input: &[u8]) {
        let mut rest = input;
        while !self.done && !rest.is_empty() {
            let (taken, reply) = self.parser.take(rest);
            rest = rest.get(taken..).unwrap_or_default();
            match reply {
                Ok(None) => {}
                Ok(Some(reply)) => self.reply(now, reply, rest.is_empty()),
                Err(()) => self.fail(Failure::Garbage(self.phase())),
            }
        }
    }

    /// The server closed the connection, or it broke.
    pub fn handle_eof(&mut self) {
        if !self.done {
            self.fail(Failure::Closed(self.phase()));
        }
    }

    pub fn handle_timeout(&mut self, now: Time) {
        if self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.fail(Failure::Timeout(self.phase()));
        }
    }

    /// The handshake succeeded.
    pub fn handle_tls(&mut self, now: Time) {
        self.tls = true;
        self.greet(now);
    }

    /// Begins a message. Only after `Ready`; outcomes come in one `Finished`.
    pub fn start(&mut self, now: Time, envelope: Envelope) {
        let outcomes = vec![None; envelope.recipients.len()];
        let unsuitable = command::unsuitable(&envelope, &self.offers, self.tls);
        let mut message = Message { envelope, outcomes, accepted: 0, stuffing: Stuffing::default(), in_content: false };
        if let Some((code, text)) = unsuitable {
            message.outcomes.fill(Some(Outcome::Unsuitable(code, text)));
            self.message = Some(message);
            return self.finish(now);
        }
        self.waiting.push_back((Expect::Mail, command::mail(&message.envelope, &self.offers)));
        for (index, recipient) in message.envelope.recipients.iter().enumerate() {
            match command::rcpt(recipient, &self.offers) {
                Some(line) => self.waiting.push_back((Expect::Rcpt(index), line)),
                None => {
                    let text = "the address cannot be written in SMTP".to_owned();
                    if let Some(outcome) = message.outcomes.get_mut(index) {
                        *outcome = Some(Outcome::Unsuitable("5.1.3", text));
                    }
                }
            }
        }
        self.message = Some(message);
        self.pump(now);
    }

    /// A piece of the content with CRLF line ends; stray CR, LF and NUL never reach the wire.
    pub fn content(&mut self, now: Time, bytes: &[u8]) {
        let block = self.settings.timeouts.block;
        if let Some(message) = self.message.as_mut().filter(|message| message.in_content) {
            let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 64 + 2);
            message.stuffing.push(bytes, &mut out);
            self.actions.push_back(Action::Send(out));
            self.deadline = Some(now + block);
        }
    }

    /// The content is complete.
    pub fn content_end(&mut self, now: Time) {
        let Some(message) = self.message.as_mut().filter(|message| message.in_content) else { return };
        let mut out = Vec::new();
        message.stuffing.finish(&mut out);
        message.in_content = false;
        match self.settings.protocol {
            Protocol::Smtp => self.expected.push_back(Expect::Dot),
            Protocol::Lmtp => {
                let open = message.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_none());
                self.expected.extend(open.map(|(index, _)| Expect::DotFor(index)));
            }
        }
        self.actions.push_back(Action::Send(out));
        self.deadline = Some(now + self.settings.timeouts.dot);
    }

    /// The content cannot be handed over to its end: nothing was accepted. The caller closes.
    pub fn abandon(&mut self) {
        self.fail(Failure::Closed("by this server, before the end of the message"));
    }

    /// Says goodbye. Only after `Ready`.
    pub fn quit(&mut self, now: Time) {
        self.waiting.push_back((Expect::Quit, b"QUIT\r\n".to_vec()));
        self.pump(now);
    }

    fn greet(&mut self, now: Time) {
        let verb = match self.settings.protocol {
            Protocol::Smtp => "EHLO",
            Protocol::Lmtp => "LHLO",
        };
        self.offers = Offers::default();
        self.waiting.push_back((Expect::Ehlo, format!("{verb} {}\r\n", self.settings.helo).into_bytes()));
        self.pump(now);
    }

    /// Sends what may be sent now.
    fn pump(&mut self, now: Time) {
        let window = if self.offers.pipelining { PIPELINE_COMMANDS_MAX } else { 1 };
        let mut out = Vec::new();
        while self.expected.len() < window {
            let Some((expect, line)) = self.waiting.pop_front() else { break };
            out.extend_from_slice(&line);
            self.expected.push_back(expect);
        }
        if !out.is_empty() {
            self.actions.push_back(Action::Send(out));
        }
        self.deadline = self.expected.front().map(|expect| now + self.time_for(*expect));
    }

    fn time_for(&self, expect: Expect) -> Duration {
        match expect {
            Expect::Greeting => self.settings.timeouts.greeting,
            Expect::Data => self.settings.timeouts.data,
            Expect::Dot | Expect::DotFor(_) => self.settings.timeouts.dot,
            _ => self.settings.timeouts.command,
        }
    }

    fn phase(&self) -> &'static str {
        match (self.expected.front(), &self.message) {
            (Some(expect), _) => expect.phase(),
            (None, Some(_)) => "during the message",
            (None, None) => "while idle",
        }
    }

    fn set(&mut self, index: usize, value: Outcome) {
        if let Some(slot) = self.message.as_mut().and_then(|message| message.outcomes.get_mut(index))
            && slot.is_none()
        {
            *slot = Some(value);
        }
    }

    fn settle_open(&mut self, value: &Outcome) {
        if let Some(message) = &mut self.message {
            message.accepted = 0;
            for slot in message.outcomes.iter_mut().filter(|slot| slot.is_none()) {
                *slot = Some(value.clone());
            }
        }
    }

    /// Reports the message. The transaction is ended with RSET where the server may still be in one.
    fn finish(&mut self, now: Time) {
        let Some(message) = self.message.take() else { return };
        let broken = || Outcome::Broken(Failure::Closed("before the end of the message"));
        let outcomes: Vec<_> = message.outcomes.into_iter().map(|slot| slot.unwrap_or_else(broken)).collect();
        let clean = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Accepted(_)));
        let begun = !outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unsuitable(..)));
        self.actions.push_back(Action::Finished(outcomes));
        if !clean && begun {
            self.waiting.push_back((Expect::Rset, b"RSET\r\n".to_vec()));
            return self.pump(now);
        }
        self.ready();
    }

    /// 421 as the reply to something: that something gets it, the rest of the message is broken.
    fn fail_at(&mut self, expect: Expect, reply: Reply) {
        match expect {
            Expect::Rcpt(index) | Expect::DotFor(index) => self.set(index, Outcome::Refused(reply.clone())),
            Expect::Mail | Expect::Data | Expect::Dot => self.settle_open(&Outcome::Refused(reply.clone())),
            _ => {}
        }
        self.fail(Failure::Unfriendly(reply));
    }

    fn fail(&mut self, failure: Failure) {
        self.done = true;
        self.waiting.clear();
        self.expected.clear();
        self.settle_open(&Outcome::Broken(failure.clone()));
        if let Some(message) = self.message.take() {
            self.actions.push_back(Action::Finished(message.outcomes.into_iter().flatten().collect()));
        }
        self.actions.push_back(Action::Failed(failure));
    }
}
