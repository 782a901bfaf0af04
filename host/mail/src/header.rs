//! The header section of a message: which fields stand in it and where it ends. It reads, it never
//! changes; no decoding. Each function looks at each byte a bounded number of times.

use std::borrow::Cow;

use memchr::memchr;

/// One header field, as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// What stands before the colon, without white space.
    pub name: &'a [u8],
    /// What stands after the colon, folds included, without the last line end.
    pub value: &'a [u8],
    /// Where the field begins in the message.
    pub start: usize,
    /// Where the next field begins: after the line end.
    pub end: usize,
}

impl Field<'_> {
    /// Without regard to case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value on one line, without white space at both ends; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        let unfolded: Vec<u8> = self.value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
        String::from_utf8_lossy(&unfolded).trim().to_owned()
    }
}

/// The fields of the section in their order. Ends at the first line that is neither a field nor the
/// continuation of one; lines may end with CRLF or LF.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

/// Reads the fields of a message (or of its first bytes).
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { message, at: 0 }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.at;
        let rest = self.message.get(start..)?;
        let mut end = line_end(rest, 0);
        let first = rest.get(..end)?;
        let colon = memchr(b':', first)?;
        let name = first.get(..colon)?.trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        while matches!(rest.get(end), Some(b' ' | b'\t')) {
            end = line_end(rest, end);
        }
        let value = rest.get(colon + 1..end)?;
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        self.at = start + end;
        Some(Field { name, value, start, end: self.at })
    }
}

/// Where the line that begins at `from` ends: after its LF, or at the end of the bytes.
fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).and_then(|rest| memchr(b'\n', rest)).map_or(bytes.len(), |at| from + at + 1)
}

/// The header section and the body: the empty line between them belongs to neither. A message whose
/// section is not closed by an empty line has its body where the first line stands that is no field.
pub fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let end = fields(message).last().map_or(0, |field| field.end);
    let (head, rest) = message.split_at_checked(end).unwrap_or((message, &[]));
    let body = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
    (head, body)
}

/// The first field with this name, without regard to case.
pub fn find<'a>(message: &'a [u8], name: &str) -> Option<Field<'a>> {
    fields(message).find(|field| field.is(name))
}

/// How many hosts the message has passed: the number of its `Received` fields.
pub fn hops(message: &[u8]) -> usize {
    fields(message).filter(|field| field.is("Received")).count()
}

/// The message (or its first bytes) without the fields of this name. A field that may go on behind
/// what is at hand stays. Nothing is copied where there is no such field.
pub fn without<'a>(message: &'a [u8], name: &str) -> Cow<'a, [u8]> {
    let mut kept: Option<Vec<u8>> = None;
    let mut from = 0;
    for field in fields(message).filter(|field| field.is(name) && field.end < message.len()) {
        let kept = kept.get_or_insert_with(|| Vec::with_capacity(message.len()));
        kept.extend_from_slice(message.get(from..field.start).unwrap_or(&[]));
        from = field.end;
    }
    match kept {
        None => Cow::Borrowed(message),
        Some(mut kept) => {
            kept.extend_from_slice(message.get(from..).unwrap_or(&[]));
            Cow::Owned(kept)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const MESSAGE: &[u8] =
        b"Received: from a\r\n\tby b; now\r\nreceived : x\r\nSubject: one\r\n two\r\n\r\nReceived: body\r\n";

    #[test]
    fn fields_in_order_with_folds() {
        let names: Vec<_> = fields(MESSAGE).map(|f| String::from_utf8_lossy(f.name).into_owned()).collect();
        assert_eq!(names, ["Received", "received", "Subject"]);
        assert_eq!(find(MESSAGE, "SUBJECT").unwrap().text(), "one two");
        assert_eq!(find(MESSAGE, "received").unwrap().value, b" from a\r\n\tby b; now");
        assert_eq!(hops(MESSAGE), 2);
        assert_eq!(split(MESSAGE).1, b"Received: body\r\n");
    }

    #[test]
    fn every_byte_of_the_section_belongs_to_a_field() {
        let mut at = 0;
        for field in fields(MESSAGE) {
            assert_eq!(field.start, at);
            at = field.end;
        }
        assert_eq!(split(MESSAGE).0.len(), at);
    }

    #[test]
    fn no_header_at_all() {
        for message in
            [&b""[..], b"\r\n", b"\n", b"just text\r\nA: b\r\n", b": x\r\n", b" folded: first\r\n", b"a b: c\r\n"]
        {
            assert_eq!(fields(message).count(), 0, "{:?}", String::from_utf8_lossy(message));
        }
        assert_eq!(split(b"just text\r\n").1, b"just text\r\n");
        assert_eq!(split(b"\r\nbody").1, b"body");
    }

    #[test]
    fn a_section_cut_anywhere_is_read_without_panic() {
        for end in 0..=MESSAGE.len() {
            let cut = &MESSAGE[..end];
            let (head, body) = split(cut);
            assert!(head.len() + body.len() <= cut.len());
            assert!(hops(cut) <= 2);
        }
    }

    #[test]
    fn all_short_mixes_end() {
        let alphabet = b"a: \r\n\t\0\xff";
        for mut n in 0..8u32.pow(6) {
            let mut bytes = [0u8; 6];
            for byte in &mut bytes {
                *byte = alphabet[(n % 8) as usize];
                n /= 8;
            }
            let (head, body) = split(&bytes);
            assert!(head.len() + body.len() <= 6);
        }
    }

    #[test]
    fn fields_can_be_left_out() {
        assert_eq!(*without(MESSAGE, "received"), *b"Subject: one\r\n two\r\n\r\nReceived: body\r\n");
        assert!(matches!(without(MESSAGE, "Date"), Cow::Borrowed(_)));
        // It may go on.
        assert_eq!(*without(b"A: b\r\nC: d\r\n", "C"), *b"A: b\r\nC: d\r\n");
        assert_eq!(*without(b"A: b\r\nC: d\r\n", "A"), *b"C: d\r\n");
    }

    #[test]
    fn a_million_fields_and_a_million_folds_are_read_once() {
        assert_eq!(hops(&b"Received: x\r\n".repeat(1_000_000)), 1_000_000);
        let folded = [&b"Received: x\r\n"[..], &b" \r\n".repeat(1_000_000)].concat();
        assert_eq!(hops(&folded), 1);
    }
}
