//! Conditions: what must be true of a message for a rule to act. Each is read from its key, asked, and can say why it
//! holds or does not. Changes nothing.

mod attachment;
mod range;
mod test;
mod time;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::letter::Letter;
use crate::read::{Table, Value};
use attachment::Attachment;
use range::{Range, Unit};
use test::Test;
use time::Time;

#[cfg(test)]
pub(crate) use attachment::KEYS as ATTACHMENT_KEYS;
pub(crate) use test::OPERATORS;
#[cfg(test)]
pub(crate) use time::KEYS as TIME_KEYS;
pub(crate) use time::offset;

/// Groups in groups.
const NESTING_MAX: usize = 16;

/// Keys of a table of conditions.
pub(crate) const KEYS: &[&str] = &[
    "all",
    "any",
    "attachment",
    "authenticated",
    "body",
    "client",
    "dkim",
    "dmarc",
    "header",
    "not",
    "recipient",
    "score",
    "sender",
    "size",
    "spf",
    "subject",
    "time",
];

/// What `html = "…"` of a body may be.
pub(crate) const HTML: &[(&str, Html)] = &[("text", Html::Text), ("source", Html::Source), ("ignore", Html::Ignore)];

/// Which form of HTML parts the body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Html {
    /// What a reader sees.
    Text,
    /// As it was written, with tags and links.
    Source,
    /// Plain text parts alone.
    Ignore,
}

/// Texts of a message: none, one or many values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Sender,
    Recipient,
    Subject,
    /// By its name.
    Header(String),
    Body(Html),
    /// Of SPF, DKIM or DMARC.
    Outcome(&'static str),
}

#[derive(Debug)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Text(Field, Test),
    /// Bytes of the body's text.
    BodySize(Html, Range),
    Attachment(Attachment),
    Size(Range),
    Client(Vec<IpNet>),
    Authenticated(bool),
    Score(Range),
    Time(Time),
}

impl Condition {
    /// All conditions of the table together; what does not read is complained about.
    pub(crate) fn read(table: &Table<'_>, depth: usize) -> Self {
        table.only(KEYS);
        let mut conditions: Vec<_> =
            table.values().filter_map(|(key, value)| Self::of_key(key, &value, depth)).flatten().collect();
        // What costs little is asked first.
        conditions.sort_by_key(Self::cost);
        match conditions.pop() {
            Some(only) if conditions.is_empty() => only,
            last => Self::All(conditions.into_iter().chain(last).collect()),
        }
    }

    fn of_key(key: &str, value: &Value<'_>, depth: usize) -> Option<Vec<Self>> {
        let text = |field: Field| Some(vec![Self::Text(field, Test::read(value, &[])?)]);
        let one = |condition: Self| Some(vec![condition]);
        match key {
            "all" => one(Self::All(group(value, depth)?)),
            "any" => one(Self::Any(group(value, depth)?)),
            "not" => one(Self::Not(Box::new(nested(value, depth)?))),
            "sender" => text(Field::Sender),
            "recipient" => text(Field::Recipient),
            "subject" => text(Field::Subject),
            "spf" => text(Field::Outcome("spf")),
            "dkim" => text(Field::Outcome("dkim")),
            "dmarc" => text(Field::Outcome("dmarc")),
            "header" => header(value),
            "body" => body(value),
            "attachment" => one(Self::Attachment(Attachment::read(value)?)),
            "size" => one(Self::Size(Range::read(value, Unit::Bytes, &[])?)),
            "score" => one(Self::Score(Range::read(value, Unit::Number, &[])?)),
            "time" => one(Self::Time(Time::read(value)?)),
            "authenticated" => one(Self::Authenticated(value.bool()?)),
            "client" => one(Self::Client(value.texts(network))),
            _ => None,
        }
    }

    /// Cheaper ones first: what is at hand, what must be asked for, what must be decoded.
    fn cost(&self) -> u8 {
        match self {
            Self::Authenticated(_) | Self::Client(_) | Self::Size(_) | Self::Score(_) | Self::Time(_) => 0,
            Self::Text(Field::Body(_), _) | Self::BodySize(..) => 3,
            Self::Text(..) => 1,
            Self::Attachment(_) => 2,
            Self::Not(condition) => condition.cost(),
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().map(Self::cost).max().unwrap_or(0),
        }
    }

    pub(crate) fn holds(&self, letter: &Letter<'_>) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(letter)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(letter)),
            Self::Not(condition) => !condition.holds(letter),
            Self::Text(field, test) => test.holds(&letter.texts(field), letter.needles),
            Self::BodySize(html, range) => range.holds(body_size(letter, *html)),
            Self::Attachment(attachment) => attachment.holds(letter),
            Self::Size(range) => range.holds(letter.size()),
            Self::Client(networks) => networks.iter().any(|network| network.contains(&letter.client())),
            Self::Authenticated(wanted) => letter.is_authenticated() == *wanted,
            Self::Score(range) => range.holds(letter.score()),
            Self::Time(time) => time.holds(letter.time()),
        }
    }

    /// Which part of it decided: of what holds the conditions that do, of what does not one that does not.
    pub(crate) fn explain(&self, letter: &Letter<'_>) -> String {
        match self {
            Self::All(conditions) => match conditions.iter().find(|condition| !condition.holds(letter)) {
                Some(missing) => missing.explain(letter),
                None if conditions.is_empty() => "every message".to_owned(),
                None => conditions.iter().map(|one| one.explain(letter)).collect::<Vec<_>>().join(", "),
            },
            Self::Any(conditions) => match conditions.iter().find(|condition| condition.holds(letter)) {
                Some(found) => found.explain(letter),
                None => conditions.iter().map(|one| one.explain(letter)).collect::<Vec<_>>().join(" or "),
            },
            Self::Not(condition) => format!("not: {}", condition.explain(letter)),
            Self::Text(field, test) => test.explain(&field.to_string(), &letter.texts(field), letter.needles),
            Self::BodySize(html, range) => range.explain("body size", Some(body_size(letter, *html))),
            Self::Attachment(attachment) => attachment.explain(letter),
            Self::Size(range) => range.explain("size", Some(letter.size())),
            Self::Client(networks) => {
                let client = letter.client();
                let network = networks.iter().find(|network| network.contains(&client)).or(networks.first());
                format!("client {client} in {}", network.map(ToString::to_string).unwrap_or_default())
            }
            Self::Authenticated(wanted) => format!("authenticated = {wanted}"),
            Self::Score(range) => range.explain("score", Some(letter.score())),
            Self::Time(time) => time.explain(letter.time()),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sender => f.write_str("sender"),
            Self::Recipient => f.write_str("recipient"),
            Self::Subject => f.write_str("subject"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Body(_) => f.write_str("body"),
            Self::Outcome(method) => f.write_str(method),
        }
    }
}

/// `[{ … }, { … }]`
fn group(value: &Value<'_>, depth: usize) -> Option<Vec<Condition>> {
    let Some(items) = value.items().filter(|items| !items.is_empty()) else {
        value.complain("is a list of tables: write [{ subject = … }, { body = … }]");
        return None;
    };
    Some(items.iter().filter_map(|item| nested(item, depth)).collect())
}

fn nested(value: &Value<'_>, depth: usize) -> Option<Condition> {
    let table = value.table("{ subject = { contains = \"…\" } }")?;
    if depth >= NESTING_MAX {
        table.complain(format!("is more than {NESTING_MAX} groups deep"));
        return None;
    }
    if table.is_empty() {
        table.complain("has no condition");
        return None;
    }
    Some(Condition::read(&table, depth.saturating_add(1)))
}

fn header(value: &Value<'_>) -> Option<Vec<Condition>> {
    let table =
        value.table("{ name = \"X-Mailer\", contains = \"…\" } (several headers: all = [{ header = … }, …])")?;
    let test = Test::read(value, &["name", "above", "below"]);
    let Some(name) = table.get("name") else {
        table.complain("names no header: add name = \"…\"");
        return None;
    };
    let name = name.text()?;
    Some(vec![Condition::Text(Field::Header(name.to_owned()), test?)])
}

fn body(value: &Value<'_>) -> Option<Vec<Condition>> {
    let Some(table) = value.as_table() else {
        value.complain("is a table: write { contains = \"…\" }");
        return None;
    };
    let html = table.get("html").map_or(Some(Html::Text), |html| html.choice(HTML))?;
    let size = match table.get("size") {
        Some(size) => Some(Condition::BodySize(html, Range::read(&size, Unit::Bytes, &[])?)),
        None => None,
    };
    let tests = table.values().any(|(key, _)| OPERATORS.contains(&key));
    let unknown = table.values().any(|(key, _)| !matches!(key, "html" | "size"));
    let text = match tests || unknown || size.is_none() {
        true => Some(Condition::Text(Field::Body(html), Test::read(value, &["html", "size"])?)),
        false => None,
    };
    Some(size.into_iter().chain(text).collect())
}

fn body_size(letter: &Letter<'_>, html: Html) -> f64 {
    letter.texts(&Field::Body(html)).iter().map(|text| text.clean().len()).sum::<usize>() as f64
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from).ok();
    address.or_else(|| text.parse().ok()).ok_or_else(|| format!("\"{text}\" is no IP address and no network"))
}
