//! Lines out of a stream: only CRLF ends one. Memory is bounded, and none is kept between lines.

use std::borrow::Cow;

use memchr::memchr;

/// How much of a line decides about its limit.
const START_BYTES: usize = 5;

/// Collects a line that arrives in pieces.
#[derive(Debug, Default)]
pub(crate) struct LineReader {
    partial: Vec<u8>,
    /// The line is over its limit: everything up to its CRLF is dropped.
    overlong: bool,
    /// The last byte dropped was CR.
    dropped_cr: bool,
    /// The first bytes of an overlong line.
    start: [u8; START_BYTES],
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Without its CRLF.
    Whole(Cow<'a, [u8]>),
    /// With its first bytes.
    TooLong([u8; START_BYTES]),
}

impl LineReader {
    /// Takes a line or what there is of it; says how many bytes were used. `limit` counts the CRLF; it is
    /// asked with the first `START_BYTES` bytes of the line.
    pub(crate) fn take<'a>(&mut self, input: &'a [u8], limit: impl Fn(&[u8]) -> usize) -> (usize, Option<Line<'a>>) {
        let previous_cr = if self.overlong { self.dropped_cr } else { self.partial.last() == Some(&b'\r') };
        let (used, ended) = match end_of_line(input, previous_cr) {
            Some(end) => (end, true),
            None => (input.len(), false),
        };
        let taken = input.get(..used).unwrap_or_default();
        if self.overlong {
            self.dropped_cr = taken.last() == Some(&b'\r');
            if ended {
                let start = std::mem::take(self).start;
                return (used, Some(Line::TooLong(start)));
            }
            return (used, None);
        }
        let mut start = [0; START_BYTES];
        for (to, from) in start.iter_mut().zip(self.partial.iter().chain(taken)) {
            *to = *from;
        }
        let limit = limit(&start);
        if self.partial.len().saturating_add(taken.len()) > limit {
            let dropped_cr = taken.last() == Some(&b'\r');
            *self = Self { partial: Vec::new(), overlong: !ended, dropped_cr, start };
            return (used, ended.then_some(Line::TooLong(start)));
        }
        if !ended {
            self.partial.reserve_exact(taken.len());
            self.partial.extend_from_slice(taken);
            return (used, None);
        }
        if self.partial.is_empty() {
            let line = taken.get(..taken.len().saturating_sub(2)).unwrap_or_default();
            return (used, Some(Line::Whole(Cow::Borrowed(line))));
        }
        let mut line = std::mem::take(&mut self.partial);
        line.extend_from_slice(taken);
        line.truncate(line.len().saturating_sub(2));
        (used, Some(Line::Whole(Cow::Owned(line))))
    }

    /// Forgets what was read of an unfinished line.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Controls, and white space other than the space itself (U+2028 ends a line for some readers of logs):
/// no argument of a command, no name and no decoded value may hold them.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control() || (c.is_whitespace() && c != ' ')
}

/// The position after the first CRLF, whose CR may be the byte before `input`.
fn end_of_line(input: &[u8], previous_cr: bool) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = memchr(b'\n', input.get(from..)?) {
        let at = from + found;
        let cr = match at.checked_sub(1) {
            Some(before) => input.get(before) == Some(&b'\r'),
            None => previous_cr,
        };
        if cr {
            return Some(at + 1);
        }
        from = at + 1;
    }
    None
}
