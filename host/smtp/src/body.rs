//! Content on its way in: unstuffs DATA, finds its one true end, and notices bare CR and bare LF. No limits, no replies.

use memchr::memchr2;

/// Reads the content of DATA (RFC 5321 section 4.5.2). Only CRLF `.` CRLF ends it, whatever else was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataReader {
    at: At,
    /// A CR without LF or an LF without CR was seen.
    bare: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// After a CRLF, or after the CRLF of the command itself.
    LineStart,
    /// A `.` at the start of a line, not yet handed out.
    Dot,
    /// `.` CR at the start of a line, not yet handed out.
    DotCr,
    Line,
    /// CR, not yet handed out.
    Cr,
}

impl DataReader {
    pub(crate) fn new() -> Self {
        Self { at: At::LineStart, bare: false }
    }

    pub(crate) fn bare(self) -> bool {
        self.bare
    }

    /// Appends the unstuffed content to `body`. Returns the bytes used and whether the end was among them.
    pub(crate) fn read(&mut self, input: &[u8], body: &mut Vec<u8>) -> (usize, bool) {
        // `run..position` is content that stands in `input` as it will stand in `body`.
        let mut run = 0;
        let mut position = 0;
        let copy = |from: usize, to: usize, body: &mut Vec<u8>| {
            body.extend_from_slice(input.get(from..to).unwrap_or_default());
        };
        while let Some(&byte) = input.get(position) {
            match self.at {
                At::LineStart if byte == b'.' => {
                    copy(run, position, body);
                    position += 1;
                    run = position;
                    self.at = At::Dot;
                }
                At::LineStart => self.at = At::Line,
                At::Dot if byte == b'\r' => {
                    position += 1;
                    run = position;
                    self.at = At::DotCr;
                }
                // The dot was stuffing.
                At::Dot => self.at = At::Line,
                At::DotCr if byte == b'\n' => {
                    self.at = At::LineStart;
                    return (position + 1, true);
                }
                At::DotCr => {
                    self.bare = true;
                    body.push(b'\r');
                    self.at = At::Line;
                }
                At::Cr if byte == b'\n' => {
                    body.extend_from_slice(b"\r\n");
                    position += 1;
                    run = position;
                    self.at = At::LineStart;
                }
                At::Cr => {
                    self.bare = true;
                    body.push(b'\r');
                    self.at = At::Line;
                }
                At::Line => {
                    let rest = input.get(position..).unwrap_or_default();
                    let Some(found) = memchr2(b'\r', b'\n', rest) else {
                        position = input.len();
                        break;
                    };
                    match (rest.get(found), rest.get(found + 1)) {
                        (Some(b'\r'), Some(b'\n')) => {
                            position += found + 2;
                            self.at = At::LineStart;
                        }
                        (Some(b'\r'), Some(_)) => {
                            self.bare = true;
                            position += found + 1;
                        }
                        (Some(b'\r'), None) => {
                            position += found;
                            copy(run, position, body);
                            position += 1;
                            run = position;
                            self.at = At::Cr;
                        }
                        _ => {
                            self.bare = true;
                            position += found + 1;
                        }
                    }
                }
            }
        }
        copy(run, position, body);
        (position, false)
    }
}

/// Watches the octets of BDAT (RFC 3030) for bare CR and bare LF; they are handed out as they are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChunkWatch {
    cr: bool,
    bare: bool,
}

impl ChunkWatch {
    pub(crate) fn read(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        if self.cr && !rest.is_empty() {
            self.cr = false;
            match rest.split_first() {
                Some((b'\n', after)) => rest = after,
                _ => self.bare = true,
            }
        }
        while let Some(found) = memchr2(b'\r', b'\n', rest) {
            match (rest.get(found), rest.get(found + 1)) {
                (Some(b'\r'), Some(b'\n')) => rest = rest.get(found + 2..).unwrap_or_default(),
                (Some(b'\r'), None) => {
                    self.cr = true;
                    return;
                }
                _ => {
                    self.bare = true;
                    rest = rest.get(found + 1..).unwrap_or_default();
                }
            }
        }
    }

    pub(crate) fn bare(self) -> bool {
        self.bare
    }

    /// The last chunk has ended: a CR that still waits for its LF is bare.
    pub(crate) fn bare_at_end(self) -> bool {
        self.bare || self.cr
    }
}
