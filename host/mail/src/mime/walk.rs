//! Finds the parts of a message: header, body and place of each. A list of what is still to be looked at instead of
//! recursion, so that no nesting can exhaust the stack; decodes nothing but the fields that say what a part is.

use std::sync::OnceLock;

use memchr::memchr;

use super::decode::{Encoding, structured};
use super::{DEPTH_MAX, FIELDS_MAX, PARTS_MAX, Part, Structure};
use crate::header;

/// Still to be looked at.
struct Entity {
    start: usize,
    end: usize,
    parent: Option<usize>,
    depth: usize,
    /// The default inside multipart/digest.
    default: &'static str,
}

pub(super) fn structure(raw: &[u8]) -> Structure {
    let mut found = Structure { parts: Vec::new(), defects: of_message(raw) };
    let mut pending = vec![Entity { start: 0, end: raw.len(), parent: None, depth: 0, default: "text/plain" }];
    while let Some(entity) = pending.pop() {
        if found.parts.len() >= PARTS_MAX {
            found.defects.push("too-many-parts");
            break;
        }
        let index = found.parts.len();
        let part = part(raw, &entity, &mut found.defects);
        let children = children(raw, &part, index, entity.depth, &mut found.defects);
        found.parts.push(part);
        pending.extend(children.into_iter().rev());
    }
    found
}

fn part(raw: &[u8], entity: &Entity, defects: &mut Vec<&'static str>) -> Part {
    let bytes = raw.get(entity.start..entity.end).unwrap_or_default();
    let (head, body) = header::split(bytes);
    let body_start = entity.end.saturating_sub(body.len());
    let field =
        |name: &str| header::fields(head).take(FIELDS_MAX).find(|field| field.is(name)).map(|field| field.value);
    let types = header::fields(head).take(FIELDS_MAX).filter(|field| field.is("Content-Type")).count();
    if types > 1 {
        defects.push("duplicate-content-type");
    }
    let kind = field("Content-Type").and_then(structured);
    let disposition = field("Content-Disposition").and_then(structured);
    let media_type = match &kind {
        Some(kind) if !kind.main.is_empty() => match &kind.sub {
            Some(sub) => format!("{}/{sub}", kind.main),
            // RFC 2045 section 5.2: what cannot be read is plain text.
            None => "text/plain".to_owned(),
        },
        _ => entity.default.to_owned(),
    };
    let filename = disposition.as_ref().and_then(|found| found.parameter("filename"));
    let filename = filename.or_else(|| kind.as_ref().and_then(|found| found.parameter("name")));
    Part {
        parent: entity.parent,
        media_type,
        parameters: kind.map(|kind| kind.parameters).unwrap_or_default(),
        disposition: disposition.map(|found| found.main).filter(|main| !main.is_empty()),
        filename,
        encoding: field("Content-Transfer-Encoding").map_or(Encoding::Plain, Encoding::named),
        header: (entity.start, entity.start.saturating_add(head.len())),
        body: (body_start, entity.end),
        decoded: OnceLock::new(),
        text: OnceLock::new(),
    }
}

fn children(raw: &[u8], part: &Part, index: usize, depth: usize, defects: &mut Vec<&'static str>) -> Vec<Entity> {
    let is_multipart = part.media_type.starts_with("multipart/");
    let is_message =
        matches!(part.media_type.as_str(), "message/rfc822" | "message/global") && part.encoding == Encoding::Plain;
    if !is_multipart && !is_message {
        return Vec::new();
    }
    if depth >= DEPTH_MAX {
        defects.push("too-deep");
        return Vec::new();
    }
    let depth = depth.saturating_add(1);
    let (start, end) = part.body;
    if is_message {
        return vec![Entity { start, end, parent: Some(index), depth, default: "text/plain" }];
    }
    let boundary = part.parameters.iter().find(|(name, _)| name == "boundary").map(|(_, value)| value.as_str());
    let Some(boundary) = boundary.filter(|boundary| !boundary.is_empty()) else {
        defects.push("missing-boundary");
        return Vec::new();
    };
    let default = if part.media_type == "multipart/digest" { "message/rfc822" } else { "text/plain" };
    let cut = split(raw.get(start..end).unwrap_or_default(), boundary.as_bytes());
    if !cut.terminated {
        defects.push("unterminated-multipart");
    }
    let entity = |(from, to): (usize, usize)| Entity {
        start: start.saturating_add(from),
        end: start.saturating_add(to),
        parent: Some(index),
        depth,
        default,
    };
    cut.parts.into_iter().map(entity).collect()
}

struct Cut {
    parts: Vec<(usize, usize)>,
    terminated: bool,
}

/// The places between the lines that are `--boundary` (RFC 2046 section 5.1.1).
fn split(body: &[u8], boundary: &[u8]) -> Cut {
    let mut cut = Cut { parts: Vec::new(), terminated: false };
    let mut open: Option<usize> = None;
    let mut at = 0;
    while at < body.len() && !cut.terminated && cut.parts.len() <= PARTS_MAX {
        let rest = body.get(at..).unwrap_or_default();
        let length = memchr(b'\n', rest).map_or(rest.len(), |end| end.saturating_add(1));
        let line = rest.get(..length).unwrap_or_default();
        let next = at.saturating_add(length);
        if let Some(behind) = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary)) {
            let behind = behind.trim_ascii_end();
            let last = behind == b"--";
            if behind.is_empty() || last {
                cut.parts.extend(open.map(|start| (start, before_line_end(body, at).max(start))));
                open = Some(next);
                cut.terminated = last;
            }
        }
        at = next;
    }
    if !cut.terminated {
        cut.parts.extend(open.filter(|start| *start < body.len()).map(|start| (start, body.len())));
    }
    cut
}

/// The line end before a boundary belongs to the boundary.
fn before_line_end(body: &[u8], at: usize) -> usize {
    let before = body.get(..at).unwrap_or_default();
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    before.strip_suffix(b"\r").unwrap_or(before).len()
}

fn of_message(raw: &[u8]) -> Vec<&'static str> {
    let (mut count, mut from, mut date, mut subject) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut defects = Vec::new();
    for field in header::fields(raw).take(FIELDS_MAX.saturating_add(1)) {
        count = count.saturating_add(1);
        from = from.saturating_add(usize::from(field.is("From")));
        date = date.saturating_add(usize::from(field.is("Date")));
        subject = subject.saturating_add(usize::from(field.is("Subject")));
    }
    let (head, body) = header::split(raw);
    let closed = head.len().saturating_add(body.len()) < raw.len() || body.is_empty();
    let said = [
        (count > FIELDS_MAX, "too-many-fields"),
        (from == 0, "missing-from"),
        (from > 1, "duplicate-from"),
        (date == 0, "missing-date"),
        (subject > 1, "duplicate-subject"),
        (!head.is_ascii(), "8bit-header"),
        (memchr(0, raw).is_some(), "nul"),
        (!closed, "no-header-end"),
    ];
    defects.extend(said.iter().filter(|(wrong, _)| *wrong).map(|(_, name)| *name));
    defects
}
