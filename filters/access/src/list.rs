//! One list: entries by what they name, found without a walk over all of them. Masks alone are tried one by one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::networks::{self, Networks};

/// Masks in one kind of entry: each costs its time for every recipient.
const MASKS_MAX: usize = 1000;
/// Bytes of one entry.
const ENTRY_BYTES_MAX: usize = 1000;

/// What an entry can match.
#[derive(Debug)]
pub(crate) struct Envelope {
    client: IpAddr,
    reverse_name: Option<String>,
    helo: Option<String>,
    authenticated: bool,
    sender: String,
    recipient: Option<String>,
}

impl Envelope {
    /// Text compares without case and without a dot at the end of a name.
    pub(crate) fn new(
        client: IpAddr,
        reverse_name: Option<String>,
        helo: Option<String>,
        authenticated: bool,
        sender: String,
        recipient: Option<String>,
    ) -> Self {
        let fold = |text: String| text.trim_end_matches('.').to_lowercase();
        let (reverse_name, helo) = (reverse_name.map(fold), helo.map(fold));
        Self { client, reverse_name, helo, authenticated, sender: fold(sender), recipient: recipient.map(fold) }
    }
}

/// Where an entry stands: `file:line`.
type Place = String;

#[derive(Debug, Default)]
pub(crate) struct List {
    any: Names,
    senders: Names,
    recipients: Names,
    reverse_names: Names,
    helo_names: Names,
    clients: Networks<Place>,
    local_senders: Names,
    trusted: Option<Place>,
    entries: usize,
}

impl List {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// One entry of the grammar, without its comment.
    pub(crate) fn add(&mut self, entry: &str, place: &str) -> Result<(), String> {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(format!("the entry has more than {ENTRY_BYTES_MAX} bytes"));
        }
        let (prefix, value) = match entry.split_once(':') {
            // A single letter: an IPv6 address has another colon behind it.
            Some((prefix, value)) if prefix.len() == 1 && networks::parse(entry).is_none() => (prefix, value.trim()),
            _ => ("", entry),
        };
        let value = value.trim_end_matches('.').to_lowercase();
        match prefix {
            "" => match networks::parse(&value) {
                Some(network) => self.client(network?, place),
                None => self.any.add(&value, place)?,
            },
            "i" => match networks::parse(&value) {
                Some(network) => self.client(network?, place),
                None => return Err(format!("\"{value}\" is no IP address and no network")),
            },
            "s" => self.senders.add(&value, place)?,
            "r" => self.recipients.add(&value, place)?,
            "n" => self.reverse_names.add(&value, place)?,
            "h" => self.helo_names.add(&value, place)?,
            "l" => self.local_senders.add(if value.is_empty() { "*" } else { &value }, place)?,
            "t" => drop(self.trusted.get_or_insert_with(|| place.to_owned())),
            "a" => return Err("a: needs the DNS, which this filter does not ask: write the address with i:".to_owned()),
            other => return Err(format!("there is no prefix \"{other}:\"; known are s: r: i: n: h: l: t: f:")),
        }
        self.entries = self.entries.saturating_add(1);
        Ok(())
    }

    fn client(&mut self, (address, length): (IpAddr, u8), place: &str) {
        self.clients.insert(address, length, place.to_owned());
    }

    /// What matched, with its place: for the log.
    pub(crate) fn find(&self, envelope: &Envelope) -> Option<String> {
        let found = |what: &str, value: &str, place: &Place| format!("{what} {value} ({place})");
        if let Some(place) = self.clients.find(envelope.client) {
            return Some(found("client", &envelope.client.to_string(), place));
        }
        let recipient = envelope.recipient.as_deref().unwrap_or_default();
        let sender = envelope.sender.as_str();
        let tries = [
            ("sender", sender, &self.senders),
            ("sender", sender, &self.any),
            ("recipient", recipient, &self.recipients),
            ("recipient", recipient, &self.any),
            ("client name", envelope.reverse_name.as_deref().unwrap_or_default(), &self.reverse_names),
            ("greeting", envelope.helo.as_deref().unwrap_or_default(), &self.helo_names),
        ];
        for (what, value, names) in tries {
            if let Some(place) = names.find(value) {
                return Some(found(what, value, place));
            }
        }
        if !envelope.authenticated {
            return None;
        }
        let trusted = self.trusted.as_ref().map(|place| found("session", "authenticated", place));
        trusted.or_else(|| Some(found("local sender", sender, self.local_senders.find(sender)?)))
    }
}

/// Addresses, domains and host names.
#[derive(Debug, Default)]
struct Names {
    /// `user@example.com`, or `example.com` for all of its users and for the host of that name.
    exact: BTreeMap<String, Place>,
    /// `.example.com`: what is below it, kept without the dot.
    below: BTreeMap<String, Place>,
    masks: Vec<(String, Place)>,
}

impl Names {
    fn add(&mut self, value: &str, place: &str) -> Result<(), String> {
        let value = value.strip_prefix('@').unwrap_or(value);
        if value.is_empty() {
            return Err("the entry names nothing".to_owned());
        }
        if let Some(reason) = unbalanced(value) {
            return Err(format!("Unbalanced: {reason}"));
        }
        if value.contains(char::is_whitespace) && !value.contains('"') {
            return Err(format!("\"{value}\" has a space in it: write one entry a line"));
        }
        let place = place.to_owned();
        if value.contains('*') {
            if self.masks.len() >= MASKS_MAX {
                return Err(format!("more than {MASKS_MAX} masks: write domains, as in \".example.com\""));
            }
            self.masks.push((value.to_owned(), place));
        } else if let Some(domain) = value.strip_prefix('.') {
            self.below.entry(domain.to_owned()).or_insert(place);
        } else {
            self.exact.entry(value.to_owned()).or_insert(place);
        }
        Ok(())
    }

    fn find(&self, value: &str) -> Option<&Place> {
        if value.is_empty() {
            return None;
        }
        let domain = value.rsplit_once('@').map_or(value, |(_, domain)| domain);
        let exact = self.exact.get(value).or_else(|| self.exact.get(domain));
        let below = || {
            let parents = domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot.saturating_add(1)..));
            parents.into_iter().find_map(|parent| self.below.get(parent))
        };
        let masked = || self.masks.iter().find(|(mask, _)| matches(mask, value)).map(|(_, place)| place);
        exact.or_else(below).or_else(masked)
    }
}

/// Row 3, for a line of a list.
fn unbalanced(value: &str) -> Option<String> {
    for (open, close) in [('<', '>'), ('(', ')'), ('[', ']')] {
        let count = |wanted: char| value.chars().filter(|&found| found == wanted).count();
        if count(open) != count(close) {
            return Some(format!("{open} without {close} or {close} without {open}"));
        }
    }
    (value.matches('"').count() % 2 == 1).then(|| "a quote without its second".to_owned())
}

/// `*` stands for any text, an empty one too. Time is at most the product of both lengths.
fn matches(mask: &str, value: &str) -> bool {
    let Some((head, rest)) = mask.split_once('*') else { return mask == value };
    let Some(mut left) = value.strip_prefix(head) else { return false };
    let Some((middle, tail)) = rest.rsplit_once('*') else { return left.ends_with(rest) };
    for piece in middle.split('*') {
        match left.split_once(piece) {
            Some((_, behind)) => left = behind,
            None => return false,
        }
    }
    left.ends_with(tail)
}
