//! A message as filters see it: between the crate that takes it apart and the sandbox. No decisions.

use postwarden_mail::mime::{self, Message};
use postwarden_sandbox::{Content, Edit, Field, PartFacts};

/// The message as the filters before left it.
pub struct MessageContent(Message);

impl MessageContent {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Message::new(bytes))
    }

    /// The message with the new parts among these edits.
    pub fn replace_parts(&self, edits: &[Edit]) -> Vec<u8> {
        let new = edits.iter().filter_map(|edit| match edit {
            Edit::ReplacePart { index, media_type, content } => {
                Some(mime::Replacement { index: usize::try_from(*index).ok()?, media_type, content })
            }
            _ => None,
        });
        self.0.replace_parts(&new.collect::<Vec<_>>())
    }
}

impl Content for MessageContent {
    fn size(&self) -> u64 {
        count(self.0.raw())
    }

    fn read(&self, start: u64, limit: usize) -> Vec<u8> {
        cut(self.0.raw(), start, limit).to_vec()
    }

    fn count_fields(&self) -> usize {
        self.0.count_fields()
    }

    fn list_fields(&self, start: usize, limit: usize) -> Vec<Field> {
        self.0.list_fields(start, limit).into_iter().map(field).collect()
    }

    fn fields(&self, name: &str) -> Vec<Field> {
        self.0.fields(name).into_iter().map(field).collect()
    }

    fn decoded_fields(&self, name: &str) -> Vec<String> {
        self.0.decoded_fields(name)
    }

    fn defects(&self) -> Vec<String> {
        self.0.defects().into_iter().map(str::to_owned).collect()
    }

    fn count_parts(&self) -> usize {
        self.0.count_parts()
    }

    fn part(&self, index: usize) -> Option<PartFacts> {
        self.0.part(index).map(|part| PartFacts {
            parent: part.parent,
            media_type: part.media_type.clone(),
            disposition: part.disposition.clone(),
            filename: part.filename.clone(),
        })
    }

    fn part_parameter(&self, index: usize, name: &str) -> Option<String> {
        let parameters = &self.0.part(index)?.parameters;
        parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    }

    fn part_fields(&self, index: usize, name: &str) -> Vec<Field> {
        self.0.part_fields(index, name).into_iter().map(field).collect()
    }

    fn part_size(&self, index: usize) -> u64 {
        count(self.0.part_bytes(index))
    }

    fn part_read(&self, index: usize, start: u64, limit: usize) -> Vec<u8> {
        cut(self.0.part_bytes(index), start, limit).to_vec()
    }

    fn part_text(&self, index: usize, start: u64, limit: usize) -> Option<(String, Option<u64>)> {
        let text = self.0.part_text(index)?;
        let start = text.floor_char_boundary(usize::try_from(start).unwrap_or(usize::MAX));
        let rest = text.get(start..).unwrap_or_default();
        let mut end = rest.floor_char_boundary(limit);
        if end == 0 && !rest.is_empty() && limit > 0 {
            // Less than one character was asked for: go on all the same.
            end = rest.chars().next().map_or(0, char::len_utf8);
        }
        let next = start.saturating_add(end);
        let piece = rest.get(..end).unwrap_or_default().to_owned();
        Some((piece, (next < text.len()).then(|| u64::try_from(next).unwrap_or(u64::MAX))))
    }
}

fn field(field: mime::Field) -> Field {
    Field { name: field.name, value: field.value }
}

fn count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn cut(bytes: &[u8], start: u64, limit: usize) -> &[u8] {
    let rest = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    rest.get(..limit).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_pieces_between_characters() {
        let message = MessageContent::new("Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\näöü€".into());
        let (mut text, mut start) = (String::new(), Some(0));
        let mut pieces = 0;
        while let Some((piece, next)) = start.and_then(|start| message.part_text(0, start, 3)) {
            text.push_str(&piece);
            (start, pieces) = (next, pieces + 1);
        }
        assert_eq!((text.as_str(), pieces), ("äöü€", 4));
        assert_eq!(message.part_text(0, 1_000, 3), Some((String::new(), None)));
    }
}
