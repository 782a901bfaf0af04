//! How this very configuration leads to a row: at least one fact for each, with what would change it.
//! Only what stands in the configuration, the accounts and the pasted text; nothing is guessed.

mod accounts;
mod protocol;
mod relay;

use postwarden_store::accounts::Entry;

use super::Finding;
use super::clues::Clues;
use super::rows;
use crate::config::units::{format_duration, format_size};
use crate::config::{Config, Listener, ListenerTls, MECHANISMS, Mechanism, Profile, Role};

/// What a fact can be taken from.
pub(super) struct Place<'a> {
    pub(super) config: &'a Config,
    pub(super) clues: &'a Clues,
    /// Addresses of the text that were looked up; `None`: no such entry.
    pub(super) entries: &'a [(String, Option<Entry>)],
    /// Bytes in mailboxes, where they are known.
    pub(super) usage: &'a [(String, u64)],
}

pub(super) fn here(key: &str, place: &Place<'_>) -> Vec<Finding> {
    let mut findings = match key {
        "command-unrecognized" => protocol::command_unrecognized(place),
        "domain-required" => protocol::domain_required(place),
        "unbalanced" => protocol::unbalanced(place),
        "syntax-error" => protocol::syntax_error(place),
        "helo-domain-required" | "helo-required" => protocol::helo(place),
        "helo-already-specified" => protocol::helo_again(place),
        "auth-cancelled" | "auth-already-done" => protocol::mechanisms(place),
        "auth-type-unrecognized" => protocol::auth_type(place),
        "auth-failed" | "auth-blocked" => accounts::auth_failed(place),
        "auth-required" => relay::auth_required(place),
        "sending-not-allowed" => relay::sending_not_allowed(place),
        "not-supported" | "no-such-user" | "no-such-list" => protocol::commands(place, key),
        "bad-sequence" => protocol::sequence(place),
        "relay-denied" => relay::denied(place),
        "relay-limits" => relay::limits(place),
        "relay-local-only" => relay::local_only(place),
        "access-denied" => relay::access_denied(place),
        "permission-denied" => accounts::permission(place),
        "unknown-user-local" | "unknown-user-rejecting" => accounts::unknown_user(place),
        "too-many-recipients" => protocol::recipients(place),
        "message-too-big" => accounts::size(place),
        "mailbox-full" => accounts::quota(place),
        "server-ceiling" => protocol::ceiling(place),
        "virus-found" | "content-rejected" | "spam-filter-rejected" | "filter-rejected" | "deleted-by-filter" => {
            protocol::filters(place)
        }
        "spam-rejected" => protocol::scores(place),
        "challenged-by-filter" => protocol::challenge(place),
        _ => Vec::new(),
    };
    findings.extend(wording(key, place.config));
    findings
}

/// For every row: how it is worded here, where that is not as usual.
fn wording(key: &str, config: &Config) -> Vec<Finding> {
    let Some(row) = rows::rows().iter().find(|row| row.key == key) else { return Vec::new() };
    let mut findings = Vec::new();
    if let Some(text) = config.replies.get(key) {
        findings.push(fact(format!("Its text was changed here to \"{text}\"."), format!("replies.{key}")));
    }
    if let (Some(merak), Some(rfc)) = (row.reply(Profile::Merak), row.reply(Profile::Rfc)) {
        let codes = |reply: &rows::Reply| format!("{} {}", reply.code, reply.enhanced).trim().to_owned();
        let (now, other, name, value) = match config.smtp.replies {
            Profile::Merak => (codes(merak), codes(rfc), "merak", "rfc"),
            Profile::Rfc => (codes(rfc), codes(merak), "rfc", "merak"),
        };
        if now != other {
            let text =
                format!("With the profile \"{name}\" its codes are {now}; with \"{value}\" they would be {other}.");
            findings.push(fact(text, format!("smtp.replies = \"{value}\"")));
        } else if findings.is_empty() && !now.is_empty() {
            findings.push(plain(format!("Both profiles of replies send it as {now}.")));
        }
    }
    findings
}

pub(super) fn plain(fact: impl Into<String>) -> Finding {
    Finding { fact: fact.into(), change: None }
}

pub(super) fn fact(fact: impl Into<String>, change: impl Into<String>) -> Finding {
    Finding { fact: fact.into(), change: Some(change.into()) }
}

impl Place<'_> {
    /// The entry of an address of the text.
    pub(super) fn entry(&self, address: &str) -> Option<&Entry> {
        self.entries.iter().find(|(known, _)| known == address).and_then(|(_, entry)| entry.as_ref())
    }

    /// Whether the address was looked up at all.
    pub(super) fn looked_up(&self, address: &str) -> bool {
        self.entries.iter().any(|(known, _)| known == address)
    }

    pub(super) fn is_local(&self, domain: &str) -> bool {
        self.config.domains.contains_key(domain)
    }

    pub(super) fn local_addresses(&self) -> impl Iterator<Item = &str> {
        let local = |address: &&String| self.is_local(domain_of(address));
        self.clues.addresses.iter().filter(local).map(String::as_str)
    }

    pub(super) fn foreign_addresses(&self) -> impl Iterator<Item = &str> {
        let foreign = |address: &&String| !self.is_local(domain_of(address));
        self.clues.addresses.iter().filter(foreign).map(String::as_str)
    }

    pub(super) fn domains(&self) -> String {
        listed(self.config.domains.keys().map(String::as_str))
    }

    pub(super) fn has_tls(&self, listener: &Listener) -> bool {
        self.config.tls.is_some() && listener.tls != ListenerTls::Off
    }

    /// `submission (0.0.0.0:587)`
    pub(super) fn listeners(&self, role: Role) -> String {
        listed(self.config.listeners.iter().filter(|listener| listener.role == role).map(|listener| {
            let bind: Vec<String> = listener.bind.iter().map(ToString::to_string).collect();
            format!("{} ({})", listener.name, bind.join(", "))
        }))
    }
}

pub(super) fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// `a, b`, or `none`.
pub(super) fn listed<T: AsRef<str>>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|item| item.as_ref().to_owned()).collect();
    if items.is_empty() { "none".into() } else { items.join(", ") }
}

pub(super) fn mechanism_names(mechanisms: &[Mechanism]) -> String {
    listed(MECHANISMS.iter().filter(|(_, mechanism)| mechanisms.contains(mechanism)).map(|(name, _)| *name))
}

pub(super) fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

pub(super) fn limit(bytes: u64) -> String {
    if bytes == 0 { "unlimited".into() } else { format_size(bytes) }
}

pub(super) fn time(duration: std::time::Duration) -> String {
    format_duration(duration)
}
