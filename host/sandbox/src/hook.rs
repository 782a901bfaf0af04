//! The moments of a mail session at which a filter may be asked. Names only; what is asked is in `call.rs`.

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
}

impl Hook {
    pub const ALL: [Self; 6] =
        [Self::Connect, Self::Greeting, Self::Sender, Self::Recipient, Self::Message, Self::Outcome];

    /// The name of its interface, without package and version.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Connect => "on-connect",
            Self::Greeting => "on-greeting",
            Self::Sender => "on-sender",
            Self::Recipient => "on-recipient",
            Self::Message => "on-message",
            Self::Outcome => "on-outcome",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.interface())
    }
}
