//! A message taken apart: header fields, body parts in depth-first order, their decoded content, and what is wrong with
//! it. Indexes the bytes and decodes a part when it is asked for; never changes them, never fails. A message with other
//! parts is another message (`replace`).
//!
//! RFC 5322 for the header, RFC 2045-2047 and 2231 for the parts. Whatever comes in, the work is bounded by
//! [`PARTS_MAX`] and [`DEPTH_MAX`] times the size.

mod decode;
mod encode;
mod replace;
mod walk;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

pub use replace::Replacement;

use crate::header;

/// Body parts that are told apart; what comes behind is not looked at.
pub const PARTS_MAX: usize = 1_000;
/// Levels of parts in parts.
pub const DEPTH_MAX: usize = 20;
/// Header fields of a message or part that are listed.
pub const FIELDS_MAX: usize = 10_000;

/// A header field: unfolded, without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub value: Vec<u8>,
}

/// A message and its index.
pub struct Message {
    raw: Arc<[u8]>,
    structure: OnceLock<Structure>,
}

/// Parts and defects, found at the first question about either.
struct Structure {
    parts: Vec<Part>,
    defects: Vec<&'static str>,
}

/// A body part, by its places in the message.
pub struct Part {
    pub parent: Option<usize>,
    /// `text/html`: lower case, with the defaults of RFC 2045.
    pub media_type: String,
    pub parameters: Vec<(String, String)>,
    pub disposition: Option<String>,
    /// As the sender wrote it: untrusted.
    pub filename: Option<String>,
    encoding: decode::Encoding,
    header: (usize, usize),
    body: (usize, usize),
    decoded: OnceLock<Vec<u8>>,
    text: OnceLock<Option<String>>,
}

impl Message {
    pub fn new(raw: impl Into<Arc<[u8]>>) -> Self {
        Self { raw: raw.into(), structure: OnceLock::new() }
    }

    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub fn count_fields(&self) -> usize {
        header::fields(&self.raw).take(FIELDS_MAX).count()
    }

    pub fn list_fields(&self, start: usize, limit: usize) -> Vec<Field> {
        header::fields(&self.raw).take(FIELDS_MAX).skip(start).take(limit).map(field).collect()
    }

    /// Without regard to case, top first.
    pub fn fields(&self, name: &str) -> Vec<Field> {
        header::fields(&self.raw).take(FIELDS_MAX).filter(|found| found.is(name)).map(field).collect()
    }

    /// With encoded words decoded (RFC 2047); what is no text is U+FFFD.
    pub fn decoded_fields(&self, name: &str) -> Vec<String> {
        let fields = header::fields(&self.raw).take(FIELDS_MAX).filter(|found| found.is(name));
        fields.map(|found| decode::words(found.value)).collect()
    }

    pub fn count_parts(&self) -> usize {
        self.structure().parts.len()
    }

    pub fn part(&self, index: usize) -> Option<&Part> {
        self.structure().parts.get(index)
    }

    /// What is wrong, each name once, sorted: `too-many-parts`, `too-deep`, `too-many-fields`, `bad-base64`,
    /// `bad-quoted-printable`, `unknown-encoding`, `missing-boundary`, `unterminated-multipart`,
    /// `duplicate-content-type`, `duplicate-from`, `duplicate-subject`, `missing-from`, `missing-date`, `8bit-header`,
    /// `nul`, `no-header-end`.
    pub fn defects(&self) -> Vec<&'static str> {
        let structure = self.structure();
        let mut defects = structure.defects.clone();
        for part in &structure.parts {
            let raw = self.slice(part.body);
            if !part.media_type.starts_with("multipart/") && !decode::is_sound(raw, part.encoding) {
                defects.push(part.encoding.defect());
            }
        }
        defects.sort_unstable();
        defects.dedup();
        defects
    }

    pub fn part_fields(&self, index: usize, name: &str) -> Vec<Field> {
        let Some(part) = self.part(index) else { return Vec::new() };
        let fields = header::fields(self.slice(part.header)).take(FIELDS_MAX);
        fields.filter(|found| found.is(name)).map(field).collect()
    }

    /// The part's bytes after transfer decoding.
    pub fn part_bytes(&self, index: usize) -> &[u8] {
        let Some(part) = self.part(index) else { return &[] };
        let raw = self.slice(part.body);
        match part.encoding {
            decode::Encoding::Plain => raw,
            encoding => part.decoded.get_or_init(|| decode::transfer(raw, encoding).0),
        }
    }

    /// The part as text; none: it is no text, or of an unknown charset.
    pub fn part_text(&self, index: usize) -> Option<&str> {
        let part = self.part(index)?;
        if !part.media_type.starts_with("text/") {
            return None;
        }
        let charset = part.parameters.iter().find(|(name, _)| name == "charset").map(|(_, value)| value.as_str());
        part.text.get_or_init(|| decode::text(self.part_bytes(index), charset)).as_deref()
    }

    fn structure(&self) -> &Structure {
        self.structure.get_or_init(|| walk::structure(&self.raw))
    }

    fn slice(&self, (start, end): (usize, usize)) -> &[u8] {
        self.raw.get(start..end).unwrap_or_default()
    }
}

fn field(found: header::Field<'_>) -> Field {
    let value: Vec<u8> = found.value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    Field { name: String::from_utf8_lossy(found.name).into_owned(), value: value.trim_ascii().to_vec() }
}
