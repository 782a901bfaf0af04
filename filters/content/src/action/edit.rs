//! Changes to header and recipients, checked when they are read, so that the server refuses none of them later.

use postwarden_filter::{EditError, Message, Transaction};

use crate::read::Value;
use crate::text::fold;
use crate::wildcard::Wildcard;

/// Bytes of a header field's name, as the server has it.
const NAME_BYTES_MAX: usize = 200;
/// Bytes of an address (RFC 5321 section 4.5.3.1.3, and room for internationalized ones).
const ADDRESS_BYTES_MAX: usize = 320;
/// Fields of one name that are removed one by one.
const FIELDS_MAX: usize = 20;

/// Of the header.
#[derive(Debug)]
pub(super) enum Edit {
    Add(String, String),
    Remove(String),
    /// The first field of the name has this value, and there is no other; without one it is added.
    Replace(String, String),
    TagSubject(String),
}

/// Of the recipients.
#[derive(Debug)]
pub(super) enum Envelope {
    Add(String),
    Remove(Wildcard),
}

impl Edit {
    pub(super) fn read(key: &str, value: &Value<'_>) -> Vec<Self> {
        match key {
            "add-header" => fields(value).into_iter().map(|(name, text)| Self::Add(name, text)).collect(),
            "replace-header" => fields(value).into_iter().map(|(name, text)| Self::Replace(name, text)).collect(),
            "remove-header" => value.texts(field_name).into_iter().map(Self::Remove).collect(),
            "tag-subject" => value
                .text()
                .and_then(|tag| checked(value, field_value(tag)))
                .map(Self::TagSubject)
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn carry_out(
        &self,
        transaction: &Transaction,
        message: &Message,
        subject: &mut Option<String>,
    ) -> Result<(), String> {
        match self {
            Self::Add(name, value) => granted("add-header", "edit", transaction.add_header(name, value)),
            Self::Remove(name) => match transaction.remove_header(name, None) {
                Err(EditError::NotFound) => Ok(()),
                done => granted("remove-header", "edit", done),
            },
            Self::Replace(name, value) => {
                let extra = message.get_fields(name).len().saturating_sub(1).min(FIELDS_MAX);
                for _ in 0..extra {
                    match transaction.remove_header(name, Some(1)) {
                        Err(EditError::NotFound) => break,
                        done => granted("replace-header", "edit", done)?,
                    }
                }
                set("replace-header", name, value, transaction)
            }
            Self::TagSubject(tag) => {
                let before = match subject.take() {
                    Some(subject) => subject,
                    None => message.get_decoded_fields("Subject").into_iter().next().unwrap_or_default(),
                };
                let tagged = match before.starts_with(tag.as_str()) {
                    true => before,
                    false => format!("{tag} {before}").trim_end().to_owned(),
                };
                let done = set("tag-subject", "Subject", &tagged, transaction);
                *subject = Some(tagged);
                done
            }
        }
    }
}

impl Envelope {
    pub(super) fn read(key: &str, value: &Value<'_>) -> Vec<Self> {
        match key {
            "add-recipient" | "copy-to" => value.texts(address).into_iter().map(Self::Add).collect(),
            "remove-recipient" => value.texts(|mask| Ok(Self::Remove(Wildcard::new(mask)))),
            _ => Vec::new(),
        }
    }

    pub(super) fn carry_out(&self, transaction: &Transaction) -> Result<(), String> {
        let mask = match self {
            Self::Add(address) => return granted("add-recipient", "recipients", transaction.add_recipient(address)),
            Self::Remove(mask) => mask,
        };
        for recipient in transaction.list_recipients(0, transaction.count_recipients()) {
            if mask.fits(&fold(&recipient.address)) {
                match transaction.remove_recipient(&recipient.address) {
                    Err(EditError::NotFound) => {}
                    done => granted("remove-recipient", "recipients", done)?,
                }
            }
        }
        Ok(())
    }
}

/// The first field of the name, or a new one.
fn set(key: &str, name: &str, value: &str, transaction: &Transaction) -> Result<(), String> {
    match transaction.replace_header(name, 0, value) {
        Err(EditError::NotFound) => granted(key, "edit", transaction.add_header(name, value)),
        done => granted(key, "edit", done),
    }
}

fn granted(key: &str, grant: &str, done: Result<(), EditError>) -> Result<(), String> {
    done.map_err(|error| match error {
        EditError::NotPermitted => {
            format!("{key} needs the grant \"{grant}\": add it to grants of this [[filter]]")
        }
        EditError::LimitExceeded => format!("{key}: more edits than the filter's budget `edits` allows"),
        EditError::Invalid(why) | EditError::Other(why) => format!("{key}: {why}"),
        EditError::NotFound => format!("{key}: there is nothing to change"),
    })
}

/// `["X-A", "b"]`, or a list of such pairs.
fn fields(value: &Value<'_>) -> Vec<(String, String)> {
    let Some(items) = value.items() else {
        value.complain("is a header field: write [\"X-Name\", \"value\"]");
        return Vec::new();
    };
    if items.iter().any(|item| item.items().is_some()) {
        return items.iter().flat_map(fields).collect();
    }
    let [name, text] = items.as_slice() else {
        value.complain("is a name and a value: write [\"X-Name\", \"value\"]");
        return Vec::new();
    };
    let (Some(written), Some(content)) = (name.text(), text.text()) else { return Vec::new() };
    match (checked(name, field_name(written)), checked(text, field_value(content))) {
        (Some(name), Some(value)) => vec![(name, value)],
        _ => Vec::new(),
    }
}

fn checked<T>(value: &Value<'_>, read: Result<T, String>) -> Option<T> {
    read.map_err(|message| value.complain(message)).ok()
}

fn field_name(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX;
    match fits && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is no header field name: write it without its colon")),
    }
}

fn field_value(text: &str) -> Result<String, String> {
    match text.chars().any(|c| c.is_control() && c != '\t') {
        true => Err("holds a line break or another control character".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn address(text: &str) -> Result<String, String> {
    let parts = text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '*');
    match parts && text.len() <= ADDRESS_BYTES_MAX && !text.chars().any(odd) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is no address")),
    }
}
