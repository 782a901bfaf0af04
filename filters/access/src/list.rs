//! One list: entries by what they name, found without a walk over all of them. Masks and hosts alone are tried one by
//! one. Asks no DNS.

use std::net::IpAddr;

use postwarden_filter::{IpAddress, Session, Transaction};

use crate::hosts::Hosts;
use crate::names::{self, Names, fold};
use crate::networks::{self, Networks};

/// Bytes of one entry.
const ENTRY_BYTES_MAX: usize = 1000;
/// `a:` entries of one list: three lists stay within the 100 questions of one call.
const HOSTS_MAX: usize = 30;

/// What an entry can match.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) client: IpAddr,
    reverse_name: Option<String>,
    helo: Option<String>,
    /// Logged in, or from a network of `relay.from`.
    pub(crate) authorised: bool,
    pub(crate) sender: String,
    /// The sender is in a domain of this server.
    pub(crate) sender_is_local: bool,
    pub(crate) recipient: String,
}

impl Envelope {
    /// Text compares without case and without a dot at the end of a name.
    pub(crate) fn of(session: &Session, transaction: &Transaction) -> Self {
        let is_true = |value: Option<String>| value.as_deref() == Some("true");
        Self {
            client: client(session),
            reverse_name: session.get_reverse_name().map(fold),
            helo: session.get_helo().map(fold),
            authorised: is_true(session.get_attribute("session.authorised")) || session.get_user().is_some(),
            sender: fold(transaction.get_sender()),
            sender_is_local: is_true(transaction.get_attribute("sender.local")),
            recipient: String::new(),
        }
    }

    pub(crate) fn to(mut self, recipient: &str) -> Self {
        self.recipient = fold(recipient.to_owned());
        self
    }

    /// Claims to be one of us and has not proved it: no white entry counts for it.
    pub(crate) fn is_pretended(&self) -> bool {
        self.sender_is_local && !self.authorised
    }
}

pub(crate) fn client(session: &Session) -> IpAddr {
    match session.get_remote_address() {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
    }
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index of [`List::files`].
    pub(crate) file: u32,
    pub(crate) line: u32,
}

#[derive(Debug, Default)]
pub(crate) struct List {
    /// The list's own file, and those it includes.
    files: Vec<String>,
    any: Names,
    senders: Names,
    recipients: Names,
    reverse_names: Names,
    helo_names: Names,
    clients: Networks<Place>,
    /// The client is the host of this name.
    hosts: Vec<(String, Place)>,
    local_senders: Names,
    trusted: Option<Place>,
    entries: usize,
}

impl List {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.entries
    }

    /// Names of `a:` entries.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|(name, _)| name.as_str())
    }

    /// Its number, for [`Place::file`].
    pub(crate) fn file(&mut self, name: &str) -> u32 {
        self.files.push(name.to_owned());
        u32::try_from(self.files.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// One entry of the grammar, without its comment.
    pub(crate) fn add(&mut self, entry: &str, place: Place) -> Result<(), String> {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(format!("the entry has more than {ENTRY_BYTES_MAX} bytes"));
        }
        let (prefix, value) = match entry.split_once(':') {
            // A single letter: an IPv6 address has another colon behind it.
            Some((prefix, value)) if prefix.len() == 1 && networks::parse(entry).is_none() => (prefix, value.trim()),
            _ => ("", entry),
        };
        let value = fold(value.to_owned());
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
            "t" => drop(self.trusted.get_or_insert(place)),
            "a" => self.host(value, place)?,
            other => return Err(format!("there is no prefix \"{other}:\"; known are s: r: i: a: n: h: l: t: f:")),
        }
        self.entries = self.entries.saturating_add(1);
        Ok(())
    }

    fn client(&mut self, (address, length): (IpAddr, u8), place: Place) {
        self.clients.insert(address, length, place);
    }

    fn host(&mut self, name: String, place: Place) -> Result<(), String> {
        if !names::is_host(&name) {
            return Err(format!("\"{name}\" is no host name: a: names one host whose address is the client's"));
        }
        if self.hosts.len() >= HOSTS_MAX {
            return Err(format!("more than {HOSTS_MAX} a: entries: each is a question to the DNS; write networks"));
        }
        self.hosts.push((name, place));
        Ok(())
    }

    /// What matched, with its place: for the log. Hosts are left to [`List::find_host`].
    pub(crate) fn find(&self, envelope: &Envelope) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        if let Some(place) = self.clients.find(envelope.client) {
            return Some(self.told("client", &envelope.client.to_string(), *place));
        }
        let (sender, recipient) = (envelope.sender.as_str(), envelope.recipient.as_str());
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
                return Some(self.told(what, value, place));
            }
        }
        if !envelope.authorised {
            return None;
        }
        let local = || self.local_senders.find(sender).filter(|_| envelope.sender_is_local);
        match self.trusted {
            Some(place) => Some(self.told("session", "trusted", place)),
            None => Some(self.told("local sender", sender, local()?)),
        }
    }

    pub(crate) fn find_host(&self, hosts: &Hosts) -> Option<String> {
        let (name, place) = self.hosts.iter().find(|(name, _)| hosts.is_client(name))?;
        Some(self.told("client", name, *place))
    }

    /// A host of this list that the DNS did not tell about.
    pub(crate) fn unsure<'a>(&self, hosts: &'a Hosts) -> Option<&'a str> {
        self.hosts.iter().find_map(|(name, _)| hosts.unsure(name))
    }

    fn told(&self, what: &str, value: &str, place: Place) -> String {
        let file = usize::try_from(place.file).ok().and_then(|file| self.files.get(file));
        format!("{what} {value} ({}:{})", file.map_or("", String::as_str), place.line)
    }
}
