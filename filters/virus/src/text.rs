//! Text as signatures for HTML (3) and text (7) expect it: lower case, one space for any run of white space, no control
//! characters, in HTML no comments.

use memchr::memmem;

pub(crate) fn normalized(data: &[u8], is_html: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(data.len());
    if !is_html {
        squeeze(data, &mut text);
        return text;
    }
    let mut rest = data;
    while let Some(start) = memmem::find(rest, b"<!--") {
        let (before, comment) = rest.split_at_checked(start).unwrap_or_default();
        squeeze(before, &mut text);
        let end = memmem::find(comment, b"-->").map_or(comment.len(), |end| end.saturating_add(3));
        rest = comment.get(end..).unwrap_or_default();
    }
    squeeze(rest, &mut text);
    text
}

fn squeeze(data: &[u8], text: &mut Vec<u8>) {
    for byte in data {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | 0x0B | 0x0C => {
                if text.last() != Some(&b' ') {
                    text.push(b' ');
                }
            }
            0..b' ' | 0x7F => {}
            other => text.push(other.to_ascii_lowercase()),
        }
    }
}
