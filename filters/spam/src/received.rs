//! Trace fields, as RFC 5321 section 4.4 and its many dialects write them: who handed the message to whom. What they say
//! below the own server's line is a claim of the sender's.

use std::net::{IpAddr, Ipv4Addr};

use crate::date;

/// One hand-over. Names are lower case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hop {
    /// What the client called itself.
    pub(crate) helo: Option<String>,
    /// What the server found by its address.
    pub(crate) name: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) by: Option<String>,
    pub(crate) with: Option<String>,
    /// Seconds since 1970.
    pub(crate) date: Option<i64>,
}

impl Hop {
    /// From outside: not within one machine or a private network, which are the receiver's own.
    pub(crate) fn is_public(&self) -> bool {
        self.address.is_some_and(is_public)
    }
}

/// Of the Internet at large.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !(address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified())
        }
        IpAddr::V6(address) => {
            let [first, ..] = address.segments();
            let (unique_local, link_local) = ((first & 0xfe00) == 0xfc00, (first & 0xffc0) == 0xfe80);
            !(address.is_loopback() || address.is_unspecified() || unique_local || link_local)
        }
    }
}

/// Reads the value of a trace field.
pub(crate) fn parse(value: &str) -> Hop {
    let (body, date) = match value.rsplit_once(';') {
        Some((body, date)) => (body, date::parse(date)),
        None => (value, None),
    };
    let mut hop = Hop { date, ..Hop::default() };
    let from = body.trim_start().strip_prefix("from ").unwrap_or_default();
    let (client, rest) = match from.find(" by ") {
        Some(at) => from.split_at(at),
        None if from.is_empty() => ("", body),
        None => (from, ""),
    };
    let trim = |name: &str| name.trim_matches(['[', ']', '(', ')']).to_ascii_lowercase();
    hop.helo = client.split_whitespace().next().map(trim);
    hop.address = address(client).map(IpAddr::V4);
    if let Some((_, comment)) = client.split_once('(') {
        let words = comment.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']'));
        let mut names = words.filter(|word| word.contains('.') && word.parse::<Ipv4Addr>().is_err());
        let name = names.next().map(|name| name.rsplit_once('@').map_or(name, |(_, name)| name));
        hop.name = name.map(|name| trim(name.trim_start_matches("helo=")));
    }
    hop.by = after(rest, "by ");
    hop.with = after(rest, "with ");
    hop
}

/// The last IPv4 address: the server's finding stands behind the client's claim.
fn address(client: &str) -> Option<Ipv4Addr> {
    let mut words = client.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    words.find_map(|word| word.parse().ok())
}

fn after(text: &str, word: &str) -> Option<String> {
    let (_, behind) = text.split_once(word)?;
    behind.split([' ', ';', '(']).next().filter(|found| !found.is_empty()).map(str::to_ascii_lowercase)
}
