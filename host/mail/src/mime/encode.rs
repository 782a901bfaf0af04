//! Transfer encodings of new content. No line of either begins with a hyphen, so that none can be taken for a boundary.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Columns of a line (RFC 2045 sections 6.7 and 6.8).
const LINE_COLUMNS: usize = 76;

/// Content as it stands in a message, and the name of its encoding.
pub(super) fn encode(content: &[u8], is_text: bool) -> (&'static str, Vec<u8>) {
    if !is_text || content.contains(&0) {
        return ("base64", base64(content));
    }
    let text = canonical(content);
    let odd = text.iter().filter(|byte| !byte.is_ascii()).count();
    // Where every sixth byte would become three, base64 is shorter and no less readable.
    if odd > text.len() / 6 { ("base64", base64(&text)) } else { ("quoted-printable", quoted_printable(&text)) }
}

/// Lines of text end with CRLF, whatever encodes them.
fn canonical(text: &[u8]) -> Cow<'_, [u8]> {
    let bare = |(at, byte): (usize, &u8)| *byte == b'\n' && (at == 0 || text.get(at.wrapping_sub(1)) != Some(&b'\r'));
    if !text.iter().enumerate().any(bare) {
        return Cow::Borrowed(text);
    }
    let mut lines = Vec::with_capacity(text.len().saturating_add(text.len() / 16));
    for (at, byte) in text.iter().enumerate() {
        if bare((at, byte)) {
            lines.push(b'\r');
        }
        lines.push(*byte);
    }
    Cow::Owned(lines)
}

fn base64(content: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(content.len().saturating_mul(3) / 2);
    for (number, line) in content.chunks(LINE_COLUMNS / 4 * 3).enumerate() {
        if number > 0 {
            lines.extend_from_slice(b"\r\n");
        }
        lines.extend_from_slice(STANDARD.encode(line).as_bytes());
    }
    lines
}

fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(text.len().saturating_add(text.len() / 8));
    let mut column = 0_usize;
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"\r\n") {
            lines.extend_from_slice(b"\r\n");
            (column, rest) = (0, after);
            continue;
        }
        let ends_line = after.is_empty() || after.starts_with(b"\r\n");
        let plain = match byte {
            b'=' => false,
            b'-' => column > 0,
            b' ' | b'\t' => !ends_line,
            byte => byte.is_ascii_graphic(),
        };
        let width = if plain { 1 } else { 3 };
        // The last column is for the sign that the line goes on.
        if column.saturating_add(width) >= LINE_COLUMNS {
            lines.extend_from_slice(b"=\r\n");
            column = 0;
            continue;
        }
        match plain {
            true => lines.push(*byte),
            false => lines.extend_from_slice(format!("={byte:02X}").as_bytes()),
        }
        (column, rest) = (column.saturating_add(width), after);
    }
    lines
}
