//! Words of a text and pairs of words near each other (orthogonal sparse bigrams), shouting and money.

use super::Features;
use crate::hash::{Token, token};

/// Bytes of a word; longer ones count by their length alone.
const WORD_BYTES_MAX: usize = 24;

/// Adds the first `most` words, each by itself and with each of the `window` words before it.
pub(super) fn add(place: &str, text: &str, most: usize, window: usize, features: &mut Features) {
    let seed = token(place, "");
    let shout = token("shout", place);
    let mut near = [seed; 8];
    let near = near.get_mut(..window.min(8)).unwrap_or_default();
    let mut lower = Vec::with_capacity(WORD_BYTES_MAX);
    for word in Words(text).take(most) {
        lower.clear();
        let (mut capitals, mut digits) = (0_usize, false);
        for byte in word.bytes() {
            capitals = capitals.saturating_add(usize::from(byte.is_ascii_uppercase()));
            match byte {
                // Prices and numbers alike are alike.
                b'0'..=b'9' => {
                    digits = true;
                    lower.push(b'0');
                }
                _ => lower.push(byte.to_ascii_lowercase()),
            }
        }
        let this = if lower.len() > WORD_BYTES_MAX {
            token("long", super::scale(lower.len() / 8)).and(seed)
        } else {
            seed.word(&lower)
        };
        features.add(this);
        if capitals > 2 && capitals >= word.len().saturating_sub(1) && !digits {
            features.add(shout.word(&lower));
        }
        for (distance, before) in (1_u64..).zip(near.iter().rev()) {
            if *before != seed {
                features.add(before.and(this).and(Token::number(distance)));
            }
        }
        if let [first, ..] = near {
            *first = this;
            near.rotate_left(1);
        }
    }
}

/// Letters and digits with what holds words together; a run of `!`, `$`, `*` and the like is a word of its own.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.0.as_bytes();
        let start = bytes.iter().position(|byte| is_inner(*byte) || is_mark(*byte))?;
        let first = bytes.get(start).copied().unwrap_or_default();
        let rest = bytes.get(start..).unwrap_or_default();
        let length = if is_mark(first) {
            rest.iter().take(6).position(|byte| *byte != first)
        } else {
            // A word of no spaces may be the whole text.
            rest.iter().position(|byte| !is_inner(*byte) && !matches!(byte, b'\'' | b'-' | b'.' | b','))
        };
        let limit = if is_mark(first) { 6.min(rest.len()) } else { rest.len() };
        let end = start.saturating_add(length.unwrap_or(limit));
        let word = self.0.get(start..end).unwrap_or_default();
        self.0 = self.0.get(end..).unwrap_or_default();
        Some(word.trim_end_matches(['\'', '-', '.', ',']))
    }
}

fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'%' | b'*' | b'=' | b'#' | b'_' | b'>' | b'?')
}
