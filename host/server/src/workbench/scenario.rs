//! What surrounds a message when a filter is tried: envelope, session, and what DNS and state say. A TOML file beside
//! the message, flags, or guessed from its header. The same file tells `filter test` what to expect.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use postwarden_mail::header;
use postwarden_sandbox::{AuthenticationResult, Recipient, Session, Transaction};
use postwarden_store::Timestamp;
use serde::Deserialize;

use super::expect::Expected;
use super::mailbox::Letter;

/// Bytes of such a file.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Recipients guessed from a header.
const GUESSED_MAX: usize = 100;

/// Every key may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// The message, beside this file; default: the `.eml` of the same name.
    pub message: Option<PathBuf>,
    /// Envelope sender; empty: the null one.
    pub from: Option<String>,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// The client's address.
    pub client: Option<IpAddr>,
    pub helo: Option<String>,
    /// The account it logged in as.
    pub user: Option<String>,
    /// Its confirmed name.
    pub reverse_name: Option<String>,
    /// `TLSv1.3`
    pub tls: Option<String>,
    pub listener: Option<String>,
    pub attributes: BTreeMap<String, String>,
    pub authentication: Vec<Authentication>,
    /// Points of the filters before this one.
    pub score: f64,
    /// `2026-11-25T08:00:00Z`
    pub time: Option<String>,
    /// `"example.org MX" = "10 mx.example.org"`; what is not named does not exist.
    pub dns: BTreeMap<String, toml::Value>,
    /// Text, or a number for a counter.
    pub state: BTreeMap<String, toml::Value>,
    pub fail: Faults,
    /// In place of the project's.
    pub settings: Option<toml::Table>,
    pub grants: Option<toml::Value>,
    /// Ask so often, one after another; what is expected concerns the last time.
    pub repeat: Option<u32>,
    pub expect: Option<Expected>,
}

/// As in RFC 8601.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    pub method: String,
    pub outcome: String,
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// What the server fails with when the filter asks it for something.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// `timeout`, `server-failure`
    pub dns: Option<String>,
    /// `unavailable`, `quota-exceeded`
    pub state: Option<String>,
}

impl Scenario {
    /// The error names file, line and key.
    pub fn read(file: &Path) -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let size = std::fs::metadata(file).map_err(|error| said(&error))?.len();
        if size > FILE_BYTES_MAX {
            return Err(said(&format!("{size} bytes; such a file has at most {FILE_BYTES_MAX}")));
        }
        let text = std::fs::read_to_string(file).map_err(|error| said(&error))?;
        toml::from_str(&text).map_err(|error| said(&error))
    }

    /// That of the file beside the message, if there is one.
    pub fn beside(letter: &Letter) -> Result<Option<Self>, String> {
        let file = letter.file.with_extension("toml");
        if file == letter.file || !file.is_file() { Ok(None) } else { Self::read(&file).map(Some) }
    }

    /// What `flags` say comes first.
    pub fn under(self, flags: &Self) -> Self {
        let flags = flags.clone();
        let mut attributes = self.attributes;
        attributes.extend(flags.attributes);
        Self {
            from: flags.from.or(self.from),
            to: if flags.to.is_empty() { self.to } else { flags.to },
            client: flags.client.or(self.client),
            helo: flags.helo.or(self.helo),
            user: flags.user.or(self.user),
            reverse_name: flags.reverse_name.or(self.reverse_name),
            tls: flags.tls.or(self.tls),
            listener: flags.listener.or(self.listener),
            time: flags.time.or(self.time),
            authentication: if flags.authentication.is_empty() { self.authentication } else { flags.authentication },
            score: if flags.score == 0.0 { self.score } else { flags.score },
            attributes,
            ..self
        }
    }

    /// Milliseconds since the epoch; `now` where none is given.
    pub fn moment(&self, now: Timestamp) -> Result<Timestamp, String> {
        let Some(text) = &self.time else { return Ok(now) };
        let time: Result<jiff::Timestamp, _> = text.parse();
        time.map(|time| time.as_millisecond())
            .map_err(|_| format!("time = \"{text}\" is no time: write \"2026-11-25T08:00:00Z\""))
    }

    pub fn session(&self) -> Session {
        Session {
            id: "trial".to_owned(),
            listener: self.listener.clone().unwrap_or_else(|| "mx".to_owned()),
            remote: self.client.unwrap_or(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
            remote_port: 40_000,
            local: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 25)),
            reverse_name: self.reverse_name.clone(),
            helo: Some(self.helo.clone().unwrap_or_else(|| "client.example".to_owned())),
            tls_version: self.tls.clone(),
            user: self.user.clone(),
            attributes: self.attributes.clone(),
        }
    }

    /// Without recipients.
    pub fn transaction(&self, letter: &Letter) -> Transaction {
        let authentication = self.authentication.iter().map(|one| AuthenticationResult {
            method: one.method.clone(),
            outcome: one.outcome.clone(),
            properties: one.properties.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        });
        Transaction {
            id: "trial-1".to_owned(),
            sender: self.sender(letter),
            authentication: authentication.collect(),
            attributes: self.attributes.clone(),
            ..Transaction::default()
        }
    }

    fn sender(&self, letter: &Letter) -> String {
        let of = |name: &str| header::find(&letter.bytes, name).map(|field| field.text());
        let guessed = || match of("Return-Path") {
            Some(path) => Some(path.trim_matches(['<', '>', ' ']).to_owned()),
            None => addresses(&of("From")?).into_iter().next(),
        };
        self.from.clone().or_else(|| letter.sender.clone()).or_else(guessed).unwrap_or_default()
    }

    pub fn recipients(&self, letter: &Letter) -> Vec<Recipient> {
        let mut found = self.to.clone();
        for name in ["Delivered-To", "X-Original-To", "To", "Cc"] {
            if found.is_empty() {
                let fields = header::fields(&letter.bytes).filter(|field| field.is(name));
                found = fields.flat_map(|field| addresses(&field.text())).take(GUESSED_MAX).collect();
            }
        }
        if found.is_empty() {
            found.push("postmaster@localhost".to_owned());
        }
        found.into_iter().map(|address| Recipient { address, parameters: Vec::new() }).collect()
    }
}

/// What looks like an address in a header field: a guess for trying filters, no parser.
fn addresses(text: &str) -> Vec<String> {
    let separators = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '"' | '(' | ')');
    let is_address =
        |word: &&str| word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    text.split(separators).filter(is_address).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn letter(text: &str) -> Letter {
        Letter { name: "x".into(), file: "x.eml".into(), bytes: text.into(), sender: None }
    }

    #[test]
    fn flags_come_before_the_file_and_the_file_before_the_header() {
        let letter = letter("From: \"A, B\" <a@example.org>\r\nTo: b@example.net, <c@example.net>\r\n\r\n");
        let nothing = Scenario::default();
        assert_eq!(nothing.transaction(&letter).sender, "a@example.org");
        let to = |scenario: &Scenario| {
            scenario.recipients(&letter).iter().map(|one| one.address.clone()).collect::<Vec<_>>()
        };
        assert_eq!(to(&nothing), ["b@example.net", "c@example.net"]);
        let file: Scenario = toml::from_str("from = ''\nto = ['d@example.net']\nhelo = 'h'").unwrap();
        let flags = Scenario { helo: Some("flag".into()), ..Scenario::default() };
        let both = file.under(&flags);
        assert_eq!((both.transaction(&letter).sender.as_str(), to(&both)), ("", vec!["d@example.net".to_owned()]));
        assert_eq!(both.session().helo.as_deref(), Some("flag"));
    }

    #[test]
    fn a_wrong_key_is_an_error() {
        let error = toml::from_str::<Scenario>("form = 'x'").unwrap_err().to_string();
        assert!(error.contains("form") && error.contains("from"), "{error}");
    }
}
