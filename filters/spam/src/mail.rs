//! The message as the rules and the classifier see it: read from the host once, cut to named limits. Judges nothing.

use postwarden_filter::{Field, Message};

use crate::hash::token;
use crate::html::{self, Html};
use crate::received::{self, Hop};
use crate::url::{self, Url};

/// Header fields that are looked at.
const FIELDS_MAX: u32 = 300;
/// Bytes of a field's value that are looked at.
const VALUE_BYTES_MAX: usize = 2_000;
/// Parts whose kind is looked at.
const PARTS_MAX: u32 = 40;
/// Bytes of text that are looked at, over all parts.
const TEXT_BYTES_MAX: u32 = 64 << 10;
/// Trace fields that are looked at, the newest first.
const HOPS_MAX: usize = 12;
/// Addresses of the web that are looked at.
pub(crate) const URLS_MAX: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Mail {
    pub(crate) fields: Vec<Header>,
    /// Decoded.
    pub(crate) subject: String,
    /// Decoded.
    pub(crate) from: String,
    /// MAIL FROM: of the transaction or, where there is none, as the first Return-Path has it.
    pub(crate) envelope: Option<String>,
    /// Hand-overs, the newest first.
    pub(crate) hops: Vec<Hop>,
    pub(crate) parts: Vec<Part>,
    /// What a reader sees: plain text and the text of HTML, in the order of the parts.
    pub(crate) text: String,
    /// Of all HTML parts.
    pub(crate) html: Html,
    pub(crate) urls: Vec<Url>,
    pub(crate) size: u64,
}

#[derive(Debug)]
pub(crate) struct Header {
    /// As written.
    pub(crate) name: String,
    /// Lower case.
    pub(crate) key: String,
    /// Unfolded; what is no UTF-8 is U+FFFD.
    pub(crate) value: String,
    /// Bytes that are no ASCII, in a place where RFC 5322 knows none.
    pub(crate) raw_8bit: bool,
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) media_type: String,
    pub(crate) disposition: Option<String>,
    pub(crate) filename: Option<String>,
    pub(crate) charset: Option<String>,
    pub(crate) encoding: String,
    /// Bytes of text that were read, for parts that are text.
    pub(crate) text_bytes: usize,
}

impl Mail {
    pub(crate) fn read(message: &Message) -> Self {
        let fields: Vec<Header> = message.list_fields(0, FIELDS_MAX).into_iter().map(Header::from).collect();
        let mut mail = Self { fields, size: message.get_size(), ..Self::default() };
        mail.subject = decoded(message, &mail, "subject");
        mail.from = decoded(message, &mail, "from");
        mail.envelope = mail.value("return-path").map(|value| value.trim_matches(['<', '>', ' ']).to_owned());
        mail.hops = mail.values("received").take(HOPS_MAX).map(received::parse).collect();
        let mut left = TEXT_BYTES_MAX;
        for index in 0..PARTS_MAX {
            let Some(part) = message.get_part(index) else { break };
            mail.part(&part, index == 0, &mut left);
        }
        url::find(&mail.text, URLS_MAX, &mut mail.urls);
        for link in &mail.html.links {
            if mail.urls.len() < URLS_MAX
                && let Some(found) = Url::parse(&link.target)
            {
                mail.urls.push(found);
            }
        }
        mail
    }

    fn part(&mut self, part: &postwarden_filter::Part, is_root: bool, left: &mut u32) {
        let media_type = part.get_media_type();
        let is_text = media_type.starts_with("text/");
        let mut read = Part {
            disposition: None,
            filename: None,
            charset: None,
            encoding: String::new(),
            text_bytes: 0,
            media_type,
        };
        if !read.media_type.starts_with("multipart/") {
            if !is_root {
                read.disposition = part.get_disposition();
                read.filename = part.get_filename();
            }
            read.encoding = match is_root {
                true => self.value("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase(),
                false => encoding(part),
            };
        }
        if is_text {
            read.charset = part.get_parameter("charset").map(|name| name.to_ascii_lowercase());
            let attached = read.disposition.as_deref() == Some("attachment");
            if *left > 0
                && !attached
                && let Some(text) = text(part, *left)
            {
                *left = left.saturating_sub(u32::try_from(text.len()).unwrap_or(u32::MAX));
                read.text_bytes = text.len();
                match read.media_type.as_str() {
                    "text/html" => html::read(&text, &mut self.html, &mut self.text),
                    _ if looks_like_html(&text) => html::read(&text, &mut self.html, &mut self.text),
                    _ => self.text.push_str(&text),
                }
                self.text.push('\n');
            }
        }
        self.parts.push(read);
    }

    /// The same for a message however often it was handed on: of what its author has written.
    pub(crate) fn digest(&self) -> String {
        let of = |key: &str| self.value(key).unwrap_or_default();
        let author = token(of("message-id"), of("date")).and(token(&self.from, &self.subject));
        let text = token("", &self.text);
        format!("{:08x}{:08x}{:08x}", author.bits(32), author.and(text).bits(32), text.and(author).bits(32))
    }

    /// The first field of this name, which is lower case.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.key == key).map(|field| field.value.as_str())
    }

    pub(crate) fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |field| field.key == key).map(|field| field.value.as_str())
    }

    /// The first hand-over by a client outside.
    pub(crate) fn entry(&self) -> Option<&Hop> {
        self.hops.iter().find(|hop| hop.is_public())
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub(crate) fn has_html(&self) -> bool {
        self.html.tags > 0
    }
}

impl From<Field> for Header {
    fn from(field: Field) -> Self {
        let value = field.value.get(..VALUE_BYTES_MAX).unwrap_or(&field.value);
        let raw_8bit = !value.is_ascii();
        let key = field.name.to_ascii_lowercase();
        Self { key, name: field.name, value: String::from_utf8_lossy(value).into_owned(), raw_8bit }
    }
}

/// The host decodes encoded words; where there are none, nobody is asked.
fn decoded(message: &Message, mail: &Mail, key: &str) -> String {
    match mail.value(key) {
        Some(value) if value.contains("=?") => {
            let first = message.get_decoded_fields(key).into_iter().next().unwrap_or_default();
            first.get(..first.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or_default().to_owned()
        }
        Some(value) => value.to_owned(),
        None => String::new(),
    }
}

fn encoding(part: &postwarden_filter::Part) -> String {
    let field = part.get_fields("content-transfer-encoding").into_iter().next();
    field.map(|field| String::from_utf8_lossy(&field.value).to_ascii_lowercase()).unwrap_or_default()
}

/// Text in a charset that the host does not know is read as Latin-1: spam likes to invent names.
fn text(part: &postwarden_filter::Part, limit: u32) -> Option<String> {
    match part.read_text(0, limit) {
        Some(chunk) => Some(chunk.text),
        None => Some(part.read(0, limit).into_iter().map(char::from).collect()),
    }
}

/// HTML that is sent as plain text, which some readers show as HTML.
fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start();
    let start = start.get(..start.floor_char_boundary(200)).unwrap_or_default().to_ascii_lowercase();
    start.starts_with("<html") || start.starts_with("<!doctype html") || start.starts_with("<body")
}
