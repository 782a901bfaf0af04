//! One message as rules ask about it: each fact is fetched when the first rule asks, once. Decides nothing.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use postwarden_filter::*;

use crate::condition::{Field, Html};
use crate::needles::Needles;
use crate::text::{Text, clean};
use crate::{html, magic};

/// Bytes of a field's values that are looked at; of the body, the text that is left of its parts.
pub(crate) const TEXT_BYTES_MAX: usize = 256 << 10;
/// Bytes of text parts that are read for it: HTML is longer than its text.
pub(crate) const SOURCE_BYTES_MAX: usize = 1 << 20;
/// Recipients that are looked at.
const RECIPIENTS_MAX: usize = 10_000;
/// Recipients asked for in one call of the host.
const RECIPIENTS_AT_ONCE: u32 = 1000;

pub(crate) struct Letter<'a> {
    session: &'a Session,
    transaction: &'a Transaction,
    message: &'a Message,
    pub(crate) needles: &'a Needles,
    /// Minutes from UTC.
    offset: i64,
    texts: RefCell<BTreeMap<Field, Rc<[Text]>>>,
    parts: OnceCell<Vec<Leaf>>,
    attachments: OnceCell<Vec<Attached>>,
}

/// A part that is no container.
struct Leaf {
    index: u32,
    media_type: String,
    disposition: Option<String>,
    filename: Option<String>,
}

impl<'a> Letter<'a> {
    pub(crate) fn new(
        session: &'a Session,
        transaction: &'a Transaction,
        message: &'a Message,
        needles: &'a Needles,
        offset: i64,
    ) -> Self {
        let (texts, parts, attachments) = (RefCell::default(), OnceCell::new(), OnceCell::new());
        Self { session, transaction, message, needles, offset, texts, parts, attachments }
    }

    pub(crate) fn texts(&self, field: &Field) -> Rc<[Text]> {
        if let Some(texts) = self.texts.borrow().get(field) {
            return Rc::clone(texts);
        }
        let values = match field {
            Field::Sender => {
                Some(self.transaction.get_sender()).filter(|sender| !sender.is_empty()).into_iter().collect()
            }
            Field::Recipient => self.recipients(),
            Field::Subject => {
                let subjects = self.message.get_decoded_fields("Subject").into_iter();
                subjects.filter(|subject| !subject.trim().is_empty()).collect()
            }
            Field::Header(name) => self.message.get_decoded_fields(name),
            Field::Body(html) => self.body(*html),
            Field::Outcome(method) => self.outcomes(method),
        };
        let mut room = TEXT_BYTES_MAX;
        let mut texts = Vec::new();
        for value in values {
            let value = value.get(..value.floor_char_boundary(room)).unwrap_or_default();
            room = room.saturating_sub(value.len());
            texts.push(Text::new(value));
            if room == 0 {
                break;
            }
        }
        let texts: Rc<[Text]> = texts.into();
        self.texts.borrow_mut().insert(field.clone(), Rc::clone(&texts));
        texts
    }

    pub(crate) fn attachments(&self) -> &[Attached] {
        self.attachments.get_or_init(|| {
            let attached = self.parts().iter().filter(|leaf| leaf.is_attachment());
            attached.filter_map(|leaf| Some(Attached::new(self.message.get_part(leaf.index)?, leaf))).collect()
        })
    }

    /// Bytes of the message.
    pub(crate) fn size(&self) -> f64 {
        self.message.get_size() as f64
    }

    pub(crate) fn client(&self) -> IpAddr {
        match self.session.get_remote_address() {
            IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
            IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
        }
    }

    pub(crate) fn is_authenticated(&self) -> bool {
        self.session.get_user().is_some()
    }

    pub(crate) fn score(&self) -> f64 {
        self.transaction.get_score()
    }

    /// Minutes since the beginning of 1970, where the rules are.
    pub(crate) fn time(&self) -> i64 {
        i64::try_from(call::get_time() / 60_000).unwrap_or(i64::MAX).saturating_add(self.offset)
    }

    fn recipients(&self) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < RECIPIENTS_MAX {
            let start = u32::try_from(all.len()).unwrap_or(u32::MAX);
            let some = self.transaction.list_recipients(start, RECIPIENTS_AT_ONCE);
            if some.is_empty() {
                break;
            }
            all.extend(some.into_iter().map(|recipient| recipient.address));
        }
        all
    }

    fn outcomes(&self, method: &str) -> Vec<String> {
        let results = self.transaction.get_authentication_results().into_iter();
        results.filter(|result| result.method.eq_ignore_ascii_case(method)).map(|result| result.outcome).collect()
    }

    fn parts(&self) -> &[Leaf] {
        self.parts.get_or_init(|| {
            let leaf = |index: u32| {
                let part = self.message.get_part(index)?;
                let media_type = part.get_media_type();
                let container = media_type.starts_with("multipart/");
                let (disposition, filename) = (part.get_disposition(), part.get_filename());
                (!container).then_some(Leaf { index, media_type, disposition, filename })
            };
            (0..self.message.count_parts()).filter_map(leaf).collect()
        })
    }

    /// One text of all text parts that are no attachments.
    fn body(&self, html: Html) -> Vec<String> {
        let (mut text, mut room) = (String::new(), SOURCE_BYTES_MAX);
        for leaf in self.parts().iter().filter(|leaf| leaf.media_type.starts_with("text/") && !leaf.is_disposed()) {
            let is_html = leaf.media_type == "text/html";
            if (is_html && html == Html::Ignore) || room == 0 || text.len() >= TEXT_BYTES_MAX {
                continue;
            }
            let Some(part) = self.message.get_part(leaf.index) else { continue };
            let source = source(&part, room);
            room = room.saturating_sub(source.len());
            if !text.is_empty() {
                text.push('\n');
            }
            match is_html && html == Html::Text {
                true => text.push_str(&html::to_text(&source)),
                false => text.push_str(&source),
            }
        }
        Some(text).filter(|text| !text.trim().is_empty()).into_iter().collect()
    }
}

impl Leaf {
    fn is_disposed(&self) -> bool {
        self.disposition.as_deref() == Some("attachment")
    }

    /// Said to be one, has a name, or is no text.
    fn is_attachment(&self) -> bool {
        self.is_disposed() || self.filename.is_some() || !self.media_type.starts_with("text/")
    }
}

/// The text of a part; where its charset is unknown, its bytes as well as they can be read.
fn source(part: &Part, most: usize) -> String {
    let limit = |have: usize| u32::try_from(most.saturating_sub(have)).unwrap_or(u32::MAX);
    let Some(first) = part.read_text(0, limit(0)) else {
        return String::from_utf8_lossy(&part.read(0, limit(0))).into_owned();
    };
    let (mut text, mut next) = (first.text, first.next);
    while let Some(start) = next.filter(|_| text.len() < most) {
        let Some(chunk) = part.read_text(start, limit(text.len())).filter(|chunk| !chunk.text.is_empty()) else {
            break;
        };
        text.push_str(&chunk.text);
        next = chunk.next;
    }
    text
}

/// An attachment; its content is looked at when a rule asks for type or size.
pub(crate) struct Attached {
    part: Part,
    names: Vec<Text>,
    declared: [Text; 1],
    types: OnceCell<Vec<Text>>,
}

impl Attached {
    fn new(part: Part, leaf: &Leaf) -> Self {
        // Two places may name it, and programs differ in which they believe.
        let other = part.get_parameter("name").filter(|other| leaf.filename.as_ref() != Some(other));
        let names = leaf.filename.iter().chain(&other).map(|name| Text::new(last(&clean(name)))).collect();
        Self { part, names, declared: [Text::new(&leaf.media_type)], types: OnceCell::new() }
    }

    pub(crate) fn names(&self) -> &[Text] {
        &self.names
    }

    pub(crate) fn declared(&self) -> &[Text] {
        &self.declared
    }

    /// All names of its type by content.
    pub(crate) fn types(&self) -> &[Text] {
        self.types.get_or_init(|| magic::types(&self.part).into_iter().map(Text::new).collect())
    }

    /// Bytes, decoded.
    pub(crate) fn size(&self) -> f64 {
        self.part.get_size() as f64
    }

    pub(crate) fn label(&self) -> &str {
        self.names.iter().chain(&self.declared).next().map_or("", Text::clean)
    }
}

/// A file name as a system would make it: without folders, and without what it drops at the end.
fn last(name: &str) -> &str {
    let name = name.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}
