//! What a session is given, what it knows about its client, and what it asks its owner to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::path::{ForwardPath, ReversePath};
use crate::question::{Login, Question, RecipientParameters, SenderParameters};

/// Time since an origin of the caller's choice (the start of the process); never goes back.
pub type Time = Duration;

/// What the owner of the connection has to do next.
#[derive(Debug)]
pub enum Action {
    /// Write these bytes to the client.
    Send(Vec<u8>),
    /// Decide, then call [`Session::handle_answer`].
    Ask(Question),
    /// Content of the message, unstuffed, CRLF line ends: append it to the draft of this transaction.
    Body(Vec<u8>),
    /// The transaction ended without a message (RSET, failure, QUIT ...): drop the draft, if any.
    Discard,
    /// Write what is pending, drop all input read so far, start TLS, then call [`Session::handle_tls`].
    StartTls,
    /// Write what is pending and close.
    Close,
}

/// What is the same for all sessions of a listener. Built anew on reload.
#[derive(Clone, Debug)]
pub struct Config {
    pub hostname: String,
    pub role: Role,
    pub profile: Profile,
    /// Texts of rows overridden by key (`[replies]`).
    pub texts: std::collections::HashMap<String, String>,
    /// Verbs that are switched off, upper case.
    pub disabled: Vec<String>,
    /// AUTH mechanisms in the order to advertise.
    pub mechanisms: Vec<Mechanism>,
    pub allow_plaintext_without_tls: bool,
    /// A certificate is loaded and the listener's `tls` is `starttls`.
    pub starttls: bool,
    pub require_helo: bool,
    pub deny_telnet: bool,
    /// 0: unlimited.
    pub max_recipients: usize,
    /// Bytes, for EHLO's SIZE and for SIZE= at MAIL; 0: unlimited. The largest that anybody here may send: the
    /// effective limit of three levels is the server's to check, in its answers.
    pub max_message_size: u64,
    /// Bytes; 0: none. Row 34.
    pub hard_ceiling: u64,
    /// Drop the connection after row 34 instead of reading to the dot.
    pub close_on_ceiling: bool,
    pub max_errors: u32,
    pub max_auth_failures: u32,
    pub command_timeout: Duration,
    pub data_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Mx,
    Submission,
    Lmtp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Merak,
    Rfc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    Login,
    ScramSha256,
    ScramSha256Plus,
}

/// What is known about the client, for decisions and for the log.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Unique for each connection; stands in the log.
    pub session_id: String,
    /// The listener's name.
    pub listener: String,
    /// After a believed PROXY header: the real client.
    pub client: SocketAddr,
    pub local: SocketAddr,
    pub greeting: Option<Greeting>,
    pub tls: Option<Tls>,
    pub login: Option<Login>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    pub verb: GreetingVerb,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreetingVerb {
    Helo,
    Ehlo,
    Lhlo,
}

/// Facts of the TLS connection the session runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `TLSv1.3`, as in Received and in logs.
    pub version: String,
    pub cipher: String,
    /// RFC 9266 `tls-exporter`; none below TLS 1.3.
    pub exporter: Option<[u8; 32]>,
    /// RFC 5929 `tls-server-end-point`: hash of the server certificate.
    pub server_end_point: Option<Vec<u8>>,
}

/// A mail transaction, from an accepted MAIL on.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Also the queue id of the message; stands in every reply about it.
    pub id: String,
    pub sender: ReversePath,
    pub parameters: SenderParameters,
    pub recipients: Vec<Recipient>,
}

#[derive(Clone, Debug)]
pub struct Recipient {
    pub path: ForwardPath,
    pub parameters: RecipientParameters,
}

/// Makes the ids of transactions; the server's are unique over all nodes.
pub type NextId = Arc<dyn Fn() -> String + Send + Sync>;

/// Fills a buffer with unpredictable bytes (SCRAM nonces); fixed in tests.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;
