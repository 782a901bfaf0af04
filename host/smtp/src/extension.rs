//! What EHLO and LHLO offer: one keyword a variant, and the condition under which it is said.

use crate::limits::HOLD_SECONDS_MAX;
use crate::session::{Mechanism, Role, Session};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extension {
    Pipelining,
    EnhancedStatusCodes,
    Size,
    EightBitMime,
    SmtpUtf8,
    Dsn,
    RequireTls,
    FutureRelease,
    DeliverBy,
    MtPriority,
    Limits,
    Chunking,
    BinaryMime,
    Vrfy,
    Expn,
    Help,
    Auth,
    StartTls,
}

impl Extension {
    /// The line in the reply to EHLO; none where it is not offered now.
    pub(crate) fn line(self, session: &Session) -> Option<String> {
        let config = &session.config;
        let line = match self {
            Self::Pipelining => "PIPELINING",
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES",
            Self::EightBitMime => "8BITMIME",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::Dsn => "DSN",
            Self::Chunking => "CHUNKING",
            Self::BinaryMime => "BINARYMIME",
            Self::Vrfy => "VRFY",
            Self::Expn => "EXPN",
            Self::Help => "HELP",
            Self::Size => return Some(format!("SIZE {}", config.max_message_size)),
            Self::Limits if config.max_recipients > 0 => {
                return Some(format!("LIMITS RCPTMAX={}", config.max_recipients));
            }
            Self::RequireTls if self.is_offered(session) => "REQUIRETLS",
            Self::FutureRelease if self.is_offered(session) => {
                // The second limit is a date, and a core without a clock knows none that means anything.
                return Some(format!("FUTURERELEASE {HOLD_SECONDS_MAX} 9999-12-31T23:59:59Z"));
            }
            Self::DeliverBy if self.is_offered(session) => "DELIVERBY",
            Self::MtPriority if self.is_offered(session) => "MT-PRIORITY",
            Self::StartTls if self.is_offered(session) => "STARTTLS",
            Self::Auth => {
                let names: Vec<&str> = session.mechanisms().map(Mechanism::name).collect();
                return (!names.is_empty()).then(|| format!("AUTH {}", names.join(" ")));
            }
            _ => return None,
        };
        Some(line.to_owned())
    }

    /// Whether its parameters are taken in this session.
    pub(crate) fn is_offered(self, session: &Session) -> bool {
        match self {
            Self::RequireTls => session.facts.tls.is_some(),
            Self::FutureRelease | Self::DeliverBy | Self::MtPriority => session.config.role == Role::Submission,
            Self::StartTls => session.config.starttls && session.facts.tls.is_none(),
            _ => true,
        }
    }
}

impl Mechanism {
    /// As in EHLO, in AUTH and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    pub fn all() -> [Self; 4] {
        [Self::Plain, Self::Login, Self::ScramSha256, Self::ScramSha256Plus]
    }

    /// Whether whoever listens learns the password.
    pub fn is_plaintext(self) -> bool {
        matches!(self, Self::Plain | Self::Login)
    }
}
