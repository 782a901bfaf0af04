//! Every default of the configuration, and nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::*;

pub(super) const DATA_DIR: &str = "/var/lib/postwarden";
pub(super) const TLS_CERTIFICATE: &str = "tls/fullchain.pem";
pub(super) const TLS_KEY: &str = "tls/privkey.pem";
pub(super) const MAILDIR: &str = "mail/{domain}/{user}";
pub(super) const TOKEN_FILE: &str = "admin.token";

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Where a listener of this role listens when it does not say.
pub(super) fn bind(role: Role, tls: ListenerTls) -> Vec<SocketAddr> {
    let any4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    match (role, tls) {
        (Role::Mx, _) => vec![SocketAddr::new(any4, 25), SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 25)],
        (Role::Submission, ListenerTls::Implicit) => vec![SocketAddr::new(any4, 465)],
        (Role::Submission, _) => vec![SocketAddr::new(any4, 587)],
        (Role::Lmtp, _) => vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 24)],
    }
}

/// The listeners of a file that names none.
pub(super) fn listeners() -> Vec<Listener> {
    [("mx", Role::Mx), ("submission", Role::Submission)]
        .into_iter()
        .map(|(name, role)| Listener {
            name: name.into(),
            bind: bind(role, ListenerTls::Starttls),
            role,
            tls: ListenerTls::Starttls,
            proxy_protocol: Vec::new(),
        })
        .collect()
}

pub(super) fn relay_from() -> Vec<Network> {
    vec![
        Network { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 },
        Network { address: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
    ]
}

/// Where a mail exchanger of somebody else cannot be reached.
pub(super) fn mx_refused() -> Vec<Network> {
    vec![
        Network { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix: 8 },
        Network { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 },
        Network { address: IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), prefix: 3 },
        Network { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix: 127 },
        Network { address: IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), prefix: 8 },
    ]
}

pub(super) fn quarantine_expire() -> Duration {
    Duration::from_secs(30 * DAY)
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            replies: Profile::Merak,
            require_helo: true,
            deny_telnet: false,
            max_recipients: 100,
            max_message_size: 50 << 20,
            hard_ceiling: 100 << 20,
            close_on_ceiling: false,
            max_sessions: 10_000,
            max_sessions_per_ip: 50,
            max_connections_per_minute_per_ip: 0,
            max_messages_per_session: 0,
            max_errors: 20,
            command_timeout: Duration::from_secs(5 * MINUTE),
            data_timeout: Duration::from_secs(10 * MINUTE),
            max_hops: 50,
            disabled_commands: vec!["VRFY".into(), "EXPN".into(), "ETRN".into()],
        }
    }
}

impl Default for Security {
    fn default() -> Self {
        Self { reject_no_rdns: false, reject_unauthorized_local_sender: true, sender_must_match_login: true }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            mechanisms: vec![Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256, Mechanism::ScramSha256Plus],
            allow_plaintext_without_tls: false,
            max_failures_per_ip: FailureLimit::default(),
        }
    }
}

impl Default for FailureLimit {
    fn default() -> Self {
        Self { count: 10, within: Duration::from_secs(10 * MINUTE), block_for: Duration::from_secs(30 * MINUTE) }
    }
}

impl Default for Submission {
    fn default() -> Self {
        Self { complete: true, foreign_from: ForeignFrom::Sender }
    }
}

impl Default for UnauthenticPolicy {
    fn default() -> Self {
        Self { fail: OnUnauthentic::Tag, score: 3.0 }
    }
}

impl Default for SendLimit {
    fn default() -> Self {
        Self { messages: 0, bytes: 0, within: Duration::from_secs(DAY), exceeded: LimitExceeded::Refuse }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        let hours = |count: u64| Duration::from_secs(count * HOUR);
        let minutes = |count: u64| Duration::from_secs(count * MINUTE);
        Self {
            local: LocalDelivery::Maildir { pattern: MAILDIR.into() },
            smarthost: None,
            tls: DeliveryTls::Opportunistic,
            routes: BTreeMap::new(),
            port: 25,
            mx_refused: mx_refused(),
            dane: true,
            trust_anchors: None,
            mta_sts: true,
            policy_port: 443,
            retry: vec![minutes(5), minutes(15), minutes(30), hours(1), hours(2), hours(4), hours(8)],
            expire: Duration::from_secs(4 * DAY),
            warn_after: hours(4),
            max_connections_per_destination: 20,
            dkim: Vec::new(),
            srs: true,
            resolver: Vec::new(),
        }
    }
}

impl Default for Scores {
    fn default() -> Self {
        Self {
            mark: 5.0,
            quarantine: 0.0,
            reject: 10.0,
            refuse_action: RefuseAction::Reject,
            subject_tag: String::new(),
        }
    }
}

impl Default for Challenge {
    fn default() -> Self {
        Self { enabled: true, url: String::new(), expire: Duration::from_secs(7 * DAY) }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8025), token_file: PathBuf::from(TOKEN_FILE) }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { json: false, level: "info".into(), history: Duration::from_secs(30 * DAY) }
    }
}

impl Default for OnFailure {
    fn default() -> Self {
        Self { default: FailureAction::Defer, by_cause: BTreeMap::new() }
    }
}

impl Default for FilterBreaker {
    fn default() -> Self {
        Self { failures: 10, within: Duration::from_secs(MINUTE), pause: Duration::from_secs(30) }
    }
}

/// How often the state that a filter was built from is compared.
pub(super) const FILTER_REFRESH: Duration = Duration::from_secs(10);

/// Share of a canary that names none.
pub(super) const CANARY_SHARE: f64 = 0.05;
