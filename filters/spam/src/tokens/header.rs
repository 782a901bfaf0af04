//! Features of the header: who writes with what program, in which form and order. Not what the receiving side added.

use std::net::IpAddr;

use super::{Features, scale, shape, words};
use crate::mail::{Header, Mail};
use crate::received::{self, Hop};
use crate::url;

/// Hops that are looked at, the newest first.
const HOPS_MAX: usize = 8;
/// Bytes of a value that is taken as it is.
const VALUE_BYTES_MAX: usize = 60;

/// Fields that the receiving side writes, or another filter: they tell of it, not of the sender.
#[rustfmt::skip]
const RECEIVERS: &[&str] = &[
    "return-path", "delivered-to", "delivery-date", "envelope-to", "x-original-to", "x-envelope-to",
    "x-apparently-to", "received", "received-spf", "authentication-results", "arc-authentication-results", "status",
    "x-status", "x-keywords", "x-uid", "x-uidl", "content-length", "lines", "x-eudora2unix", "x-mozilla-status",
    "x-mozilla-status2", "x-gmail-labels", "x-evolution-source", "old-subject",
];

pub(super) fn is_the_receivers(key: &str) -> bool {
    let filters =
        ["x-spam", "x-virus", "x-mailscanner", "x-antivirus", "x-amavis", "x-rspamd", "x-bogosity", "x-old-spam"];
    RECEIVERS.contains(&key) || filters.iter().any(|prefix| key.starts_with(prefix))
}

pub(super) fn add(mail: &Mail, features: &mut Features) {
    words::add("subject", &mail.subject, 40, 2, features);
    features.say("subject-shape", &shape(&mail.subject, 16));
    sender(mail, features);
    recipients(mail, features);
    envelope(mail, features);
    let fields: Vec<&Header> = mail.fields.iter().filter(|field| !is_the_receivers(&field.key)).collect();
    names(&fields, features);
    for field in &fields {
        value(field, features);
    }
}

fn sender(mail: &Mail, features: &mut Features) {
    let (name, address) = split_address(&mail.from);
    words::add("from-name", name, 12, 1, features);
    features.say("from-shape", &shape(&mail.from, 20));
    domain("from", address, features);
    let local = address.split('@').next().unwrap_or_default();
    features.say("from-user", &shape(local, 12));
    features.say("from-user", local);
    let from = address.rsplit_once('@').map_or("", |(_, domain)| url::registered(domain)).to_ascii_lowercase();
    for key in ["reply-to", "sender", "errors-to"] {
        if let Some(value) = mail.value(key) {
            let (_, other) = split_address(value);
            domain(key, other, features);
            let other = other.rsplit_once('@').map_or("", |(_, domain)| url::registered(domain)).to_ascii_lowercase();
            features.say(key, if other == from { "same domain" } else { "other domain" });
        }
    }
}

fn domain(place: &str, address: &str, features: &mut Features) {
    let Some((_, domain)) = address.rsplit_once('@') else { return features.say(place, "no domain") };
    let domain = domain.to_ascii_lowercase();
    features.say(place, &domain);
    features.say(place, url::registered(&domain));
    features.say(place, domain.rsplit('.').next().unwrap_or_default());
}

/// Their form, not who they are: that is different in each mailbox.
fn recipients(mail: &Mail, features: &mut Features) {
    for key in ["to", "cc"] {
        let Some(value) = mail.value(key) else {
            features.say(key, "none");
            continue;
        };
        features.say(key, scale(value.matches('@').count()));
        let (name, address) = split_address(value);
        let form = match (name.is_empty(), value.contains('<')) {
            (true, true) => "bare in brackets",
            (true, false) => "bare",
            (false, _) if name.eq_ignore_ascii_case(address) => "named as the address",
            (false, _) => "named",
        };
        features.say(key, form);
        if !value.contains('@') {
            features.say(key, &value.to_ascii_lowercase());
        }
    }
}

fn names(fields: &[&Header], features: &mut Features) {
    let mut before = "";
    for field in fields {
        features.say("field", &field.name);
        features.say("after", &format!("{before} {}", field.key));
        before = &field.key;
        if field.raw_8bit {
            features.say("8bit", &field.key);
        }
    }
    for key in [
        "message-id",
        "date",
        "mime-version",
        "in-reply-to",
        "references",
        "list-id",
        "list-unsubscribe",
        "x-mailer",
        "user-agent",
        "reply-to",
    ] {
        if !fields.iter().any(|field| field.key == key) {
            features.say("missing", key);
        }
    }
}

fn value(field: &Header, features: &mut Features) {
    let value = field.value.get(..field.value.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or_default();
    match field.key.as_str() {
        "subject" | "from" | "to" | "cc" | "reply-to" | "sender" | "errors-to" => {}
        "date" => {
            features.say(
                "zone",
                value.split_once('(').map_or(value, |(date, _)| date).trim().rsplit(' ').next().unwrap_or_default(),
            );
            features.say("date-shape", &shape(value, 40));
        }
        "message-id" | "in-reply-to" | "references" => {
            features.say(&field.key, &shape(value, 40));
            let host = value.split_once('@').map_or("none", |(_, host)| host);
            let host = host.split('>').next().unwrap_or_default().to_ascii_lowercase();
            features.say(&field.key, &format!("@{}", url::registered(&host)));
        }
        "content-type" => {
            let mut settings = value.split(';');
            features.say("content-type", &settings.next().unwrap_or_default().trim().to_ascii_lowercase());
            if let Some((_, boundary)) = value.split_once("boundary=") {
                features.say("boundary", &shape(boundary, 30));
            }
        }
        "list-id" | "list-unsubscribe" | "list-post" | "list-help" | "list-archive" | "list-subscribe" => {
            words::add(&field.key, value, 8, 0, features);
        }
        key => {
            features.say(key, &shape(value, 30));
            words::add(key, value, 10, 1, features);
        }
    }
}

/// Who handed it over, outside of the receiver's own machines.
pub(super) fn trace(mail: &Mail, features: &mut Features) {
    for hop in mail.hops.iter().filter(|hop| hop.is_public()).take(HOPS_MAX) {
        hand_over(hop, features);
    }
    // Below the entry the sender's own servers write, or pretend to.
    let entry = mail.values("received").position(|value| received::parse(value).is_public());
    for value in mail.values("received").skip(entry.map_or(0, |entry| entry.saturating_add(1))).take(3) {
        let value = value.rsplit_once(';').map_or(value, |(way, _)| way);
        words::add("way", value, 16, 1, features);
    }
}

/// The address that errors go to: that of a list, of a program, of a person.
fn envelope(mail: &Mail, features: &mut Features) {
    let Some(envelope) = &mail.envelope else { return };
    let local = envelope.split('@').next().unwrap_or_default();
    features.say("envelope", &shape(local, 12));
    for word in local.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 2).take(4) {
        features.say("envelope", &word.to_ascii_lowercase());
    }
}

fn hand_over(hop: &Hop, features: &mut Features) {
    for (place, name) in [("helo", &hop.helo), ("rdns", &hop.name)] {
        if let Some(name) = name {
            features.say(place, url::registered(name));
            features.say(place, &shape(name, 16));
            features.say(place, name.rsplit('.').next().unwrap_or_default());
        } else {
            features.say(place, "none");
        }
    }
    if let Some(IpAddr::V4(address)) = hop.address {
        let [a, b, c, _] = address.octets();
        features.say("ip", &format!("{a}.{b}"));
        features.say("ip", &format!("{a}.{b}.{c}"));
    }
    features.say("with", hop.with.as_deref().unwrap_or("none"));
}

/// Display name and address.
pub(crate) fn split_address(value: &str) -> (&str, &str) {
    match value.rsplit_once('<') {
        Some((name, address)) => {
            (name.trim().trim_matches('"').trim(), address.split('>').next().unwrap_or_default().trim())
        }
        None => ("", value.split(['(', ',', ' ']).next().unwrap_or_default().trim()),
    }
}
