//! The moments at which a filter may be asked, in the order of a mail session. Names only; what is asked is in `call.rs`.

use std::fmt;

/// One exported interface of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    Connect,
    Greeting,
    Sender,
    Recipient,
    Message,
    Outcome,
    Feedback,
}

impl Hook {
    pub const ALL: [Self; 7] =
        [Self::Connect, Self::Greeting, Self::Sender, Self::Recipient, Self::Message, Self::Outcome, Self::Feedback];

    /// The name of its interface, without package and version.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Connect => "on-connect",
            Self::Greeting => "on-greeting",
            Self::Sender => "on-sender",
            Self::Recipient => "on-recipient",
            Self::Message => "on-message",
            Self::Outcome => "on-outcome",
            Self::Feedback => "on-feedback",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.interface())
    }
}
