//! A server in a test: set what the filter shall see, call its hooks, look at what it did. No WebAssembly, no network,
//! no clock but the test's. Each test thread has a host of its own.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use postwarden_mail::mime;
use serde_json::Value;

pub use crate::fake::Edit;
use crate::fake::{World, world};
use crate::{
    Answer, AuthenticationResult, Class, Failure, Filter, Message, Problems, Recipient, Session, Transaction,
    configure, dns,
};

/// The host of this thread. Making one forgets the one before.
#[must_use]
pub struct FakeHost(());

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeHost {
    pub fn new() -> Self {
        world(|world| *world = World::default());
        Self(())
    }

    /// Another session and transaction in the same world: files, DNS, state, clock and counters stay.
    pub fn kept() -> Self {
        world(|world| {
            let fresh = World {
                granted: world.granted,
                dns: std::mem::take(&mut world.dns),
                assets: std::mem::take(&mut world.assets),
                state: std::mem::take(&mut world.state),
                now: world.now,
                counters: std::mem::take(&mut world.counters),
                ..World::default()
            };
            *world = fresh;
        });
        Self(())
    }

    /// The raw message; lines may end with LF, which becomes CRLF.
    pub fn message(self, text: &str) -> Self {
        let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        world(|world| world.message = Rc::new(mime::Message::new(text.into_bytes())));
        self
    }

    /// The raw message as bytes that need not be text; line ends as for [`Self::message`].
    pub fn message_bytes(self, bytes: &[u8]) -> Self {
        let mut raw = Vec::with_capacity(bytes.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let end = line.strip_suffix(b"\n").map_or("", |_| "\r\n");
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            raw.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            raw.extend_from_slice(end.as_bytes());
        }
        world(|world| world.message = Rc::new(mime::Message::new(raw)));
        self
    }

    pub fn sender(self, address: &str) -> Self {
        world(|world| world.sender = address.to_owned());
        self
    }

    /// One more recipient.
    pub fn recipient(self, address: &str) -> Self {
        let recipient = Recipient { address: address.to_owned(), parameters: Vec::new() };
        world(|world| world.recipients.push(recipient));
        self
    }

    pub fn remote(self, address: IpAddr) -> Self {
        world(|world| world.remote = address);
        self
    }

    pub fn helo(self, name: &str) -> Self {
        world(|world| world.helo = Some(name.to_owned()));
        self
    }

    pub fn reverse_name(self, name: &str) -> Self {
        world(|world| world.reverse_name = Some(name.to_owned()));
        self
    }

    /// Authenticated as this account.
    pub fn user(self, account: &str) -> Self {
        world(|world| world.user = Some(account.to_owned()));
        self
    }

    /// One more local domain: the transaction's attributes tell which of the envelope's are.
    pub fn local_domain(self, domain: &str) -> Self {
        world(|world| world.local_domains.insert(domain.to_ascii_lowercase()));
        self
    }

    /// A fact about the session, by name.
    pub fn attribute(self, name: &str, value: &str) -> Self {
        world(|world| world.attributes.insert(name.to_owned(), value.to_owned()));
        self
    }

    /// `spf`, `pass`, as in RFC 8601.
    pub fn authentication(self, method: &str, outcome: &str) -> Self {
        let result =
            AuthenticationResult { method: method.to_owned(), outcome: outcome.to_owned(), properties: Vec::new() };
        world(|world| world.authentication.push(result));
        self
    }

    /// What the DNS says to this question; names that are not set do not exist.
    pub fn dns(self, name: &str, record_type: u16, answer: Result<Vec<dns::RecordData>, dns::Error>) -> Self {
        let answer = answer.map(|records| dns::Answer { records, ttl: 300, authenticated: false });
        world(|world| world.dns.insert((name.to_ascii_lowercase(), record_type), answer));
        self
    }

    pub fn asset(self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        world(|world| world.assets.insert(name.to_owned(), content.into()));
        self
    }

    /// A TCP peer at `host:port` that takes everything and says this.
    pub fn peer(self, address: &str, said: impl Into<Vec<u8>>) -> Self {
        world(|world| world.peers.insert(address.to_owned(), said.into()));
        self
    }

    /// Takes one of `edit`, `recipients`, `dns` and `state` away; all are granted at first.
    pub fn without(self, grant: &str) -> Self {
        world(|world| match grant {
            "edit" => world.granted.edit = false,
            "recipients" => world.granted.recipients = false,
            "dns" => world.granted.dns = false,
            "state" => world.granted.state = false,
            other => unreachable!("there is no grant {other:?} to take away"),
        });
        self
    }

    /// What every call has left of its time, in milliseconds: at first 250.
    pub fn time_left(self, milliseconds: u64) -> Self {
        world(|world| world.time_left = milliseconds.saturating_mul(1_000_000));
        self
    }

    /// Moves the clock on, in milliseconds.
    pub fn wait(&self, milliseconds: u64) {
        world(|world| world.now = world.now.saturating_add(milliseconds));
    }

    /// Configures a filter as the server does: without DNS, and without writing state.
    pub fn configure<F: Filter>(&self, settings: Value) -> Result<F, Problems> {
        world(|world| {
            (world.configuring, world.watched, world.patterns) = (true, BTreeMap::new(), BTreeMap::new());
        });
        let configured = configure::configure(&settings.to_string());
        world(|world| world.configuring = false);
        configured
    }

    /// Whether the server would load the filter again now: a value that the last `configure` has read with `get` is
    /// another one.
    pub fn is_stale(&self) -> bool {
        world(|world| world.watched.iter().any(|(place, value)| world.value(place) != *value))
    }

    pub fn on_connect(&self, filter: &impl Filter) -> Answer {
        filter.on_connect(&Session::new())
    }

    pub fn on_greeting(&self, filter: &impl Filter) -> Answer {
        filter.on_greeting(&Session::new())
    }

    pub fn on_sender(&self, filter: &impl Filter) -> Answer {
        filter.on_sender(&Session::new(), &Transaction::new())
    }

    pub fn on_recipient(&self, filter: &impl Filter, address: &str) -> Answer {
        world(|world| world.proposed = Some(address.to_owned()));
        let recipient = Recipient { address: address.to_owned(), parameters: Vec::new() };
        let answer = filter.on_recipient(&Session::new(), &Transaction::new(), &recipient);
        world(|world| world.proposed = None);
        answer
    }

    pub fn on_message(&self, filter: &impl Filter) -> Answer {
        filter.on_message(&Session::new(), &Transaction::new(), &Message::new())
    }

    pub fn on_feedback(&self, filter: &impl Filter, class: Class) -> Result<(), Failure> {
        filter.on_feedback(&Message::new(), class)
    }

    pub fn on_outcome(&self, filter: &impl Filter, outcome: &str, reply: &str) {
        filter.on_outcome(&Session::new(), &Transaction::new(), outcome, reply);
    }

    /// Symbols and points, in their order.
    pub fn scores(&self) -> Vec<(String, f64)> {
        world(|world| world.scores.clone())
    }

    pub fn edits(&self) -> Vec<Edit> {
        world(|world| world.edits.clone())
    }

    /// All that was sent to a peer.
    pub fn sent(&self, address: &str) -> Vec<u8> {
        world(|world| world.sent.get(address).cloned().unwrap_or_default())
    }

    /// `Info: message name=value`
    pub fn log(&self) -> Vec<String> {
        world(|world| world.log.clone())
    }

    pub fn counter(&self, name: &str) -> u64 {
        world(|world| world.counters.get(name).copied().unwrap_or(0))
    }
}
