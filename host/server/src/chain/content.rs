//! A message as the contract shows it, read as one part: header fields and raw bytes. Knows no MIME structure.

use std::sync::Arc;

use postwarden_mail::header;
use postwarden_sandbox::{Content, Field, PartFacts};

/// The header as edited, and where the rest of the message begins in what was received.
pub(super) struct Plain {
    pub(super) header: Arc<[u8]>,
    pub(super) received: Arc<Vec<u8>>,
    pub(super) rest: usize,
}

impl Plain {
    fn rest(&self) -> &[u8] {
        self.received.get(self.rest..).unwrap_or_default()
    }

    fn all(&self) -> impl Iterator<Item = Field> {
        header::fields(&self.header)
            .map(|field| Field { name: String::from_utf8_lossy(field.name).into_owned(), value: unfold(field.value) })
    }

    fn body(&self) -> &[u8] {
        let rest = self.rest();
        rest.strip_prefix(b"\r\n").unwrap_or(rest)
    }
}

impl Content for Plain {
    fn size(&self) -> u64 {
        u64::try_from(self.header.len().saturating_add(self.rest().len())).unwrap_or(u64::MAX)
    }

    fn read(&self, start: u64, limit: usize) -> Vec<u8> {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let mut piece = cut(&self.header, start, limit).to_vec();
        let left = limit.saturating_sub(piece.len());
        piece.extend_from_slice(cut(self.rest(), start.saturating_sub(self.header.len()), left));
        piece
    }

    fn count_fields(&self) -> usize {
        header::fields(&self.header).count()
    }

    fn list_fields(&self, start: usize, limit: usize) -> Vec<Field> {
        self.all().skip(start).take(limit).collect()
    }

    fn fields(&self, name: &str) -> Vec<Field> {
        self.all().filter(|field| field.name.eq_ignore_ascii_case(name)).collect()
    }

    fn decoded_fields(&self, name: &str) -> Vec<String> {
        self.fields(name).into_iter().map(|field| String::from_utf8_lossy(&field.value).trim().to_owned()).collect()
    }

    fn defects(&self) -> Vec<String> {
        Vec::new()
    }

    fn count_parts(&self) -> usize {
        1
    }

    fn part(&self, index: usize) -> Option<PartFacts> {
        (index == 0).then(|| {
            let kind = self.decoded_fields("Content-Type").into_iter().next().unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let media_type = if kind.is_empty() { "text/plain".to_owned() } else { kind };
            PartFacts { parent: None, media_type, disposition: None, filename: None }
        })
    }

    fn part_parameter(&self, _: usize, _: &str) -> Option<String> {
        None
    }

    fn part_fields(&self, index: usize, name: &str) -> Vec<Field> {
        if index == 0 { self.fields(name) } else { Vec::new() }
    }

    fn part_size(&self, index: usize) -> u64 {
        if index == 0 { u64::try_from(self.body().len()).unwrap_or(u64::MAX) } else { 0 }
    }

    fn part_read(&self, index: usize, start: u64, limit: usize) -> Vec<u8> {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        if index == 0 { cut(self.body(), start, limit).to_vec() } else { Vec::new() }
    }

    fn part_text(&self, index: usize, start: u64, limit: usize) -> Option<(String, Option<u64>)> {
        let text = std::str::from_utf8(self.body()).ok().filter(|_| index == 0)?;
        let start = usize::try_from(start).ok()?;
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.floor_char_boundary(limit);
        let next = start.saturating_add(end);
        let more = end > 0 && next < text.len();
        Some((rest.get(..end).unwrap_or_default().to_owned(), more.then(|| u64::try_from(next).unwrap_or(u64::MAX))))
    }
}

fn cut(bytes: &[u8], start: usize, limit: usize) -> &[u8] {
    let rest = bytes.get(start..).unwrap_or_default();
    rest.get(..limit).unwrap_or(rest)
}

/// Without line ends.
fn unfold(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}
