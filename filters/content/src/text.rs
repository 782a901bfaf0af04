//! Text as rules compare it: what cannot be seen is dropped, case and kinds of white space are one. Matches nothing.

use std::cell::OnceCell;

use crate::needles::{Found, Needles};

/// One value of a field, with what was found in it. Each form is made when it is asked for, once.
#[derive(Debug)]
pub(crate) struct Text {
    clean: String,
    folded: OnceCell<String>,
    found: OnceCell<Found>,
}

impl Text {
    pub(crate) fn new(text: &str) -> Self {
        Self { clean: clean(text), folded: OnceCell::new(), found: OnceCell::new() }
    }

    /// As it was written, without what cannot be seen: for regular expressions, numbers and people.
    pub(crate) fn clean(&self) -> &str {
        &self.clean
    }

    /// For comparing without case.
    pub(crate) fn folded(&self) -> &str {
        self.folded.get_or_init(|| fold(&self.clean))
    }

    /// Which words of all rules stand in it.
    pub(crate) fn found(&self, needles: &Needles) -> &Found {
        self.found.get_or_init(|| needles.find(self.folded()))
    }
}

/// Without characters that show nothing, so that they split no word. Line ends are LF.
pub(crate) fn clean(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii() && byte != b'\r') {
        return text.to_owned();
    }
    let text = text.replace("\r\n", "\n");
    text.chars().filter(|c| !is_invisible(*c)).map(|c| if c == '\r' { '\n' } else { c }).collect()
}

/// Lower case, and one space for any white space. Works character by character: what stands in a text stands, folded,
/// in the folded text.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut spaced = false;
    for c in text.chars() {
        let space = c.is_whitespace();
        if space && !spaced {
            folded.push(' ');
        }
        spaced = space;
        match c {
            _ if space => {}
            _ if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
            // Two that have a lower case of their own and are the same letter all the same.
            'ſ' => folded.push('s'),
            'ς' => folded.push('σ'),
            _ => folded.extend(c.to_lowercase()),
        }
    }
    folded
}

/// Soft hyphens, joiners, marks of direction, variation selectors, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_splits_no_word() {
        assert_eq!(clean("jack\u{200b}pot\r\nca\u{ad}sino"), "jackpot\ncasino");
        assert_eq!(fold(&clean("Jack\u{feff}POT  \u{a0}\r\n Now")), "jackpot now");
        assert_eq!(fold("ÄÖÜ ΣΑΣ ſtraſſe"), "äöü σασ strasse");
    }
}
