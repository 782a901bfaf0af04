//! Every cause for which a command, a recipient or a message is refused, and the one match that
//! turns a cause into a row of the reply table. No text of a reply stands here.

use crate::reply::{self, Case, Row};

/// Why something was refused. Named by cause, not by reply: the profile chooses the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Row 7.
    AuthFailed,
    /// 454 4.7.0: the check itself failed, the client may try again.
    AuthUnavailable,
    /// 421 4.7.0 and close: too many failures from this address.
    AuthBlocked,
    /// Row 8 (rDNS).
    NoReverseName,
    /// 451 4.4.3: the rDNS lookup failed.
    ReverseNameUnavailable,
    /// Row 8 (the login may not use this sender).
    SenderNotYours,
    /// Row 15.
    AuthRequired,
    /// Row 16.
    RelayDenied,
    /// Row 17.
    RelayLimits,
    /// Row 18.
    RelayLocalOnly,
    /// Row 19 (black & white).
    AccessDenied,
    /// Row 19 (unauthorised session claims a local sender).
    LocalSenderUnauthorised,
    /// Row 20 (members-only list).
    NotAMember,
    /// Row 20 (receiving switched off).
    ReceivingOff,
    /// Row 21.
    UnknownUser,
    /// Row 22.
    UnknownUserRejecting,
    /// Row 23.
    NoSuchUser,
    /// Row 24.
    NoSuchList,
    /// Row 26.
    MessageTooBig,
    /// Row 33.
    MailboxFull,
    /// Row 33 with `quota-temporary`: 452 4.2.2.
    MailboxFullTemporary,
    /// 452 4.3.1: no spool space.
    NoSpace,
    /// 554 5.4.6: hop limit.
    TooManyHops,
    /// Row 27.
    Virus,
    /// Row 28, with the filter's own text after the fixed words.
    Content(Option<String>),
    /// Row 29.
    SpamFilter,
    /// Row 30.
    SpamScore,
    /// Row 35, with the filter's own text after the fixed words.
    Filter(Option<String>),
    /// 451 4.7.1: a filter's verdict `defer`.
    FilterDeferred(Option<String>),
    /// 451 4.3.0: a filter or a part of the server failed.
    Unavailable,
    /// 550 5.7.4 (RFC 4865, 2852, 6710 ...): a requested service cannot be given.
    ServiceNotAvailable,
    /// 421 4.7.0 and close: session or rate limits.
    TooManySessions,
    /// 421 4.7.0 and close: `max-messages-per-session`.
    TooManyMessages,
    /// 550 5.4.6: an alias or list leads back to itself.
    AddressLoop,
    /// 550 5.1.8: the sender's domain cannot take a bounce.
    SenderDomainInvalid,
    /// 550 5.7.30: REQUIRETLS cannot be kept on the way on.
    RequireTlsUnavailable,
    /// 550 5.7.23: the client may not send for the sender's domain.
    SpfFailed,
    /// 550 5.7.20: no signature of the message is right.
    DkimFailed,
    /// 550 5.7.26: neither SPF nor DKIM speaks for the author's domain.
    DmarcFailed,
    /// 550 5.7.29: the chain of forwarders is broken.
    ArcFailed,
    /// 550 5.6.0: the content cannot be stored or read as a message.
    MessageMalformed,
    /// 421 4.3.2 and close: the server is stopping.
    ShuttingDown,
}

/// Where a refusal stands in the reply table, and words that follow the fixed ones.
#[derive(Debug)]
pub struct Place<'a> {
    pub row: &'static Row,
    pub case: Case,
    pub extra: Option<&'a str>,
}

impl Refusal {
    /// The row of this cause: the only such match there is.
    pub fn place(&self) -> Place<'_> {
        let (row, case, extra) = match self {
            Self::AuthFailed => (&reply::AUTH_FAILED, Case::Usual, None),
            Self::AuthUnavailable => (&reply::AUTH_UNAVAILABLE, Case::Usual, None),
            Self::AuthBlocked => (&reply::AUTH_BLOCKED, Case::Usual, None),
            Self::NoReverseName => (&reply::SENDING_NOT_ALLOWED, Case::NoReverseName, None),
            Self::ReverseNameUnavailable => (&reply::REVERSE_NAME_UNAVAILABLE, Case::Usual, None),
            Self::SenderNotYours => (&reply::SENDING_NOT_ALLOWED, Case::Usual, None),
            Self::AuthRequired => (&reply::AUTH_REQUIRED, Case::Usual, None),
            Self::RelayDenied => (&reply::RELAY_DENIED, Case::Usual, None),
            Self::RelayLimits => (&reply::RELAY_LIMITS, Case::Usual, None),
            Self::RelayLocalOnly => (&reply::RELAY_LOCAL_ONLY, Case::Usual, None),
            Self::AccessDenied | Self::LocalSenderUnauthorised => (&reply::ACCESS_DENIED, Case::Usual, None),
            Self::NotAMember | Self::ReceivingOff => (&reply::PERMISSION_DENIED, Case::Usual, None),
            Self::UnknownUser => (&reply::UNKNOWN_USER_LOCAL, Case::Usual, None),
            Self::UnknownUserRejecting => (&reply::UNKNOWN_USER_REJECTING, Case::Usual, None),
            Self::NoSuchUser => (&reply::NO_SUCH_USER, Case::Usual, None),
            Self::NoSuchList => (&reply::NO_SUCH_LIST, Case::Usual, None),
            Self::MessageTooBig => (&reply::MESSAGE_TOO_BIG, Case::Usual, None),
            Self::MailboxFull => (&reply::MAILBOX_FULL, Case::Usual, None),
            Self::MailboxFullTemporary => (&reply::MAILBOX_FULL_TEMPORARY, Case::Usual, None),
            Self::NoSpace => (&reply::NO_SPACE, Case::Usual, None),
            Self::TooManyHops => (&reply::TOO_MANY_HOPS, Case::Usual, None),
            Self::Virus => (&reply::VIRUS_FOUND, Case::Usual, None),
            Self::Content(text) => (&reply::CONTENT_REJECTED, Case::Usual, text.as_deref()),
            Self::SpamFilter => (&reply::SPAM_FILTER_REJECTED, Case::Usual, None),
            Self::SpamScore => (&reply::SPAM_REJECTED, Case::Usual, None),
            Self::Filter(text) => (&reply::FILTER_REJECTED, Case::Usual, text.as_deref()),
            Self::FilterDeferred(text) => (&reply::FILTER_DEFERRED, Case::Usual, text.as_deref()),
            Self::Unavailable => (&reply::UNAVAILABLE, Case::Usual, None),
            Self::ServiceNotAvailable => (&reply::SERVICE_NOT_AVAILABLE, Case::Usual, None),
            Self::TooManySessions => (&reply::TOO_MANY_SESSIONS, Case::Usual, None),
            Self::TooManyMessages => (&reply::TOO_MANY_MESSAGES, Case::Usual, None),
            Self::AddressLoop => (&reply::ADDRESS_LOOP, Case::Usual, None),
            Self::SenderDomainInvalid => (&reply::SENDER_DOMAIN_INVALID, Case::Usual, None),
            Self::RequireTlsUnavailable => (&reply::REQUIRETLS_UNAVAILABLE, Case::Usual, None),
            Self::SpfFailed => (&reply::SPF_FAILED, Case::Usual, None),
            Self::DkimFailed => (&reply::DKIM_FAILED, Case::Usual, None),
            Self::DmarcFailed => (&reply::DMARC_FAILED, Case::Usual, None),
            Self::ArcFailed => (&reply::ARC_FAILED, Case::Usual, None),
            Self::MessageMalformed => (&reply::MESSAGE_MALFORMED, Case::Usual, None),
            Self::ShuttingDown => (&reply::SHUTTING_DOWN, Case::Usual, None),
        };
        Place { row, case, extra }
    }
}
