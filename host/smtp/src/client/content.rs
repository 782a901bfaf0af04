//! Content on its way out: dots doubled, line ends made CRLF, NUL replaced. Whatever goes in, only
//! CRLF.CRLF at its end can be taken for the end.

/// What the last byte was.
#[derive(Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    LineStart,
    Carriage,
    Middle,
}

#[derive(Debug, Default)]
pub(super) struct Stuffing {
    last: Last,
}

impl Stuffing {
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if self.last == Last::Middle {
                let plain = memchr::memchr3(b'\r', b'\n', 0, rest).unwrap_or(rest.len());
                if plain > 0 {
                    let (run, after) = rest.split_at(plain);
                    out.extend_from_slice(run);
                    rest = after;
                    continue;
                }
            }
            self.one(byte, out);
            rest = rest.get(1..).unwrap_or_default();
        }
    }

    fn one(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.last == Last::Carriage {
            out.extend_from_slice(b"\r\n");
            self.last = Last::LineStart;
            if byte == b'\n' {
                return;
            }
        }
        match byte {
            b'\r' => self.last = Last::Carriage,
            b'\n' => {
                out.extend_from_slice(b"\r\n");
                self.last = Last::LineStart;
            }
            _ => {
                if byte == b'.' && self.last == Last::LineStart {
                    out.push(b'.');
                }
                out.push(if byte == 0 { b'?' } else { byte });
                self.last = Last::Middle;
            }
        }
    }

    /// Ends the last line and the message.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.last != Last::LineStart {
            out.extend_from_slice(b"\r\n");
        }
        self.last = Last::LineStart;
        out.extend_from_slice(b".\r\n");
    }
}
