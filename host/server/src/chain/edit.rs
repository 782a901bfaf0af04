//! Changes to a header section: adds, replaces and removes fields, byte for byte where nothing changes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postwarden_mail::header;
use postwarden_sandbox::Edit;

use crate::content::MessageContent;

/// Columns after which a line is folded, if it can be.
const FOLD_COLUMNS: usize = 76;
/// A longer word must be cut, which only an encoded word can be (RFC 5322 section 2.1.1).
const WORD_BYTES_MAX: usize = 900;
/// Bytes of text in one encoded word (RFC 2047: 75 characters).
const ENCODED_BYTES_MAX: usize = 42;

/// The section as this edit leaves it; none: it changes nothing.
pub(super) fn apply(section: &[u8], edit: &Edit) -> Option<Vec<u8>> {
    match edit {
        Edit::AddHeader { name, value } => {
            let mut changed = field(name, value)?;
            changed.extend_from_slice(section);
            Some(changed)
        }
        Edit::ReplaceHeader { name, index, value } => {
            let (start, end) = places(section, name).nth(usize::try_from(*index).ok()?)?;
            splice(section, start, end, &field(name, value)?)
        }
        Edit::RemoveHeader { name, index: Some(index) } => {
            let (start, end) = places(section, name).nth(usize::try_from(*index).ok()?)?;
            splice(section, start, end, b"")
        }
        Edit::RemoveHeader { name, index: None } => {
            let mut changed: Option<Vec<u8>> = None;
            let all: Vec<_> = places(section, name).collect();
            for (start, end) in all.into_iter().rev() {
                changed = splice(changed.as_deref().unwrap_or(section), start, end, b"");
            }
            changed
        }
        Edit::ReplacePart { .. } | Edit::AddRecipient(_) | Edit::RemoveRecipient(_) | Edit::SetSender(_) => None,
    }
}

/// A whole message as these edits leave it; none: they change nothing. New parts come first, as in a call.
pub(crate) fn message(received: &[u8], edits: &[Edit]) -> Option<Vec<u8>> {
    let parts = edits.iter().any(|edit| matches!(edit, Edit::ReplacePart { .. }));
    let replaced = parts.then(|| MessageContent::new(received.to_vec()).replace_parts(edits));
    fields(replaced.as_deref().unwrap_or(received), edits).or(replaced)
}

fn fields(received: &[u8], edits: &[Edit]) -> Option<Vec<u8>> {
    let (section, _) = header::split(received);
    let rest = received.get(section.len()..).unwrap_or_default();
    let mut changed: Option<Vec<u8>> = None;
    for edit in edits {
        changed = apply(changed.as_deref().unwrap_or(section), edit).or(changed);
    }
    let gap: &[u8] = if rest.starts_with(b"\r\n") || rest.starts_with(b"\n") { b"" } else { b"\r\n" };
    changed.map(|section| [section.as_slice(), gap, rest].concat())
}

fn places<'a>(section: &'a [u8], name: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    header::fields(section).filter(move |field| field.is(name)).map(|field| (field.start, field.end))
}

fn splice(section: &[u8], start: usize, end: usize, with: &[u8]) -> Option<Vec<u8>> {
    Some([section.get(..start)?, with, section.get(end..)?].concat())
}

/// One field with its line end. None: no field can have this name.
fn field(name: &str, value: &str) -> Option<Vec<u8>> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
        return None;
    }
    let value: String = value.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = value.is_ascii() && value.split(' ').all(|word| word.len() <= WORD_BYTES_MAX);
    let words = if plain { value.split(' ').map(str::to_owned).collect() } else { encoded(&value) };
    let mut line = format!("{name}:");
    let mut column = line.len();
    for word in words {
        // A fold before an empty word would make a line of white space.
        if column.saturating_add(word.len()) > FOLD_COLUMNS && column > name.len() + 1 && !word.is_empty() {
            line.push_str("\r\n");
            column = 0;
        }
        line.push(' ');
        line.push_str(&word);
        column = column.saturating_add(word.len()).saturating_add(1);
    }
    line.push_str("\r\n");
    Some(line.into_bytes())
}

fn encoded(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(ENCODED_BYTES_MAX));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(piece)));
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECTION: &[u8] = b"Subject: one\r\nX-A: 1\r\n folded\r\nx-a: 2\r\nTo: x\r\n";

    fn edited(edit: &Edit) -> Option<String> {
        apply(SECTION, edit).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn fields_are_added_replaced_and_removed() {
        let add = |value: &str| Edit::AddHeader { name: "X-N".to_owned(), value: value.to_owned() };
        assert!(edited(&add("v")).unwrap().starts_with("X-N: v\r\nSubject: one\r\n"));
        // What would begin another field does not.
        assert!(edited(&add("a\r\nBcc: b")).unwrap().starts_with("X-N: a  Bcc: b\r\nSubject"));
        assert!(edited(&add("ü")).unwrap().starts_with("X-N: =?UTF-8?B?w7w=?=\r\n"));
        let long = edited(&add(&"word ".repeat(100))).unwrap();
        assert!(long.lines().all(|line| line.len() <= 78 && !line.trim().is_empty()), "{long}");
        let replace = Edit::ReplaceHeader { name: "X-A".to_owned(), index: 0, value: "new".to_owned() };
        assert_eq!(edited(&replace).unwrap(), "Subject: one\r\nX-A: new\r\nx-a: 2\r\nTo: x\r\n");
        let remove = |index| Edit::RemoveHeader { name: "X-a".to_owned(), index };
        assert_eq!(edited(&remove(Some(1))).unwrap(), "Subject: one\r\nX-A: 1\r\n folded\r\nTo: x\r\n");
        assert_eq!(edited(&remove(None)).unwrap(), "Subject: one\r\nTo: x\r\n");
        assert_eq!(edited(&remove(Some(2))), None);
        assert_eq!(edited(&Edit::AddHeader { name: "a: b\r\nc".to_owned(), value: String::new() }), None);
    }
}
