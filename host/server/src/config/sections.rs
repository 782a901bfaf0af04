//! One function for each small section of the file: names, types, ranges. Defaults stand in `defaults.rs`.

use std::collections::BTreeMap;

use super::suggest::nearest;
use super::table::Section;
use super::*;

/// Longest text of `[replies]`, so that the reply line stays below RFC 5321's 512 octets with its
/// codes and transaction id.
const REPLY_TEXT_BYTES_MAX: usize = 400;

/// Every verb that `smtp.commands` may name.
pub const VERBS: &[&str] = &[
    "HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP", "ETRN",
    "AUTH", "STARTTLS",
];

pub(super) fn smtp(s: Section<'_>) -> Smtp {
    let d = Smtp::default();
    let smtp = Smtp {
        replies: s.choice("replies", &[("merak", Profile::Merak), ("rfc", Profile::Rfc)], d.replies),
        require_helo: s.bool("require-helo", d.require_helo),
        deny_telnet: s.bool("deny-telnet", d.deny_telnet),
        max_recipients: s.count("max-recipients", d.max_recipients),
        max_message_size: s.size("max-message-size", d.max_message_size),
        hard_ceiling: s.size("hard-ceiling", d.hard_ceiling),
        close_on_ceiling: s.bool("close-on-ceiling", d.close_on_ceiling),
        max_sessions: s.count("max-sessions", d.max_sessions),
        max_sessions_per_ip: s.count("max-sessions-per-ip", d.max_sessions_per_ip),
        max_connections_per_minute_per_ip: s
            .count("max-connections-per-minute-per-ip", d.max_connections_per_minute_per_ip),
        max_messages_per_session: s.count("max-messages-per-session", d.max_messages_per_session),
        max_errors: s.count("max-errors", d.max_errors),
        command_timeout: s.finite("command-timeout", d.command_timeout),
        data_timeout: s.finite("data-timeout", d.data_timeout),
        max_hops: s.count("max-hops", d.max_hops),
        disabled_commands: commands(s.section("commands"), d.disabled_commands),
    };
    if smtp.hard_ceiling != 0 && (smtp.max_message_size == 0 || smtp.hard_ceiling < smtp.max_message_size) {
        let at = s.get("hard-ceiling").map(|entry| entry.at).or(s.at);
        s.reader.warn(
            at,
            "smtp.hard-ceiling",
            "is below max-message-size, so larger messages end with row 34 (server-ceiling) before any other limit counts",
        );
    }
    s.finish();
    smtp
}

/// Verbs switched off: the default ones, changed by what is written.
fn commands(s: Section<'_>, mut disabled: Vec<String>) -> Vec<String> {
    for (name, entry) in s.entries() {
        let verb = name.to_ascii_uppercase();
        if !VERBS.contains(&verb.as_str()) {
            entry.error(match nearest(&verb, VERBS.iter().copied()) {
                Some(near) => format!("unknown command; did you mean \"{}\"?", near.to_ascii_lowercase()),
                None => format!("unknown command; known are: {}", VERBS.join(", ").to_ascii_lowercase()),
            });
            continue;
        }
        let Some(on) = entry.bool() else { continue };
        disabled.retain(|disabled| *disabled != verb);
        if !on {
            if matches!(verb.as_str(), "MAIL" | "RCPT" | "DATA" | "EHLO" | "QUIT") {
                entry.warn(format!("without {verb} hardly any client can deliver mail here"));
            }
            disabled.push(verb);
        }
    }
    disabled.sort_by_key(|verb| VERBS.iter().position(|known| known == verb));
    disabled
}

/// The rows of the specification by key: what `[replies]` may name.
fn row_keys() -> impl Iterator<Item = &'static str> {
    postwarden_smtp::reply::all().filter(|row| row.number > 0).map(|row| row.key)
}

pub(super) fn replies(s: Section<'_>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (key, entry) in s.entries() {
        if !row_keys().any(|known| known == key) {
            entry.error(match nearest(key, row_keys()) {
                Some(near) => format!("there is no reply of that name; did you mean \"{near}\"?"),
                None => {
                    format!("there is no reply of that name; known are: {}", row_keys().collect::<Vec<_>>().join(", "))
                }
            });
            continue;
        }
        let Some(text) = entry.text() else { continue };
        if text.trim().is_empty() {
            entry.error("is empty; leave the key out for the built-in text");
        } else if text.len() > REPLY_TEXT_BYTES_MAX {
            entry.error(format!("has {} bytes; a reply line has room for {REPLY_TEXT_BYTES_MAX}", text.len()));
        } else if !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            entry.error("must be one line of ASCII: every SMTP client has to be able to read it");
        } else {
            texts.insert(key.to_owned(), text.to_owned());
        }
    }
    texts
}

pub(super) fn security(s: Section<'_>) -> Security {
    let d = Security::default();
    let security = Security {
        reject_no_rdns: s.bool("reject-no-rdns", d.reject_no_rdns),
        reject_unauthorized_local_sender: s
            .bool("reject-unauthorized-local-sender", d.reject_unauthorized_local_sender),
        sender_must_match_login: s.bool("sender-must-match-login", d.sender_must_match_login),
    };
    s.finish();
    security
}

/// Mechanisms by the name clients see.
pub const MECHANISMS: &[(&str, Mechanism)] = &[
    ("PLAIN", Mechanism::Plain),
    ("LOGIN", Mechanism::Login),
    ("SCRAM-SHA-256", Mechanism::ScramSha256),
    ("SCRAM-SHA-256-PLUS", Mechanism::ScramSha256Plus),
];

pub(super) fn auth(s: Section<'_>) -> Auth {
    let d = Auth::default();
    let mechanisms = s.list("mechanisms", d.mechanisms, |text| {
        let names = || MECHANISMS.iter().map(|(name, _)| *name);
        MECHANISMS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, mechanism)| *mechanism).ok_or_else(
            || match nearest(text, names()) {
                Some(near) => format!("\"{text}\" is no mechanism of this server; did you mean \"{near}\"?"),
                None => format!(
                    "\"{text}\" is no mechanism of this server; known are: {}",
                    names().collect::<Vec<_>>().join(", ")
                ),
            },
        )
    });
    let auth = Auth {
        mechanisms,
        allow_plaintext_without_tls: s.bool("allow-plaintext-without-tls", d.allow_plaintext_without_tls),
        max_failures_per_ip: failure_limit(s.section("max-failures-per-ip"), d.max_failures_per_ip),
    };
    s.finish();
    auth
}

fn failure_limit(s: Section<'_>, d: FailureLimit) -> FailureLimit {
    let limit = FailureLimit {
        count: s.count("count", d.count),
        within: s.finite("within", d.within),
        block_for: s.finite("block-for", d.block_for),
    };
    s.finish();
    limit
}

pub(super) fn relay(s: Section<'_>) -> Vec<Network> {
    let from = s.networks("from", defaults::relay_from());
    if from.iter().any(|network| network.prefix == 0)
        && let Some(entry) = s.get("from")
    {
        entry.warn("trusts the whole Internet: everyone may send mail through this server to anywhere");
    }
    s.finish();
    from
}

pub(super) fn accounts(s: Section<'_>) -> AccountsBackend {
    let backends = [("store", AccountsBackend::Store), ("file", AccountsBackend::File)];
    let backend = s.choice("backend", &backends, AccountsBackend::Store);
    s.finish();
    backend
}

pub(super) fn store(s: Section<'_>) -> StoreBackend {
    let postgres = s.choice("backend", &[("sqlite", false), ("postgres", true)], false);
    let url = s.text("url", "");
    let wanted = "write url = \"postgres://USER@HOST/DATABASE\"";
    let at_url = s.get("url").map(|entry| entry.at).or(s.at);
    if postgres && url.is_empty() {
        s.error("url", format!("is missing: the backend \"postgres\" needs it; {wanted}"));
    } else if postgres && !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        s.reader.error(at_url, "store.url", format!("does not begin with postgres://; {wanted}"));
    } else if !postgres && !url.is_empty() {
        s.reader.warn(
            at_url,
            "store.url",
            "is not used by the backend \"sqlite\"; for PostgreSQL write backend = \"postgres\"",
        );
    }
    s.finish();
    if postgres { StoreBackend::Postgres { url } } else { StoreBackend::Sqlite }
}

pub(super) fn scores(s: Section<'_>) -> Scores {
    let d = Scores::default();
    let actions = [("reject", RefuseAction::Reject), ("discard", RefuseAction::Discard)];
    let scores = Scores {
        mark: s.float("mark", d.mark),
        quarantine: s.float("quarantine", d.quarantine),
        reject: s.float("reject", d.reject),
        refuse_action: s.choice("refuse-action", &actions, d.refuse_action),
        subject_tag: s.text("subject-tag", &d.subject_tag),
    };
    s.finish();
    scores
}

pub(super) fn challenge(s: Section<'_>) -> Challenge {
    let d = Challenge::default();
    let challenge = Challenge {
        enabled: s.bool("enabled", d.enabled),
        url: s.text("url", &d.url),
        expire: s.finite("expire", d.expire),
    };
    if let Some(entry) = s.get("url")
        && !(challenge.url.starts_with("http://") || challenge.url.starts_with("https://"))
        && entry.text().is_some()
    {
        entry.error("is no web address: write url = \"https://mx.example.com/\"");
    }
    s.finish();
    challenge
}

pub(super) fn quarantine(s: Section<'_>) -> Duration {
    let expire = s.finite("expire", defaults::quarantine_expire());
    s.finish();
    expire
}

pub(super) fn admin(s: Section<'_>) -> Admin {
    let d = Admin::default();
    let bind = s.get("bind").and_then(|entry| {
        let bind = entry.text().and_then(|text| entry.checked(address::socket(text, "127.0.0.1:8025")))?;
        if !bind.ip().is_loopback() {
            entry.warn("is reachable from other machines, and the console speaks plain HTTP: put TLS in front of it");
        }
        Some(bind)
    });
    let admin = Admin { bind: bind.unwrap_or(d.bind), token_file: s.file("token-file", defaults::TOKEN_FILE) };
    s.finish();
    admin
}

pub(super) fn log(s: Section<'_>) -> Log {
    const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace", "off"];
    let d = Log::default();
    let json = s.choice("format", &[("text", false), ("json", true)], d.json);
    let level = s.text("level", &d.level);
    if let Some(entry) = s.get("level")
        && !LEVELS.contains(&level.as_str())
    {
        let directive = level.contains('=') || level.contains(',');
        if !directive || tracing_subscriber::EnvFilter::try_new(&level).is_err() {
            let near = nearest(&level, LEVELS.iter().copied()).unwrap_or("info");
            entry.error(format!(
                "\"{level}\" is no log level; did you mean \"{near}\"? Known are: {}",
                LEVELS.join(", ")
            ));
        }
    }
    let history = s.duration("history", d.history);
    s.finish();
    Log { json, level, history }
}
