//! Question and Answer: the only door from the protocol to policy, filters and storage.
//!
//! A session with an open question reads no further command, so an answer always belongs to the
//! question asked last. Facts a decision may need (client, greeting, TLS, login, transaction) are
//! not repeated here: they are read from [`crate::Session::facts`] and
//! [`crate::Session::transaction`].

use crate::path::{ForwardPath, ReversePath};
use crate::refusal::Refusal;

/// What the protocol cannot decide by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A client has connected; nothing has been sent. Answers: `Proceed`, `Refuse` (554 or 421 instead of 220, then close).
    Connect,
    /// HELO, EHLO or LHLO with a valid argument, see `facts().greeting`. Answers: `Proceed`, `Refuse`.
    Greeting,
    /// AUTH PLAIN or LOGIN. `authorization` is the identity to act as; empty: the same as `user`.
    /// Answers: `LoggedIn`, `Refuse`.
    Password { user: String, authorization: String, password: Secret },
    /// AUTH SCRAM-SHA-256: the verifier of `user`. The answer is always `Scram`, with a made-up
    /// but stable verifier where there is no such account. Or `Refuse`, where logins are blocked.
    ScramVerifier { user: String },
    /// The client's proof was checked against that verifier. Answers: `LoggedIn`, `Refuse`.
    /// A made-up verifier must lead to `Refuse`, whatever `proven` says.
    ScramOutcome { user: String, authorization: String, proven: bool },
    /// MAIL. Answers: `Proceed`, `Refuse`.
    Sender { path: ReversePath, parameters: SenderParameters },
    /// RCPT. Answers: `Proceed` (251 and 252 are not used), `Refuse`.
    Recipient { path: ForwardPath, parameters: RecipientParameters },
    /// DATA or the first BDAT: may content be sent, is there room? Answers: `Proceed`, `Refuse`.
    Content,
    /// The content is complete; all of it was handed out as `Action::Body`. Answers: `Taken`, `Refuse`.
    /// `Refuse` counts for all recipients (for LMTP: for each).
    Message { size: u64 },
    /// VRFY. Answers: `Text` (what follows 250 2.1.5), `Refuse`.
    Verify { argument: String },
    /// EXPN. Answers: `Lines` (one 250 line each), `Refuse`.
    Expand { argument: String },
}

/// The decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Proceed,
    Refuse(Refusal),
    LoggedIn(Login),
    Scram(ScramVerifier),
    /// The message is durable (or was deliberately deleted or held: see `fate`).
    /// `recipients` holds one entry for each accepted recipient in their order: `None` is taken.
    /// Only LMTP shows them one by one; over SMTP an entry `Some` is a promise of the caller to bounce.
    Taken {
        fate: Fate,
        recipients: Vec<Option<Refusal>>,
    },
    Text(String),
    Lines(Vec<String>),
}

/// What became of an accepted message. The client gets its 250 for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Queued,
    /// Row 31.
    Deleted,
    /// Row 32.
    Challenged,
    Quarantined,
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The account's address in canonical form.
    pub account: String,
}

/// What a server keeps instead of a password (RFC 5803).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramVerifier {
    pub salt: Vec<u8>,
    pub iterations: u32,
    pub stored_key: [u8; 32],
    pub server_key: [u8; 32],
}

/// A password on its way to the check. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The parameters of MAIL, decoded and checked for syntax and for what was advertised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderParameters {
    /// SIZE (RFC 1870), bytes.
    pub size: Option<u64>,
    /// BODY (RFC 6152, RFC 3030).
    pub body: BodyType,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// RET (RFC 3461).
    pub ret: Option<Ret>,
    /// ENVID (RFC 3461), xtext decoded.
    pub envid: Option<String>,
    /// AUTH= (RFC 4954), xtext decoded; `<>` is an empty string.
    pub auth: Option<String>,
    /// HOLDFOR or HOLDUNTIL (RFC 4865).
    pub hold: Option<Hold>,
    /// BY (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
    /// MT-PRIORITY (RFC 6710), -9 to 9.
    pub priority: Option<i8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyType {
    #[default]
    SevenBit,
    EightBitMime,
    BinaryMime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    Full,
    Headers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Seconds from now.
    For(u64),
    /// Seconds since the Unix epoch.
    Until(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverBy {
    /// Seconds from now; negative only with `notify`.
    pub seconds: i64,
    /// `N`: notify and go on. Otherwise `R`: return.
    pub notify: bool,
    /// `T`: trace.
    pub trace: bool,
}

/// The parameters of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientParameters {
    /// NOTIFY (RFC 3461). `None`: not given.
    pub notify: Option<Notify>,
    /// ORCPT (RFC 3461): address type and address, xtext decoded.
    pub original: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// None of the three is NEVER.
    pub success: bool,
    pub failure: bool,
    pub delay: bool,
}
