//! What a filter wants changed, checked against grant, budget and form before it is staged. Applies nothing.

use super::media_type;
use crate::context::Context;
use crate::track_0_1::postwarden::filter::smtp::EditError;
use crate::verdict::{Edit, Score};

/// Bytes of a symbol.
const SYMBOL_BYTES_MAX: usize = 64;
/// Bytes of a score's detail; more is cut.
const SCORE_DETAIL_BYTES_MAX: usize = 1024;
/// Bytes of a header field's name (one line, RFC 5322 section 2.1.1).
const HEADER_NAME_BYTES_MAX: usize = 200;
/// Bytes of a header field's value before it is folded.
const HEADER_VALUE_BYTES_MAX: usize = 16 << 10;
/// Bytes of a path (RFC 5321 section 4.5.3.1.3, and room for internationalized addresses).
const ADDRESS_BYTES_MAX: usize = 320;
/// Bytes of a note's name.
const NOTE_NAME_BYTES_MAX: usize = 64;

type Staged = Result<(), EditError>;

pub(super) fn score(context: &mut Context, symbol: String, points: f64, detail: Option<String>) -> Staged {
    if !points.is_finite() {
        return Err(EditError::Invalid(format!("{points} points for {symbol:?}: they must be finite")));
    }
    if symbol.is_empty() || symbol.len() > SYMBOL_BYTES_MAX || !symbol.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(EditError::Invalid(format!(
            "a symbol has 1 to {SYMBOL_BYTES_MAX} printable ASCII characters without spaces"
        )));
    }
    if over(context.staged.scores.len(), context.shared.limits.scores) {
        return Err(EditError::LimitExceeded);
    }
    let detail = detail.map(|detail| {
        let end = detail.floor_char_boundary(SCORE_DETAIL_BYTES_MAX);
        detail.get(..end).unwrap_or_default().to_owned()
    });
    context.staged.scores.push(Score { symbol, points, detail });
    Ok(())
}

pub(super) fn header(context: &mut Context, edit: Edit) -> Staged {
    if !context.shared.grants.edit {
        return Err(EditError::NotPermitted);
    }
    match &edit {
        Edit::AddHeader { name, value } => form(name, Some(value))?,
        Edit::ReplaceHeader { name, index, value } => {
            form(name, Some(value))?;
            must_stand(context, name, Some(*index))?;
        }
        Edit::RemoveHeader { name, index } => {
            form(name, None)?;
            must_stand(context, name, *index)?;
        }
        Edit::ReplacePart { .. } | Edit::AddRecipient(_) | Edit::RemoveRecipient(_) | Edit::SetSender(_) => {
            return Err(EditError::Other("no header edit".to_owned()));
        }
    }
    stage(context, edit)
}

pub(super) fn part(context: &mut Context, index: u32, media_type: String, content: Vec<u8>) -> Staged {
    if !context.shared.grants.edit {
        return Err(EditError::NotPermitted);
    }
    media_type::check(&media_type).map_err(EditError::Invalid)?;
    let message = context.call.as_ref().and_then(|call| call.message.as_ref()).ok_or(EditError::NotFound)?;
    let there = usize::try_from(index).ok().and_then(|index| message.part(index)).ok_or(EditError::NotFound)?;
    if there.media_type.starts_with("multipart/") {
        return Err(EditError::Invalid(format!("part {index} is {}: replace one of its parts", there.media_type)));
    }
    let staged = context.staged.edits.iter().map(|edit| match edit {
        Edit::ReplacePart { content, .. } => content.len(),
        _ => 0,
    });
    let bytes = staged.fold(content.len(), usize::saturating_add);
    if u64::try_from(bytes).unwrap_or(u64::MAX) > context.shared.limits.edit_bytes {
        return Err(EditError::LimitExceeded);
    }
    stage(context, Edit::ReplacePart { index, media_type, content: content.into() })
}

pub(super) fn envelope(context: &mut Context, edit: Edit) -> Staged {
    if !context.shared.grants.recipients {
        return Err(EditError::NotPermitted);
    }
    match &edit {
        Edit::AddRecipient(one) => address(one)?,
        Edit::SetSender(one) if one.is_empty() => {}
        Edit::SetSender(one) => address(one)?,
        Edit::RemoveRecipient(one) => {
            let there = context.call.as_ref().and_then(|call| call.transaction.as_ref()).is_some_and(|transaction| {
                transaction.recipients.iter().any(|recipient| same_address(&recipient.address, one))
            });
            let added = context
                .staged
                .edits
                .iter()
                .any(|edit| matches!(edit, Edit::AddRecipient(added) if same_address(added, one)));
            if !there && !added {
                return Err(EditError::NotFound);
            }
        }
        _ => return Err(EditError::Other("no edit of the envelope".to_owned())),
    }
    stage(context, edit)
}

pub(super) fn note(context: &mut Context, name: String, value: Vec<u8>) -> Staged {
    if name.is_empty() || name.len() > NOTE_NAME_BYTES_MAX {
        return Err(EditError::Invalid(format!("a note's name has 1 to {NOTE_NAME_BYTES_MAX} bytes")));
    }
    let before = context.call.as_ref().map(|call| call.notes.clone()).unwrap_or_default();
    let notes = context.staged.notes.get_or_insert(before);
    let others = notes.iter().filter(|(other, _)| **other != name);
    let bytes = others
        .map(|(other, content)| other.len().saturating_add(content.len()))
        .fold(name.len().saturating_add(value.len()), usize::saturating_add);
    if u64::try_from(bytes).unwrap_or(u64::MAX) > context.shared.limits.note_bytes {
        return Err(EditError::LimitExceeded);
    }
    notes.insert(name, value);
    Ok(())
}

fn stage(context: &mut Context, edit: Edit) -> Staged {
    if over(context.staged.edits.len(), context.shared.limits.edits) {
        return Err(EditError::LimitExceeded);
    }
    context.staged.edits.push(edit);
    Ok(())
}

fn over(count: usize, limit: u32) -> bool {
    u32::try_from(count).unwrap_or(u32::MAX) >= limit
}

fn form(name: &str, value: Option<&String>) -> Staged {
    let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if name.is_empty() || name.len() > HEADER_NAME_BYTES_MAX || !name.bytes().all(is_name) {
        let shown = name.get(..name.floor_char_boundary(64)).unwrap_or_default();
        return Err(EditError::Invalid(format!("{shown:?} is no header field name")));
    }
    match value {
        Some(value) if value.len() > HEADER_VALUE_BYTES_MAX => {
            Err(EditError::Invalid(format!("{name}: the value has more than {HEADER_VALUE_BYTES_MAX} bytes")))
        }
        Some(value) if value.chars().any(|c| c.is_control() && c != '\t') => {
            Err(EditError::Invalid(format!("{name}: the value holds a line break or another control character")))
        }
        _ => Ok(()),
    }
}

/// Whether the field is there, as the edits staged so far leave it. Before the message is there, nobody knows.
fn must_stand(context: &Context, name: &str, index: Option<u32>) -> Staged {
    let Some(message) = context.call.as_ref().and_then(|call| call.message.as_ref()) else { return Ok(()) };
    let mut count = message.fields(name).len();
    for edit in &context.staged.edits {
        match edit {
            Edit::AddHeader { name: other, .. } if other.eq_ignore_ascii_case(name) => count = count.saturating_add(1),
            Edit::RemoveHeader { name: other, index } if other.eq_ignore_ascii_case(name) => {
                count = if index.is_some() { count.saturating_sub(1) } else { 0 };
            }
            _ => {}
        }
    }
    let wanted = usize::try_from(index.unwrap_or(0)).unwrap_or(usize::MAX);
    if wanted < count { Ok(()) } else { Err(EditError::NotFound) }
}

/// The shape of an address; the server parses it where it is used.
fn address(address: &str) -> Staged {
    let odd = |c: char| c.is_control() || matches!(c, '<' | '>');
    let domain = address.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let spaced = address.contains(char::is_whitespace) && !address.starts_with('"');
    if address.len() > ADDRESS_BYTES_MAX || domain.is_none() || spaced || address.chars().any(odd) {
        let shown = address.get(..address.floor_char_boundary(64)).unwrap_or_default();
        return Err(EditError::Invalid(format!("{shown:?} is no address")));
    }
    Ok(())
}

/// Domains are compared without regard to case, local parts as they are written (RFC 5321 section 2.4).
fn same_address(one: &str, other: &str) -> bool {
    match (one.rsplit_once('@'), other.rsplit_once('@')) {
        (Some((local, domain)), Some((other_local, other_domain))) => {
            local == other_local && domain.eq_ignore_ascii_case(other_domain)
        }
        _ => one == other,
    }
}
