//! Replies of a server (RFC 5321 section 4.2): read from bytes in bounded memory. No meaning.

use std::fmt;

/// A longer line is no reply.
const LINE_BYTES_MAX: usize = 2048;
/// A reply with more lines is none.
const LINES_MAX: usize = 128;

/// One complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// Without code; enhanced code included. Control characters are replaced.
    pub lines: Vec<String>,
}

impl Reply {
    pub fn positive(&self) -> bool {
        self.code / 100 == 2
    }
    /// 5yz. Everything else that is not positive is temporary, also what makes no sense.
    pub fn permanent(&self) -> bool {
        self.code / 100 == 5
    }
    /// The enhanced status code (RFC 2034), if the reply has a fitting one.
    pub fn enhanced(&self) -> Option<&str> {
        let word = self.lines.first()?.split(' ').next()?;
        let mut parts = word.split('.');
        let class = parts.next()?.parse::<u16>().ok()?;
        let digits = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let rest = [parts.next()?, parts.next()?];
        (class == self.code / 100 && rest.into_iter().all(digits) && parts.next().is_none()).then_some(word)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        self.lines.iter().filter(|line| !line.is_empty()).try_for_each(|line| write!(f, " {line}"))
    }
}

/// Collects one reply.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    code: Option<u16>,
    lines: Vec<String>,
}

impl Parser {
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty() && self.lines.is_empty()
    }

    /// Takes bytes up to the end of a line; says how many, and the reply if that ended one.
    pub(super) fn take(&mut self, input: &[u8]) -> (usize, Result<Option<Reply>, ()>) {
        let end = memchr::memchr(b'\n', input);
        let taken = end.map_or(input.len(), |end| end + 1);
        if self.line.len() + taken > LINE_BYTES_MAX {
            return (input.len(), Err(()));
        }
        self.line.extend_from_slice(input.get(..taken).unwrap_or_default());
        if end.is_none() {
            return (taken, Ok(None));
        }
        let line = std::mem::take(&mut self.line);
        (taken, self.end_of_line(&line))
    }

    fn end_of_line(&mut self, line: &[u8]) -> Result<Option<Reply>, ()> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (digits, rest) = line.split_at_checked(3).ok_or(())?;
        let code: u16 = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(())?;
        if !(200..600).contains(&code) || *self.code.get_or_insert(code) != code || self.lines.len() >= LINES_MAX {
            return Err(());
        }
        let more = match rest.first() {
            None | Some(b' ') => false,
            Some(b'-') => true,
            Some(_) => return Err(()),
        };
        let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default());
        self.lines.push(text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect());
        if more {
            return Ok(None);
        }
        self.code = None;
        Ok(Some(Reply { code, lines: std::mem::take(&mut self.lines) }))
    }
}
