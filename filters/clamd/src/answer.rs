//! What the daemon says: `stream: OK`, `stream: NAME FOUND`, or an error in words.

use postwarden_filter::Failure;

/// Bytes of the daemon's words that are handed on.
const WORDS_BYTES_MAX: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Clean,
    /// By the name of the signature.
    Found(String),
    /// More than its StreamMaxLength.
    TooLarge,
}

/// An error of the daemon is a failure that may pass.
pub(crate) fn read(answer: &[u8]) -> Result<Said, Failure> {
    let text: String = String::from_utf8_lossy(answer).chars().filter(|c| !c.is_control()).collect();
    let words = text.strip_prefix("stream: ").unwrap_or(&text).trim();
    if words == "OK" {
        return Ok(Said::Clean);
    }
    if let Some(name) = words.strip_suffix(" FOUND") {
        return Ok(Said::Found(cut(name)));
    }
    if words.contains("size limit exceeded") {
        return Ok(Said::TooLarge);
    }
    Err(Failure::from(format!("clamd says: {}", cut(words))))
}

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(WORDS_BYTES_MAX)).unwrap_or_default().to_owned()
}
