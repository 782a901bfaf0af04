//! Block lists in the DNS (RFC 5782), for clients and for domains: all questions in one round. A list that does not
//! answer, or that answers that it will not (127.255.255.x), gives no points. None is asked unless the operator names
//! it: a list learns who writes to this server, and most have terms of use.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use postwarden_filter::dns::{self, Question, RecordData};
use postwarden_filter::{IpAddress, telemetry};
use serde::Deserialize;

use crate::mail::Mail;
use crate::nearest;
use crate::url::registered;

/// Lists in the settings.
pub(crate) const LISTS_MAX: usize = 20;
/// Domains of one message that are asked about.
const DOMAINS_MAX: usize = 12;
/// Questions of one message; the host's budget is 100.
const QUESTIONS_MAX: usize = 80;
/// An IANA record type.
const A: u16 = 1;

/// One list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct List {
    /// The name below which is asked: `zen.spamhaus.org`.
    zone: String,
    #[serde(default)]
    lists: Kind,
    /// Points of an answer that `codes` does not name.
    #[serde(default = "two")]
    points: f64,
    /// Points by answer: `"127.0.0.2"`, a range of the last octet `"127.0.0.4-7"`, or its bits `"&8"`. The highest counts.
    #[serde(default)]
    codes: BTreeMap<String, f64>,
    /// What `codes` says, read.
    #[serde(skip)]
    read: Vec<(Code, f64)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Addresses of clients.
    #[default]
    Clients,
    /// Domains that links and senders name.
    Domains,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Range(u32, u32),
    Bits(u8),
}

fn two() -> f64 {
    2.0
}

/// Zone, what it lists, points of other answers, points by answer.
type Known = (&'static str, Kind, f64, &'static [(&'static str, f64)]);

/// Lists by their names, with the meanings that their operators publish.
const KNOWN: &[Known] = &[
    (
        "zen.spamhaus.org",
        Kind::Clients,
        2.0,
        &[("127.0.0.2-3", 3.0), ("127.0.0.4-7", 3.0), ("127.0.0.9", 4.0), ("127.0.0.10-11", 1.5)],
    ),
    ("bl.spamcop.net", Kind::Clients, 2.0, &[]),
    ("psbl.surriel.com", Kind::Clients, 2.0, &[]),
    ("b.barracudacentral.org", Kind::Clients, 2.0, &[]),
    ("list.dnswl.org", Kind::Clients, -0.1, &[]),
    ("dbl.spamhaus.org", Kind::Domains, 3.0, &[("127.0.1.2-99", 4.0), ("127.0.1.102-106", 2.0)]),
    ("multi.surbl.org", Kind::Domains, 3.0, &[]),
    ("multi.uribl.com", Kind::Domains, 0.5, &[("&2", 3.0), ("&4", 0.5), ("&8", 0.5), ("127.0.0.1", 0.0)]),
];

/// A list that is known by name.
pub(crate) fn known(name: &str) -> Result<List, String> {
    let Some((zone, lists, points, codes)) = KNOWN.iter().find(|(zone, ..)| *zone == name) else {
        let nearest = nearest::unknown("known list", name, KNOWN.iter().map(|(zone, ..)| *zone));
        return Err(format!("{nearest}; other lists are a table: {{ zone = \"{name}\", lists = \"clients\" }}"));
    };
    let codes = codes.iter().map(|(code, points)| ((*code).to_owned(), *points)).collect();
    List { zone: (*zone).to_owned(), lists: *lists, points: *points, codes, read: Vec::new() }.checked()
}

impl List {
    /// With its codes read; complains about what is no code.
    pub(crate) fn checked(mut self) -> Result<Self, String> {
        self.zone = self.zone.trim_matches('.').to_ascii_lowercase();
        if !self.zone.contains('.') {
            return Err(format!("zone: \"{}\" is no domain name", self.zone));
        }
        if self.codes.values().chain([&self.points]).any(|points| !points.is_finite()) {
            return Err("points are finite numbers".to_owned());
        }
        for (text, points) in &self.codes {
            let code = Code::read(text).ok_or_else(|| {
                format!("codes: \"{text}\" is no answer: write \"127.0.0.2\", \"127.0.0.4-7\" or \"&8\"")
            })?;
            self.read.push((code, *points));
        }
        Ok(self)
    }

    /// `LISTED_ZEN_SPAMHAUS_ORG`
    fn symbol(&self) -> String {
        format!("LISTED_{}", self.zone.to_ascii_uppercase().replace(['.', '-'], "_"))
    }

    fn points(&self, answer: Ipv4Addr) -> f64 {
        let number = u32::from(answer);
        let [.., last] = answer.octets();
        let fits = |code: &Code| match *code {
            Code::Range(from, to) => (from..=to).contains(&number),
            Code::Bits(bits) => last & bits != 0,
        };
        let named = self.read.iter().filter(|(code, _)| fits(code)).map(|(_, points)| *points);
        named.reduce(f64::max).unwrap_or(self.points)
    }
}

impl Code {
    fn read(text: &str) -> Option<Self> {
        if let Some(bits) = text.strip_prefix('&') {
            return bits.parse().ok().map(Self::Bits);
        }
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (first, Some(last.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: Ipv4Addr = first.parse().ok()?;
        let from = u32::from(address);
        let to = last.map_or(from, |last| (from & !0xff) | u32::from(last));
        Some(Self::Range(from, to))
    }
}

/// A list that knows what was asked.
#[derive(Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) symbol: String,
    pub(crate) points: f64,
    pub(crate) what: String,
}

/// Asks all lists about the client, if it is known, and about the domains of the message.
pub(crate) fn ask(lists: &[List], client: Option<IpAddr>, mail: &Mail) -> Vec<Listed> {
    if lists.is_empty() {
        return Vec::new();
    }
    let domains = domains(mail);
    let mut asked: Vec<(&List, String)> = Vec::new();
    for list in lists {
        match list.lists {
            Kind::Clients => asked.extend(client.map(|client| (list, reversed(client)))),
            Kind::Domains => asked.extend(domains.iter().map(|domain| (list, domain.clone()))),
        }
    }
    asked.truncate(QUESTIONS_MAX);
    let question = |(list, name): &(&List, String)| Question { name: format!("{name}.{}", list.zone), record_type: A };
    let questions: Vec<Question> = asked.iter().map(question).collect();
    if questions.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Listed> = Vec::new();
    for ((list, name), answer) in asked.iter().zip(dns::resolve_all(&questions)) {
        let records = match answer {
            Ok(answer) => answer.records,
            Err(dns::Error::AccessDenied) => {
                telemetry::add_to_counter("lists_denied", 1);
                continue;
            }
            Err(_) => continue,
        };
        let points = records.iter().filter_map(meaning).map(|address| list.points(address)).reduce(f64::max);
        let (Some(points), symbol) = (points, list.symbol()) else { continue };
        let what = match list.lists {
            Kind::Clients => client.map(|client| client.to_string()).unwrap_or_default(),
            Kind::Domains => name.clone(),
        };
        match found.iter_mut().find(|known| known.symbol == symbol) {
            Some(known) if known.points >= points => {}
            Some(known) => *known = Listed { symbol, points, what },
            None => found.push(Listed { symbol, points, what }),
        }
    }
    found
}

/// An answer that says "listed": of 127/8, and not one of the codes for "you may not ask".
fn meaning(record: &RecordData) -> Option<Ipv4Addr> {
    let RecordData::Address(IpAddress::Ipv4((127, b, c, d))) = *record else { return None };
    ((b, c) != (255, 255)).then(|| Ipv4Addr::new(127, b, c, d))
}

/// The name below a zone that stands for an address (RFC 5782 section 2).
fn reversed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect::<Vec<_>>().join(".")
        }
    }
}

/// Registered domains of links and of the sender, each once. Names of a domain list are domains, never addresses.
fn domains(mail: &Mail) -> BTreeSet<String> {
    let links = mail.urls.iter().filter(|url| url.is_web() && url.address().is_none()).map(|url| url.host.as_str());
    let sender = mail.from.rsplit_once('@').map(|(_, domain)| domain.trim_end_matches(['>', ' ']));
    let names = sender.into_iter().chain(links).map(|host| registered(host).to_ascii_lowercase());
    let is_name = |name: &String| {
        name.contains('.')
            && name.len() < 100
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    };
    let mut domains = BTreeSet::new();
    for name in names.filter(is_name) {
        domains.insert(name);
        if domains.len() >= DOMAINS_MAX {
            break;
        }
    }
    domains
}
