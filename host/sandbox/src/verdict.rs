//! What a filter decides, and the points, edits and notes that go with it. No SMTP codes.

use std::sync::Arc;

/// The decision of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No objection; the next filter decides.
    Pass,
    /// Wanted: the filters behind it are skipped, but for those that run always.
    Accept,
    Reject(Objection),
    Defer(Objection),
    Discard(Objection),
    Quarantine(Objection),
    Challenge(Objection),
}

impl Verdict {
    /// The word of the contract.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Accept => "accept",
            Self::Reject(_) => "reject",
            Self::Defer(_) => "defer",
            Self::Discard(_) => "discard",
            Self::Quarantine(_) => "quarantine",
            Self::Challenge(_) => "challenge",
        }
    }

    pub fn objection(&self) -> Option<&Objection> {
        match self {
            Self::Pass | Self::Accept => None,
            Self::Reject(o) | Self::Defer(o) | Self::Discard(o) | Self::Quarantine(o) | Self::Challenge(o) => Some(o),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    pub reason: Reason,
    /// For the log and the postmaster.
    pub detail: Option<String>,
    /// For the client, in place of the server's own text. Only with the grant `custom-replies`, printable, one line.
    pub reply_text: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Virus,
    Content,
    Spam,
    Access,
    Filter,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Self::Virus => "virus",
            Self::Content => "content",
            Self::Spam => "spam",
            Self::Access => "access",
            Self::Filter => "filter",
        }
    }
}

/// Points under the name of the rule that matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    pub symbol: String,
    pub points: f64,
    pub detail: Option<String>,
}

/// A staged change. Header edits refer to the header as the edits before them left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    AddHeader {
        name: String,
        value: String,
    },
    ReplaceHeader {
        name: String,
        index: u32,
        value: String,
    },
    RemoveHeader {
        name: String,
        index: Option<u32>,
    },
    /// The part's index in the message as the call saw it.
    ReplacePart {
        index: u32,
        media_type: String,
        content: Arc<[u8]>,
    },
    AddRecipient(String),
    RemoveRecipient(String),
    SetSender(String),
}
