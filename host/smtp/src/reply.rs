//! THE reply table: what every reply is called, its codes in both profiles, its words, and the answer to
//! "why do I see this?". The 35 rows of the specification first, in its order, then the rest.
//! No other file of the server holds the text of a reply.

mod faq;
mod others;
mod rows;

pub use others::*;
pub use rows::*;

use crate::limits::REPLY_TEXT_BYTES_MAX;
use crate::session::Profile;

/// One reply.
#[derive(Debug)]
pub struct Row {
    /// 1 to 35 as in the specification; 0: not in it.
    pub number: u8,
    /// Its name in logs, metrics, `[replies]` and `postwarden explain`.
    pub key: &'static str,
    /// `merak` profile, and `rfc` too where `rfc` has no entry that fits.
    pub code: u16,
    /// Enhanced status code (RFC 3463); empty: the reply has none.
    pub enhanced: &'static str,
    /// `{}` stands for what only the session knows.
    pub text: &'static str,
    /// The `rfc` profile where it differs. `Case::Usual` fits every case that has no entry of its own.
    pub rfc: &'static [(Case, u16, &'static str)],
    pub faq: Faq,
}

/// The answer to "why do I see this?", in our own words.
#[derive(Debug)]
pub struct Faq {
    pub meaning: &'static str,
    /// Likely ones first.
    pub causes: &'static [&'static str],
    /// What to do, naming keys of `postwarden.toml` as `section.key`.
    pub change: &'static [&'static str],
}

/// What the `rfc` profile tells apart within one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Usual,
    Mail,
    Rcpt,
    UnknownParameter,
    BadBase64,
    TooLong,
    NoReverseName,
    NoRecipients,
    MechanismMissing,
    NeedsTls,
}

impl Row {
    /// Code and enhanced code.
    pub fn codes(&self, profile: Profile, case: Case) -> (u16, &'static str) {
        let usual = (self.code, self.enhanced);
        match profile {
            Profile::Merak => usual,
            Profile::Rfc => {
                let of = |case: Case| self.rfc.iter().find(|(of, ..)| *of == case);
                of(case).or_else(|| of(Case::Usual)).map_or(usual, |&(_, code, enhanced)| (code, enhanced))
            }
        }
    }

    /// Whether the id of transaction or session follows the text.
    pub(crate) fn shows_id(&self) -> bool {
        self.number > 0 || self.code >= 400 || std::ptr::eq(self, &MESSAGE_ACCEPTED)
    }
}

/// All rows: the specification's 35, then the others.
pub fn all() -> impl Iterator<Item = &'static Row> {
    ROWS.into_iter().chain(OTHERS.iter().copied())
}

/// The row of a key.
pub fn by_key(key: &str) -> Option<&'static Row> {
    all().find(|row| row.key == key)
}

/// Text from outside made fit for one reply line: printable ASCII, bounded.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(REPLY_TEXT_BYTES_MAX).collect()
}

/// Appends one line of a reply. `last`: no line of the same reply follows.
pub(crate) fn write_line(out: &mut Vec<u8>, code: u16, last: bool, enhanced: &str, text: &str) {
    out.reserve(text.len() + 48);
    let digit = |n: u16| b'0' + u8::try_from(n % 10).unwrap_or(0);
    out.extend_from_slice(&[digit(code / 100), digit(code / 10), digit(code), if last { b' ' } else { b'-' }]);
    if !enhanced.is_empty() {
        out.extend_from_slice(enhanced.as_bytes());
        out.push(b' ');
    }
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}
