//! Reverse-path and forward-path (RFC 5321 section 4.1.2, RFC 6531 section 3.3). No lookup of any kind.

use std::fmt;

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

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Literal(literal) => write!(f, "[{literal}]"),
        }
    }
}
