//! Rules about the letters of a text: shouting, gaps, lookalikes, disguises. Knows no phrases.

use crate::mail::Mail;
use crate::rules::Found;
use crate::symbols::Symbol::*;

/// The string of the Generic Test for Unsolicited Bulk Email.
pub(crate) const GTUBE_STRING: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

/// Words that spam disguises.
const DISGUISED: &[&str] = &[
    "viagra",
    "cialis",
    "xanax",
    "valium",
    "levitra",
    "mortgage",
    "refinance",
    "porn",
    "penis",
    "pharmacy",
    "casino",
    "rolex",
    "prescription",
    "enlargement",
    "ambien",
    "phentermine",
    "lottery",
    "cheap",
    "software",
    "bitcoin",
];

pub(super) fn find(mail: &Mail, found: &mut Found) {
    found.add_if(mail.text.contains(GTUBE_STRING), GTUBE);
    let (mut capitals, mut small, mut invisible) = (0_usize, 0_usize, 0_usize);
    let mut before = ' ';
    for c in mail.text.chars() {
        if c.is_ascii_uppercase() {
            capitals = capitals.saturating_add(1);
        } else if c.is_ascii_lowercase() {
            small = small.saturating_add(1);
        } else if is_invisible(c) && before.is_alphanumeric() {
            invisible = invisible.saturating_add(1);
        }
        before = c;
    }
    found.add_if(capitals > 200 && capitals > small, TEXT_SHOUTS);
    found.add_if(invisible > 3, TEXT_INVISIBLE);
    found.add_if(gappy_runs(&mail.text) >= 3, TEXT_GAPPY);
    let (mut mixed, mut disguised) = (0_usize, None);
    for word in words(&mail.text).chain(words(&mail.subject)) {
        if !word.is_ascii() {
            mixed = mixed.saturating_add(usize::from(mixes_scripts(word)));
        } else if disguised.is_none() && is_disguised(word) {
            disguised = Some(word);
        }
    }
    found.add_if(mixed >= 2, TEXT_LOOKALIKES);
    if let Some(word) = disguised {
        found.with(TEXT_DISGUISED, Some(word.to_owned()));
    }
    let last = mail.text.split_whitespace().next_back().unwrap_or_default();
    found.add_if(is_random(last), TEXT_RANDOM_END);
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| {
        c.is_whitespace() || matches!(c, ',' | '.' | '"' | '(' | ')' | '<' | '>' | '=' | '/' | ':' | '?' | '&')
    })
    .filter(|word| (4..=40).contains(&word.len()))
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// Runs of at least five single letters with one gap between each: `F R E E !`.
pub(super) fn gappy_runs(text: &str) -> usize {
    let (mut runs, mut length) = (0_usize, 0_usize);
    let mut pieces = text.split([' ', '.', '_', '-', '*']).peekable();
    while let Some(piece) = pieces.next() {
        if piece.len() == 1 && piece.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            length = length.saturating_add(1);
            if pieces.peek().is_some() {
                continue;
            }
        }
        runs = runs.saturating_add(usize::from(length >= 5));
        length = 0;
    }
    runs
}

/// Latin letters beside Cyrillic or Greek ones, or letters made for formulas.
fn mixes_scripts(word: &str) -> bool {
    let (mut latin, mut other) = (false, false);
    for c in word.chars() {
        match c {
            'a'..='z' | 'A'..='Z' => latin = true,
            '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}' => other = true,
            '\u{1d400}'..='\u{1d7ff}' | '\u{ff21}'..='\u{ff5a}' => return true,
            _ => {}
        }
    }
    latin && other
}

/// One of the words, written with digits or marks in the place of letters, or with marks between them.
fn is_disguised(word: &str) -> bool {
    if word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    let letter = |byte: u8| match byte {
        b'0' => Some('o'),
        b'1' | b'!' | b'|' => Some('i'),
        b'3' => Some('e'),
        b'4' | b'@' => Some('a'),
        b'5' | b'$' => Some('s'),
        b'7' => Some('t'),
        byte if byte.is_ascii_alphabetic() => Some(char::from(byte.to_ascii_lowercase())),
        _ => None,
    };
    // Marks at the ends are punctuation.
    let inner = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '@' && c != '$');
    if inner.bytes().all(|byte| byte.is_ascii_alphabetic()) || inner.contains("@") && inner.contains('-') {
        return false;
    }
    let plain: String = inner.bytes().filter_map(letter).collect();
    DISGUISED.contains(&plain.as_str())
}

/// Letters without sense: no vowel in a long word, or five consonants in a row twice.
fn is_random(word: &str) -> bool {
    if !(8..=40).contains(&word.len()) || !word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let (mut longest, mut run, mut vowels) = (0_usize, 0_usize, 0_usize);
    for byte in word.bytes() {
        if matches!(byte.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y') {
            vowels = vowels.saturating_add(1);
            run = 0;
        } else {
            run = run.saturating_add(1);
            longest = longest.max(run);
        }
    }
    longest >= 6 || vowels * 6 < word.len()
}
