//! Ids of messages and transactions: 63 bits that sort by time, written as 13 characters.

use std::fmt;
use std::str::FromStr;

/// 41 bits of milliseconds since 2026-01-01, 10 bits of node, 12 bits of sequence.
/// Written in Crockford's base32, lower case, 13 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub i64);

/// Makes ids for one node; never twice the same, also when the clock goes back.
#[derive(Debug)]
pub struct Ids {
    _node: u16,
}

#[allow(unused_variables, clippy::todo)]
impl Ids {
    /// `node` is unique among the nodes that share a store: 0 to 1023.
    pub fn new(node: u16) -> Self {
        todo!()
    }
    pub fn next(&self, now: crate::Timestamp) -> Id {
        todo!()
    }
}

#[allow(clippy::todo)]
impl fmt::Display for Id {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

#[allow(clippy::todo)]
impl FromStr for Id {
    type Err = crate::Error;
    fn from_str(_text: &str) -> crate::Result<Self> {
        todo!()
    }
}
