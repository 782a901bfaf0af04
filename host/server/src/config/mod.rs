//! The configuration as the rest of the server sees it: plain values, checked, with defaults filled in.
//! How it is read, and what is said about a bad file, stands in `read.rs`.
//!
//! Each field's doc is the operator's reference. Limits: 0 means unlimited.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postwarden_sandbox::{Cause, Grants, Limits};

pub mod address;
mod authentication;
mod defaults;
mod delivery;
mod domains;
pub(crate) mod entry;
mod filters;
mod listeners;
pub mod network;
pub mod read;
#[cfg(test)]
mod read_tests;
mod routes;
mod sections;
pub mod suggest;
pub(crate) mod table;
pub mod units;

pub use sections::{MECHANISMS, VERBS};

pub use postwarden_smtp::session::{Mechanism, Profile, Role};

use crate::signing;

#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from; none for `postwarden dev`.
    pub file: Option<PathBuf>,
    pub hostname: String,
    pub data_dir: PathBuf,
    pub listeners: Vec<Listener>,
    pub tls: Option<TlsFiles>,
    pub smtp: Smtp,
    /// `[replies]`: text by row key.
    pub replies: BTreeMap<String, String>,
    pub security: Security,
    pub auth: Auth,
    pub authentication: Authentication,
    pub submission: Submission,
    /// `[relay] from`
    pub relay_from: Vec<Network>,
    /// By domain, lower case.
    pub domains: BTreeMap<String, DomainConfig>,
    pub accounts: AccountsBackend,
    pub store: StoreBackend,
    pub delivery: Delivery,
    pub scores: Scores,
    pub challenge: Challenge,
    pub quarantine_expire: Duration,
    pub admin: Admin,
    pub log: Log,
    pub filters: Vec<Filter>,
}

#[derive(Clone, Debug)]
pub struct Listener {
    pub name: String,
    pub bind: Vec<SocketAddr>,
    pub role: Role,
    pub tls: ListenerTls,
    /// Networks whose PROXY v1/v2 header is believed.
    pub proxy_protocol: Vec<Network>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerTls {
    Starttls,
    Implicit,
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Smtp {
    pub replies: Profile,
    pub require_helo: bool,
    pub deny_telnet: bool,
    pub max_recipients: usize,
    /// Bytes: the server's level of three.
    pub max_message_size: u64,
    /// Bytes.
    pub hard_ceiling: u64,
    /// Whether the connection is closed after row 34 (`close-on-ceiling`, default false).
    pub close_on_ceiling: bool,
    pub max_sessions: usize,
    pub max_sessions_per_ip: usize,
    /// New connections of one IP in a minute (`max-connections-per-minute-per-ip`, default 0).
    pub max_connections_per_minute_per_ip: u32,
    /// Messages of one session (`max-messages-per-session`, default 0).
    pub max_messages_per_session: u32,
    pub max_errors: u32,
    pub command_timeout: Duration,
    pub data_timeout: Duration,
    pub max_hops: usize,
    /// Verbs switched off, upper case. Default: VRFY, EXPN, ETRN.
    pub disabled_commands: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Security {
    pub reject_no_rdns: bool,
    pub reject_unauthorized_local_sender: bool,
    pub sender_must_match_login: bool,
}

#[derive(Clone, Debug)]
pub struct Auth {
    pub mechanisms: Vec<Mechanism>,
    pub allow_plaintext_without_tls: bool,
    pub max_failures_per_ip: FailureLimit,
}

#[derive(Clone, Debug)]
pub struct FailureLimit {
    pub count: u32,
    pub within: Duration,
    pub block_for: Duration,
}

/// `[submission]`: mail of users who logged in.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Date, Message-ID and From are added where they are missing, Bcc is taken out.
    pub complete: bool,
    /// From is neither the login's own address nor one that leads to it (where `sender-must-match-login` is on).
    pub foreign_from: ForeignFrom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignFrom {
    /// A Sender field names the login.
    Sender,
    /// Row 8.
    Reject,
    Keep,
}

/// `[authentication]`: mail of others, by who really sent it.
#[derive(Clone, Debug, Default)]
pub struct Authentication {
    /// The client may not send for the sender's domain.
    pub spf: UnauthenticPolicy,
    /// There are signatures, and none of them is right.
    pub dkim: UnauthenticPolicy,
    /// Neither SPF nor DKIM speaks for the author's domain, which has a DMARC record.
    pub dmarc: UnauthenticPolicy,
    /// Whether domains that ask for it get a report of what was seen of them each day (`dmarc.reports`, default false).
    pub dmarc_reports: bool,
    /// A chain of forwarders is broken.
    pub arc: UnauthenticPolicy,
    /// Domains whose seal, last in a chain that holds, makes good for DMARC (`arc.trusted`).
    pub arc_trusted: Vec<String>,
    /// Clients whose mail is not judged: backup MX, forwarders of ours.
    pub exempt: Vec<Network>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnauthenticPolicy {
    pub fail: OnUnauthentic,
    /// Points for `score`.
    pub score: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnauthentic {
    /// `Authentication-Results`, and facts for filters; nothing else.
    Tag,
    Score,
    Quarantine,
    /// 550 5.7.23, 5.7.20, 5.7.26 or 5.7.29.
    Reject,
    /// As the author's domain asks in its DMARC record.
    Policy,
}

#[derive(Clone, Debug, Default)]
pub struct DomainConfig {
    pub unknown_users: UnknownUsers,
    pub max_message_size: u64,
    /// Bytes for the whole domain.
    pub quota: u64,
    /// Row 33 as 452 4.2.2 (`quota-temporary`, default false).
    pub quota_temporary: bool,
    pub send_limit: SendLimit,
    pub override_global_limits: bool,
}

/// What happens to mail for an address of the domain that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UnknownUsers {
    /// Row 21.
    #[default]
    Unset,
    /// Row 22.
    Reject,
    Discard,
    Forward(String),
}

#[derive(Clone, Debug)]
pub struct SendLimit {
    pub messages: u64,
    pub bytes: u64,
    pub within: Duration,
    pub exceeded: LimitExceeded,
}

/// What becomes of mail beyond a send limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    /// Row 17.
    Refuse,
    /// Taken, and held until an operator lets it go.
    Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountsBackend {
    Store,
    /// `accounts.toml` beside the configuration.
    File,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreBackend {
    Sqlite,
    Postgres { url: String },
}

#[derive(Clone, Debug)]
pub struct Delivery {
    pub local: LocalDelivery,
    /// `host:port` that takes all mail for other hosts; none: MX.
    pub smarthost: Option<String>,
    /// TLS with the next host, where no route says otherwise (`tls`, default "opportunistic").
    pub tls: DeliveryTls,
    /// By domain, lower case; `.example.org` is for what lies below it (`routes`, default none).
    pub routes: BTreeMap<String, DeliveryRoute>,
    /// Port of mail exchangers found by MX (`port`, default 25).
    pub port: u16,
    /// Networks in which no mail exchanger of others can lie (`mx-refused`, default: unspecified,
    /// loopback, multicast).
    pub mx_refused: Vec<Network>,
    /// Whether TLSA records count that DNSSEC proves (`dane`, default true).
    pub dane: bool,
    /// File of DNSKEY records that stand for the root of the DNS; none: the published ones
    /// (`trust-anchors`, default none).
    pub trust_anchors: Option<PathBuf>,
    /// Whether MTA-STS policies count (`mta-sts`, default true).
    pub mta_sts: bool,
    /// Port of the hosts of MTA-STS policies (`policy-port`, default 443).
    pub policy_port: u16,
    pub retry: Vec<Duration>,
    pub expire: Duration,
    pub warn_after: Duration,
    pub max_connections_per_destination: usize,
    pub dkim: Vec<DkimKey>,
    /// Whether what an alias forwards to other hosts gets a sender of this server (`srs`, default true).
    pub srs: bool,
    /// Empty: the system's.
    pub resolver: Vec<SocketAddr>,
}

/// Where the mail for one domain goes, whatever the rest of `[delivery]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRoute {
    /// As [`Delivery::smarthost`]; none: MX.
    pub smarthost: Option<String>,
    pub tls: DeliveryTls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryTls {
    /// Where it is offered; any certificate; in clear where it fails.
    Opportunistic,
    /// With a certificate that is valid for the host's name, or not at all.
    Required,
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalDelivery {
    /// Absolute, with `{domain}` and `{user}` still in it.
    Maildir { pattern: String },
    /// `host:port` or `unix:/path`.
    Lmtp { to: String },
}

#[derive(Clone, Debug)]
pub struct DkimKey {
    pub domain: String,
    pub selector: String,
    pub key: PathBuf,
    /// What the file holds.
    pub secret: Arc<signing::Key>,
}

#[derive(Clone, Debug)]
pub struct Scores {
    pub mark: f64,
    pub quarantine: f64,
    pub reject: f64,
    pub refuse_action: RefuseAction,
    pub subject_tag: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefuseAction {
    Reject,
    Discard,
}

#[derive(Clone, Debug)]
pub struct Challenge {
    pub enabled: bool,
    pub url: String,
    pub expire: Duration,
}

#[derive(Clone, Debug)]
pub struct Admin {
    pub bind: SocketAddr,
    pub token_file: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub json: bool,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a tracing filter directive.
    pub level: String,
    pub history: Duration,
}

/// One `[[filter]]`. Whether its component can run is found out when it is loaded.
#[derive(Clone, Debug)]
pub struct Filter {
    pub name: String,
    /// `builtin:NAME`, or an absolute path.
    pub component: String,
    /// What a message gets whose call failed.
    pub on_failure: OnFailure,
    /// `deadline`, `cpu`, `memory` and the other budgets of one call. None of them may be 0.
    pub limits: Limits,
    pub breaker: FilterBreaker,
    /// Evaluated and recorded, not acted on.
    pub shadow: bool,
    /// Runs even where an earlier filter said `accept`.
    pub always: bool,
    /// A candidate that is asked beside the standing version.
    pub canary: Option<FilterCanary>,
    /// How often the state that the filter got while it was configured is compared with what stands there today
    /// (`refresh`, default 10 s); a change loads it again. 0: only when something was learned by a command.
    pub refresh: Duration,
    /// A folder of tests as `postwarden filter test` runs them, messages with what is expected of each. A component that
    /// fails one does not stand.
    pub self_test: Option<PathBuf>,
    /// Nothing by default. Paths in it are absolute.
    pub grants: Grants,
    /// Handed to the filter as JSON; dates as text.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// One answer for all causes of failure, or another for some of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnFailure {
    pub default: FailureAction,
    pub by_cause: BTreeMap<Cause, FailureAction>,
}

impl OnFailure {
    pub fn action(&self, cause: Cause) -> FailureAction {
        self.by_cause.get(&cause).copied().unwrap_or(self.default)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureAction {
    /// 451 4.3.0.
    Defer,
    Pass,
    /// Row 35.
    Reject,
}

/// When a filter that keeps failing is rolled back, or asked no more for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterBreaker {
    /// So many failed calls; 0: never.
    pub failures: u32,
    /// In this time.
    pub within: Duration,
    /// How long its calls are answered with `on-failure` before one is tried again.
    pub pause: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FilterCanary {
    /// As [`Filter::component`].
    pub component: String,
    /// Of the messages (of the connections, at hooks before a message), between 0 and 1.
    pub share: f64,
}

/// An IP network in CIDR form; a bare address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub address: IpAddr,
    pub prefix: u8,
}

impl Network {
    /// Whether the address is inside. An IPv4-mapped IPv6 address counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32u32.saturating_sub(u32::from(self.prefix));
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128u32.saturating_sub(u32::from(self.prefix));
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}
