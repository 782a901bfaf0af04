//! What a session is waiting for. A transaction lives inside the states that have one.
//!
//! `?` marks the states with an open question; they read no input.
//!
//! ```text
//!  Connecting? ──refused──────────────────────────────────────────────► Closed
//!      │                                    (also from every state: timeout, errors, stop)
//!      ▼                        ┌─────────────► Handshake ─handle_tls─► Idle
//!    Idle ──HELO EHLO LHLO──► Greeting? ──► Idle
//!      │ ───AUTH──► Login (lines) ◄──► LoginAsked? ──► Idle
//!      │ ───MAIL──► Starting? ──refused──► Idle
//!      ▼                │
//!    Envelope ◄─────────┘        VRFY, EXPN: LookingUp? from Idle, Envelope, Chunks and back
//!      │  ▲ RCPT: Adding?        BDAT out of place: Skipping from anywhere and back
//!      │  └──────┘
//!      ├──DATA──► Admitting? ──354──► Data ──────────dot──────────► Judging? ──► Idle
//!      └──BDAT──► Admitting? ──► Chunk ──octets──► Chunks          ▲
//!                                  ▲ └────────LAST────────────────┘
//!                                  └──BDAT── Chunks ──RSET──► Idle
//! ```

use crate::body::{ChunkWatch, DataReader};
use crate::refusal::Refusal;
use crate::reply::{Case, Row};
use crate::sasl::Exchange;
use crate::session::{Greeting, Recipient, Time, Transaction};

#[derive(Debug)]
pub(crate) enum State {
    Connecting,
    /// No transaction; greeted or not.
    Idle,
    /// The greeting before, should the new one be refused.
    Greeting(Option<Greeting>),
    Handshake,
    Login(Box<Exchange>),
    LoginAsked(Box<Exchange>),
    Starting(Box<Transaction>),
    Envelope(Box<Transaction>),
    Adding(Box<Transaction>, Box<Recipient>),
    Admitting(Box<Transaction>, Way),
    Data(Box<Transaction>, DataReader, Box<Content>),
    Chunk(Box<Transaction>, Chunk, Box<Content>),
    /// Between two chunks.
    Chunks(Box<Transaction>, Box<Content>),
    /// Reads over the octets of a BDAT that is refused.
    Skipping(Box<Skip>),
    Judging(Box<Transaction>),
    LookingUp(Box<State>),
    Closed,
}

/// How content will come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Data,
    Chunk(Chunk),
}

/// One BDAT command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    /// Octets that are still to come.
    pub(crate) left: u64,
    /// Octets of the whole chunk.
    pub(crate) size: u64,
    pub(crate) last: bool,
}

/// What is known about the content received so far.
#[derive(Debug)]
pub(crate) struct Content {
    /// When the first of it was awaited.
    pub(crate) started: Time,
    /// Octets handed out or dropped.
    pub(crate) size: u64,
    /// Why the message will be refused at its end; nothing is handed out any more.
    pub(crate) fault: Option<&'static Row>,
    pub(crate) watch: ChunkWatch,
}

#[derive(Debug)]
pub(crate) struct Skip {
    pub(crate) left: u64,
    pub(crate) before: State,
    pub(crate) why: Why,
}

/// Why a BDAT is refused.
#[derive(Debug)]
pub(crate) enum Why {
    Fault(&'static Row, Case),
    Refusal(Refusal),
}

impl Content {
    pub(crate) fn new(started: Time) -> Self {
        Self { started, size: 0, fault: None, watch: ChunkWatch::default() }
    }
}

impl State {
    pub(crate) fn transaction(&self) -> Option<&Transaction> {
        match self {
            Self::Envelope(transaction)
            | Self::Adding(transaction, _)
            | Self::Admitting(transaction, _)
            | Self::Data(transaction, ..)
            | Self::Chunk(transaction, ..)
            | Self::Chunks(transaction, _)
            | Self::Judging(transaction) => Some(transaction),
            Self::Skipping(skip) => skip.before.transaction(),
            Self::LookingUp(before) => before.transaction(),
            // Not accepted yet.
            Self::Starting(_) => None,
            Self::Connecting
            | Self::Idle
            | Self::Greeting(_)
            | Self::Handshake
            | Self::Login(_)
            | Self::LoginAsked(_)
            | Self::Closed => None,
        }
    }

    /// Whether an answer is awaited.
    pub(crate) fn asks(&self) -> bool {
        matches!(
            self,
            Self::Connecting
                | Self::Greeting(_)
                | Self::LoginAsked(_)
                | Self::Starting(_)
                | Self::Adding(..)
                | Self::Admitting(..)
                | Self::Judging(_)
                | Self::LookingUp(_)
        )
    }

    /// Whether content is on its way or a question about it is open.
    pub(crate) fn in_message(&self) -> bool {
        matches!(self, Self::Admitting(..) | Self::Data(..) | Self::Chunk(..) | Self::Chunks(..) | Self::Judging(_))
    }
}
