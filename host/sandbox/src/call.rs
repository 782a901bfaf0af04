//! What a filter is asked and what came of it: the facts of one call and its evaluation. Data only.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::hook::Hook;
use crate::verdict::{Edit, Score, Verdict};

/// One question to one filter. The server fills in what the hook's interface names.
#[derive(Clone)]
pub struct Call {
    pub hook: Hook,
    /// For all hooks but [`Hook::Feedback`].
    pub session: Option<Arc<Session>>,
    pub transaction: Option<Arc<Transaction>>,
    /// For [`Hook::Recipient`].
    pub recipient: Option<Recipient>,
    /// For [`Hook::Message`] and [`Hook::Feedback`].
    pub message: Option<Arc<dyn Content>>,
    /// For [`Hook::Outcome`].
    pub outcome: Option<Outcome>,
    /// For [`Hook::Feedback`].
    pub class: Option<Class>,
    /// Points of the filters before this one.
    pub score: f64,
    /// What this filter noted on this connection before.
    pub notes: BTreeMap<String, Vec<u8>>,
    /// Milliseconds since the Unix epoch.
    pub time: u64,
    /// Recorded and not acted on.
    pub shadow: bool,
}

/// What is known of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub listener: String,
    pub remote: IpAddr,
    pub remote_port: u16,
    pub local: IpAddr,
    pub reverse_name: Option<String>,
    pub helo: Option<String>,
    pub tls_version: Option<String>,
    pub user: Option<String>,
    pub attributes: BTreeMap<String, String>,
}

/// What is known of a transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    pub id: String,
    /// Without brackets; empty: the null reverse-path.
    pub sender: String,
    pub sender_parameters: Vec<Parameter>,
    pub recipients: Vec<Recipient>,
    pub authentication: Vec<AuthenticationResult>,
    pub attributes: BTreeMap<String, String>,
}

/// An ESMTP parameter, keyword in upper case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub keyword: String,
    pub value: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub address: String,
    pub parameters: Vec<Parameter>,
}

/// In the vocabulary of RFC 8601.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationResult {
    pub method: String,
    pub outcome: String,
    pub properties: Vec<(String, String)>,
}

/// How a message ended: `queued`, `rejected`, … and the reply line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub outcome: String,
    pub reply: String,
}

/// What somebody who knows has said a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    Ham,
    Spam,
    Other(String),
}

/// A header field: unfolded, without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub value: Vec<u8>,
}

/// The message as the filters before left it. Methods answer from memory or from a local file and must be quick;
/// indexes beyond the end are answered with nothing.
pub trait Content: Send + Sync {
    fn size(&self) -> u64;
    /// At most `limit` bytes; fewer only at the end.
    fn read(&self, start: u64, limit: usize) -> Vec<u8>;
    fn count_fields(&self) -> usize;
    fn list_fields(&self, start: usize, limit: usize) -> Vec<Field>;
    fn fields(&self, name: &str) -> Vec<Field>;
    fn decoded_fields(&self, name: &str) -> Vec<String>;
    fn defects(&self) -> Vec<String>;
    fn count_parts(&self) -> usize;
    fn part(&self, index: usize) -> Option<PartFacts>;
    fn part_parameter(&self, index: usize, name: &str) -> Option<String>;
    fn part_fields(&self, index: usize, name: &str) -> Vec<Field>;
    /// Transfer-decoded.
    fn part_size(&self, index: usize) -> u64;
    fn part_read(&self, index: usize, start: u64, limit: usize) -> Vec<u8>;
    /// Text and where the next piece starts; none: no text or an unknown charset.
    fn part_text(&self, index: usize, start: u64, limit: usize) -> Option<(String, Option<u64>)>;
}

/// What does not need the part's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartFacts {
    pub parent: Option<usize>,
    pub media_type: String,
    pub disposition: Option<String>,
    pub filename: Option<String>,
}

/// What one call gave. Scores, edits and notes are empty where there is no verdict.
#[derive(Clone, Debug)]
pub struct Evaluation {
    pub verdict: Result<Verdict, Failure>,
    pub scores: Vec<Score>,
    pub edits: Vec<Edit>,
    /// All notes of this filter on this connection, if any was set.
    pub notes: Option<BTreeMap<String, Vec<u8>>>,
    pub log: Vec<LogLine>,
    /// Lines over the limit.
    pub log_dropped: u64,
    pub counters: Vec<(String, u64)>,
    pub host_calls: u64,
    pub took: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub level: Level,
    pub message: String,
    pub fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}
