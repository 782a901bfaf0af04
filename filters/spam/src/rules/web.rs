//! Rules about addresses of the web: what a decent sender's links never look like.

use crate::mail::Mail;
use crate::rules::Found;
use crate::symbols::Symbol::*;
use crate::url::{Url, registered};

const SHORTENERS: &[&str] = &[
    "bit.ly",
    "tinyurl.com",
    "t.co",
    "goo.gl",
    "is.gd",
    "ow.ly",
    "buff.ly",
    "cutt.ly",
    "rebrand.ly",
    "shorturl.at",
    "rb.gy",
    "t.ly",
    "tiny.cc",
    "lnkd.in",
    "v.gd",
    "s.id",
    "bl.ink",
    "snipurl.com",
    "makeashorterlink.com",
];
const TLDS: &[&str] = &[
    "top", "click", "xyz", "icu", "buzz", "gq", "cf", "tk", "ml", "ga", "work", "loan", "win", "bid", "stream", "rest",
    "quest", "cam", "sbs", "cfd", "monster", "cyou",
];

pub(super) fn find(mail: &Mail, found: &mut Found) {
    for url in &mail.urls {
        if url.is_web() { web(url, found) } else { mailbox(url, mail, found) }
    }
}

fn web(url: &Url, found: &mut Found) {
    let host = || Some(url.host.chars().take(80).collect());
    if url.address().is_some() {
        found.with(URL_ADDRESS, host());
    }
    if url.userinfo.is_some() {
        found.with(URL_USERINFO, host());
    }
    if url.escaped_host {
        found.with(URL_ESCAPED, host());
    }
    if url.port.is_some_and(|port| !matches!(port, 80 | 443 | 8080 | 8000 | 21)) {
        found.with(URL_PORT, host());
    }
    if !url.host.is_ascii() || url.host.split('.').any(|label| label.starts_with("xn--")) {
        found.with(URL_PUNYCODE, host());
    }
    let registered = registered(&url.host);
    if SHORTENERS.contains(&registered) {
        found.with(URL_SHORTENER, host());
    }
    let path = url.path.to_ascii_lowercase();
    if ["http://", "https://", "http%3a", "https%3a", "http:/"].iter().any(|inner| path.contains(inner)) {
        found.with(URL_REDIRECT, host());
    }
    if TLDS.contains(&url.host.rsplit('.').next().unwrap_or_default()) {
        found.with(URL_TLD, host());
    }
    if is_random(registered) {
        found.with(URL_RANDOM_HOST, host());
    }
}

/// A label of digits and letters in turn, or of many digits.
fn is_random(registered: &str) -> bool {
    let label = registered.split('.').next().unwrap_or_default();
    let digits = label.bytes().filter(u8::is_ascii_digit).count();
    let turns = label.as_bytes().windows(2).filter(|pair| match pair {
        [a, b] => a.is_ascii_digit() != b.is_ascii_digit(),
        _ => false,
    });
    label.len() >= 6 && (digits >= 5 && digits < label.len() || digits >= 3 && turns.count() >= 3)
}

fn mailbox(url: &Url, mail: &Mail, found: &mut Found) {
    let local = url.host.split('@').next().unwrap_or_default();
    let leaves = ["remove", "unsub", "optout", "opt-out", "takemeoff", "nomore", "delist"]
        .iter()
        .any(|word| local.contains(word));
    found.add_if(leaves && !mail.has("list-id") && !mail.has("list-unsubscribe"), MAILTO_REMOVE);
}
