//! The lines of a file of the host, without holding the whole file: what is read at load stays in the memory of every
//! call.

use postwarden_filter::assets;

/// Bytes asked for in one call of the host.
const PIECE_BYTES: u32 = 64 << 10;
/// Bytes of one line; what is longer is left out.
const LINE_BYTES_MAX: usize = 64 << 10;

pub(super) struct Lines<'a> {
    file: &'a str,
    read: u64,
    ended: bool,
    /// Read and not yet told.
    piece: Vec<u8>,
    at: usize,
    number: usize,
    cut: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self { file, read: 0, ended: false, piece: Vec::new(), at: 0, number: 0, cut: 0 }
    }

    /// Lines that were too long.
    pub(super) fn cut(&self) -> usize {
        self.cut
    }

    /// The next line with its number.
    pub(super) fn next(&mut self) -> Option<(usize, Vec<u8>)> {
        let mut line = Vec::new();
        let mut is_long = false;
        loop {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest);
            let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            is_long |= line.len().saturating_add(part.len()) > LINE_BYTES_MAX;
            if !is_long {
                line.extend_from_slice(part);
            }
            self.at = self.at.saturating_add(part.len()).saturating_add(usize::from(end.is_some()));
            if end.is_none() && self.fill() {
                continue;
            }
            if end.is_none() && line.is_empty() && !is_long {
                return None;
            }
            self.number = self.number.saturating_add(1);
            if !is_long {
                return Some((self.number, line));
            }
            self.cut = self.cut.saturating_add(1);
            (line, is_long) = (Vec::new(), false);
        }
    }

    /// False at the end of the file.
    fn fill(&mut self) -> bool {
        if !self.ended {
            self.piece = assets::read(self.file, self.read, PIECE_BYTES);
            self.at = 0;
            self.read = self.read.saturating_add(u64::try_from(self.piece.len()).unwrap_or(u64::MAX));
            self.ended = self.piece.is_empty();
        }
        !self.ended
    }
}
