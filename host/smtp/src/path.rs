//! Reverse-path and forward-path (RFC 5321 section 4.1.2, RFC 6531 section 3.3). No lookup of any kind.
//!
//! What is taken although the grammar says otherwise, because real clients do it and nothing is
//! unclear: a path without `<>`, spaces before it, dots anywhere in the local part but at its start,
//! `_` in domains, a dot after the domain, local parts of more than 64 octets.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::limits::{DOMAIN_BYTES_MAX, LABEL_BYTES_MAX, LOCAL_BYTES_MAX};
use crate::line::is_unprintable;

/// The part after the `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// A host name, lower case, without a trailing dot; U-labels are kept as the client sent them (lower case).
    Name(String),
    /// What stood between the brackets of an address literal: `192.0.2.1`, `IPv6:2001:db8::1`.
    Literal(String),
}

/// `local-part@domain`. The local part is kept as the client wrote it, without quoting.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    pub local: String,
    pub domain: Domain,
}

/// MAIL FROM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`
    Null,
    Mailbox(Mailbox),
}

/// RCPT TO. A source route is checked for syntax and dropped (RFC 5321 appendix C).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<postmaster>` without a domain (RFC 5321 section 4.1.1.3).
    Postmaster,
    Mailbox(Mailbox),
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// Row 2.
    #[error("the address has no @domain")]
    DomainRequired,
    /// Row 3.
    #[error("a bracket, parenthesis or quote has no partner")]
    Unbalanced,
    /// Row 4.
    #[error("this is not an address")]
    Syntax,
}

impl ReversePath {
    /// Reads the path at the start of `text`; returns it with what follows.
    pub fn read(text: &str) -> Result<(Self, &str), PathFault> {
        let (inside, bracketed, rest) = split(text)?;
        match inside {
            "" if bracketed => Ok((Self::Null, rest)),
            "" => Err(PathFault::Syntax),
            _ => Ok((Self::Mailbox(mailbox(inside)?), rest)),
        }
    }
}

impl ForwardPath {
    /// Reads the path at the start of `text`; returns it with what follows.
    pub fn read(text: &str) -> Result<(Self, &str), PathFault> {
        let (inside, _, rest) = split(text)?;
        match inside {
            "" => Err(PathFault::Syntax),
            _ if inside.eq_ignore_ascii_case("postmaster") => Ok((Self::Postmaster, rest)),
            _ => Ok((Self::Mailbox(mailbox(inside)?), rest)),
        }
    }

    /// Whether a non-ASCII character stands in it.
    pub fn needs_smtputf8(&self) -> bool {
        match self {
            Self::Postmaster => false,
            Self::Mailbox(mailbox) => mailbox.needs_smtputf8(),
        }
    }
}

impl ReversePath {
    /// Whether a non-ASCII character stands in it.
    pub fn needs_smtputf8(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Mailbox(mailbox) => mailbox.needs_smtputf8(),
        }
    }
}

impl Mailbox {
    /// `local@domain` or `<local@domain>` and nothing else, as in configuration, lists and commands.
    pub fn parse(text: &str) -> Result<Self, PathFault> {
        let (inside, _, rest) = split(text)?;
        if inside.is_empty() || !rest.is_empty() {
            return Err(PathFault::Syntax);
        }
        mailbox(inside)
    }

    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii() || matches!(&self.domain, Domain::Name(name) if !name.is_ascii())
    }
}

impl Domain {
    /// A host name or an address literal.
    pub fn parse(text: &str) -> Result<Self, PathFault> {
        match text.strip_prefix('[') {
            Some(literal) => literal
                .strip_suffix(']')
                .filter(|literal| is_literal(literal))
                .map(|literal| Self::Literal(literal.to_owned()))
                .ok_or(PathFault::Syntax),
            None => name(text).map(Self::Name),
        }
    }
}

/// The path at the start of `text` without its brackets, whether it had any, and what follows it.
fn split(text: &str) -> Result<(&str, bool, &str), PathFault> {
    let (mut quoted, mut escaped, mut round, mut square) = (false, false, 0_u32, 0_u32);
    let angle = text.starts_with('<');
    let from = usize::from(angle);
    let mut end = None;
    for (at, c) in text.char_indices().skip(from) {
        if quoted {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match c {
            '"' => quoted = true,
            '(' => round = round.saturating_add(1),
            '[' => square = square.saturating_add(1),
            ')' => round = round.checked_sub(1).ok_or(PathFault::Unbalanced)?,
            ']' => square = square.checked_sub(1).ok_or(PathFault::Unbalanced)?,
            '<' => return Err(PathFault::Unbalanced),
            '>' if angle => {
                end = Some(at);
                break;
            }
            '>' => return Err(PathFault::Unbalanced),
            ' ' if !angle => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    if quoted || round > 0 || square > 0 || (angle && end.is_none()) {
        return Err(PathFault::Unbalanced);
    }
    let end = end.unwrap_or(text.len());
    let inside = text.get(from..end).unwrap_or_default();
    let rest = text.get(end + from..).unwrap_or_default();
    match rest.chars().next() {
        None | Some(' ') => Ok((inside, angle, rest)),
        Some('<' | '>' | ')' | ']' | '"') => Err(PathFault::Unbalanced),
        Some(_) => Err(PathFault::Syntax),
    }
}

/// `[@route,@route:]local@domain`
fn mailbox(text: &str) -> Result<Mailbox, PathFault> {
    let text = match text.strip_prefix('@') {
        None => text,
        Some(route) => {
            let (route, mailbox) = route.split_once(':').ok_or(PathFault::Syntax)?;
            for (at, hop) in route.split(',').enumerate() {
                let hop = if at == 0 { hop } else { hop.strip_prefix('@').ok_or(PathFault::Syntax)? };
                Domain::parse(hop)?;
            }
            mailbox
        }
    };
    let (local, domain) = if text.starts_with('"') { quoted_local(text)? } else { plain_local(text)? };
    if local.is_empty() || local.len() > LOCAL_BYTES_MAX {
        return Err(PathFault::Syntax);
    }
    if domain.is_empty() {
        return Err(PathFault::DomainRequired);
    }
    Ok(Mailbox { local, domain: Domain::parse(domain)? })
}

fn plain_local(text: &str) -> Result<(String, &str), PathFault> {
    let (local, domain) = text.split_once('@').ok_or(PathFault::DomainRequired)?;
    if local.starts_with('.') || !local.chars().all(is_atext_or_dot) {
        return Err(PathFault::Syntax);
    }
    Ok((local.to_owned(), domain))
}

fn quoted_local(text: &str) -> Result<(String, &str), PathFault> {
    let mut local = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_unprintable(c) => return Err(PathFault::Syntax),
            _ if escaped => {
                escaped = false;
                local.push(c);
            }
            '\\' => escaped = true,
            '"' => {
                let rest = text.get(at + 1..).unwrap_or_default();
                return match rest.strip_prefix('@') {
                    Some(domain) => Ok((local, domain)),
                    None if rest.is_empty() => Err(PathFault::DomainRequired),
                    None => Err(PathFault::Syntax),
                };
            }
            _ => local.push(c),
        }
    }
    Err(PathFault::Unbalanced)
}

fn is_atext_or_dot(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || (!c.is_ascii() && !is_unprintable(c))
}

/// A host name in lower case.
fn name(text: &str) -> Result<String, PathFault> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() || text.len() > DOMAIN_BYTES_MAX {
        return Err(PathFault::Syntax);
    }
    let mut ascii = true;
    for label in text.split('.') {
        let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let unicode = !plain
            && label.chars().all(|c| {
                c.is_ascii_alphanumeric()
                    || c == '-'
                    || c == '_'
                    || (!c.is_ascii() && c.is_alphanumeric())
                    || is_mark(c)
            });
        ascii &= plain;
        let fits = label.len() <= if plain { LABEL_BYTES_MAX } else { 4 * LABEL_BYTES_MAX };
        if label.is_empty() || !fits || !(plain || unicode) || label.starts_with('-') || label.ends_with('-') {
            return Err(PathFault::Syntax);
        }
    }
    Ok(if ascii { text.to_ascii_lowercase() } else { text.to_lowercase() })
}

/// Combining marks of scripts that need them in U-labels: everything beyond Latin-1 that is no control,
/// space or punctuation of the ASCII kind.
fn is_mark(c: char) -> bool {
    c as u32 > 0xFF && !is_unprintable(c)
}

fn is_literal(text: &str) -> bool {
    if text.len() > DOMAIN_BYTES_MAX {
        return false;
    }
    match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
            text.get(5..).is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        _ => text.parse::<Ipv4Addr>().is_ok(),
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Literal(literal) => write!(f, "[{literal}]"),
        }
    }
}

/// With quotes where the local part needs them, so that it reads back as the same mailbox.
impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.local.is_empty() && !self.local.starts_with('.') && self.local.chars().all(is_atext_or_dot) {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for c in self.local.chars() {
            if c == '"' || c == '\\' {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

/// Without the angle brackets; empty for the null path.
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

/// Without the angle brackets.
impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("postmaster"),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

/// Whether brackets, parentheses and quotes have partners in text that is no path, as in VRFY.
pub fn check_pairs(text: &str) -> Result<(), PathFault> {
    let (mut quoted, mut escaped) = (false, false);
    let mut open = Vec::new();
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '<' => open.push('>'),
            '(' => open.push(')'),
            '[' => open.push(']'),
            '>' | ')' | ']' if open.pop() != Some(c) => return Err(PathFault::Unbalanced),
            _ => {}
        }
    }
    if quoted || !open.is_empty() { Err(PathFault::Unbalanced) } else { Ok(()) }
}
