//! The work itself, the same in the sandbox and natively.

use aho_corasick::AhoCorasick;

/// Bytes read at once.
const PIECE: u32 = 64 << 10;

pub struct Work {
    patterns: AhoCorasick,
    table: Vec<u64>,
    body: bool,
}

pub trait Mail {
    fn fields(&self) -> Vec<(String, Vec<u8>)>;
    fn read(&self, start: u64, limit: u32) -> Vec<u8>;
}

/// Numbers that are the same everywhere.
fn numbers() -> impl FnMut() -> u64 {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    }
}

/// So many words of ten letters.
pub fn words(count: usize) -> Vec<Vec<u8>> {
    let mut next = numbers();
    (0..count).map(|_| (0..10).map(|_| b'a' + (next() % 26) as u8).collect()).collect()
}

impl Work {
    pub fn new(patterns: usize, table_mb: usize, body: bool) -> Self {
        let table = (0..table_mb << 17).map({
            let mut next = numbers();
            move |_| next()
        });
        Self { patterns: AhoCorasick::new(words(patterns)).expect("patterns"), table: table.collect(), body }
    }

    /// Hits and a look into the table.
    pub fn look(&self, mail: &impl Mail) -> usize {
        let mut hits = mail.fields().iter().filter(|(name, value)| name.len() > value.len()).count();
        if !self.table.is_empty() {
            hits += (self.table[hits * 4096 % self.table.len()] & 1) as usize;
        }
        if !self.body {
            return hits;
        }
        let mut start = 0;
        loop {
            let piece = mail.read(start, PIECE);
            if piece.is_empty() {
                return hits;
            }
            start += piece.len() as u64;
            hits += self.patterns.find_iter(&piece).count();
        }
    }
}
