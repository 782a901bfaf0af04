//! The server's side of the contract for tests without WebAssembly: the same names and signatures as the generated
//! ones, over facts a test has set. One host a thread, made by [`crate::testing::FakeHost`].

pub(crate) mod content;
pub mod patterns;
pub(crate) mod services;
pub(crate) mod smtp;

pub use services::{assets, call, dns, state, tcp, telemetry};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::{AuthenticationResult, EsmtpParameter, Recipient};
use postwarden_mail::mime;

/// What is granted; everything, unless a test takes it away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Granted {
    pub(crate) edit: bool,
    pub(crate) recipients: bool,
    pub(crate) dns: bool,
    pub(crate) state: bool,
}

/// A change that was staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    AddHeader(String, String),
    ReplaceHeader(String, u32, String),
    RemoveHeader(String, Option<u32>),
    ReplacePart(u32, String, Vec<u8>),
    AddRecipient(String),
    RemoveRecipient(String),
    SetSender(String),
}

/// All that a test has set and a filter has done.
pub(crate) struct World {
    pub(crate) granted: Granted,
    pub(crate) helo: Option<String>,
    pub(crate) reverse_name: Option<String>,
    pub(crate) remote: std::net::IpAddr,
    pub(crate) user: Option<String>,
    pub(crate) tls_version: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) local_domains: BTreeSet<String>,
    /// The recipient of the call.
    pub(crate) proposed: Option<String>,
    pub(crate) notes: BTreeMap<String, Vec<u8>>,
    pub(crate) sender: String,
    pub(crate) sender_parameters: Vec<EsmtpParameter>,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) authentication: Vec<AuthenticationResult>,
    pub(crate) message: Rc<mime::Message>,
    pub(crate) dns: BTreeMap<(String, u16), Result<dns::Answer, dns::Error>>,
    pub(crate) assets: BTreeMap<String, Vec<u8>>,
    /// What a peer says, by `host:port`, and what was sent to it.
    pub(crate) peers: BTreeMap<String, Vec<u8>>,
    pub(crate) sent: BTreeMap<String, Vec<u8>>,
    /// Bucket and key to value and expiry, in milliseconds.
    pub(crate) state: BTreeMap<(String, String), (Vec<u8>, Option<u64>)>,
    pub(crate) configuring: bool,
    /// Name to patterns, and whether case is ignored.
    pub(crate) patterns: BTreeMap<String, (Vec<Vec<u8>>, bool)>,
    /// What the last `configure` got, by bucket and key.
    pub(crate) watched: BTreeMap<(String, String), Option<Vec<u8>>>,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: u64,
    /// Nanoseconds.
    pub(crate) time_left: u64,
    pub(crate) scores: Vec<(String, f64)>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) log: Vec<String>,
    pub(crate) counters: BTreeMap<String, u64>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            granted: Granted { edit: true, recipients: true, dns: true, state: true },
            helo: Some("client.example.org".to_owned()),
            reverse_name: None,
            remote: std::net::IpAddr::from([192, 0, 2, 1]),
            user: None,
            tls_version: None,
            attributes: BTreeMap::new(),
            local_domains: BTreeSet::new(),
            proposed: None,
            notes: BTreeMap::new(),
            sender: "sender@example.org".to_owned(),
            sender_parameters: Vec::new(),
            recipients: Vec::new(),
            authentication: Vec::new(),
            message: Rc::new(mime::Message::new(Vec::new())),
            dns: BTreeMap::new(),
            assets: BTreeMap::new(),
            peers: BTreeMap::new(),
            sent: BTreeMap::new(),
            state: BTreeMap::new(),
            configuring: false,
            patterns: BTreeMap::new(),
            watched: BTreeMap::new(),
            now: 1_000_000_000_000,
            time_left: 250_000_000,
            scores: Vec::new(),
            edits: Vec::new(),
            log: Vec::new(),
            counters: BTreeMap::new(),
        }
    }
}

impl World {
    /// What stands there and has not expired.
    pub(crate) fn value(&self, place: &(String, String)) -> Option<Vec<u8>> {
        let (value, expiry) = self.state.get(place)?;
        expiry.is_none_or(|expiry| expiry > self.now).then(|| value.clone())
    }
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Looks at this thread's world, or changes it.
pub(crate) fn world<T>(look: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(look)
}

/// Bytes of a piece, as the server cuts them.
fn piece(bytes: &[u8], start: u64, limit: u32) -> Vec<u8> {
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    bytes.iter().skip(start).take(limit).copied().collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
