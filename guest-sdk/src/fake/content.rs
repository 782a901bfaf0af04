//! The message and its parts, taken apart as the server does.

use std::rc::Rc;

use postwarden_mail::mime;

use super::{count, piece, world};
use crate::{Field, TextChunk};

/// The message of the call.
pub struct Message(());

/// A part of it, by its index.
pub struct Part(usize);

impl Message {
    pub(crate) fn new() -> Self {
        Self(())
    }

    pub fn get_size(&self) -> u64 {
        u64::try_from(message().raw().len()).unwrap_or(u64::MAX)
    }

    pub fn read(&self, start: u64, limit: u32) -> Vec<u8> {
        piece(message().raw(), start, limit)
    }

    pub fn count_fields(&self) -> u32 {
        count(message().count_fields())
    }

    pub fn list_fields(&self, start: u32, limit: u32) -> Vec<Field> {
        message().list_fields(index(start), index(limit)).into_iter().map(field).collect()
    }

    pub fn get_fields(&self, name: &str) -> Vec<Field> {
        message().fields(name).into_iter().map(field).collect()
    }

    pub fn get_decoded_fields(&self, name: &str) -> Vec<String> {
        message().decoded_fields(name)
    }

    pub fn count_parts(&self) -> u32 {
        count(message().count_parts())
    }

    pub fn get_part(&self, at: u32) -> Option<Part> {
        (index(at) < message().count_parts()).then(|| Part(index(at)))
    }

    pub fn get_defects(&self) -> Vec<String> {
        message().defects().into_iter().map(str::to_owned).collect()
    }
}

impl Part {
    pub fn get_index(&self) -> u32 {
        count(self.0)
    }

    pub fn get_parent(&self) -> Option<u32> {
        message().part(self.0).and_then(|part| part.parent).map(count)
    }

    pub fn get_media_type(&self) -> String {
        message().part(self.0).map(|part| part.media_type.clone()).unwrap_or_default()
    }

    pub fn get_parameter(&self, name: &str) -> Option<String> {
        let message = message();
        let parameters = &message.part(self.0)?.parameters;
        parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    }

    pub fn get_disposition(&self) -> Option<String> {
        message().part(self.0).and_then(|part| part.disposition.clone())
    }

    pub fn get_filename(&self) -> Option<String> {
        message().part(self.0).and_then(|part| part.filename.clone())
    }

    pub fn get_fields(&self, name: &str) -> Vec<Field> {
        message().part_fields(self.0, name).into_iter().map(field).collect()
    }

    pub fn get_size(&self) -> u64 {
        u64::try_from(message().part_bytes(self.0).len()).unwrap_or(u64::MAX)
    }

    pub fn read(&self, start: u64, limit: u32) -> Vec<u8> {
        piece(message().part_bytes(self.0), start, limit)
    }

    pub fn read_text(&self, start: u64, limit: u32) -> Option<TextChunk> {
        let message = message();
        let text = message.part_text(self.0)?;
        let start = text.floor_char_boundary(usize::try_from(start).unwrap_or(usize::MAX));
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.floor_char_boundary(index(limit));
        let next = start.saturating_add(end);
        let more = end > 0 && next < text.len();
        let next = more.then(|| u64::try_from(next).unwrap_or(u64::MAX));
        Some(TextChunk { text: rest.get(..end).unwrap_or_default().to_owned(), next })
    }
}

fn message() -> Rc<mime::Message> {
    world(|world| Rc::clone(&world.message))
}

fn field(field: mime::Field) -> Field {
    Field { name: field.name, value: field.value }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
