//! THE command table: one row a verb. What stands here is looked up nowhere else: who may use it, when,
//! what EHLO says about it, what its refusals are. One command a file in `command/`.

pub(crate) mod auth;
pub(crate) mod bdat;
pub(crate) mod data;
pub(crate) mod etrn;
pub(crate) mod expn;
pub(crate) mod greet;
pub(crate) mod help;
pub(crate) mod mail;
pub(crate) mod noop;
pub(crate) mod quit;
pub(crate) mod rcpt;
pub(crate) mod rset;
pub(crate) mod starttls;
pub(crate) mod vrfy;

use crate::extension::Extension;
use crate::path::PathFault;
use crate::reply::{self, Case, Row};
use crate::session::{GreetingVerb, Role, Session, Time};
use crate::state::State;

/// One verb.
pub(crate) struct Command {
    pub(crate) verb: &'static str,
    pub(crate) roles: &'static [Role],
    /// Refused with row 12 before a greeting, where `require-helo` is on.
    pub(crate) needs_greeting: bool,
    pub(crate) place: Place,
    /// What EHLO adds while the verb is not switched off (`[smtp.commands]`).
    pub(crate) extensions: &'static [Extension],
    /// The row of arguments that cannot be read at all.
    pub(crate) unreadable: &'static Row,
    /// Syntax, before any look at the state.
    pub(crate) parse: fn(&Session, &str) -> Result<Parsed, Fault>,
    pub(crate) run: fn(&mut Session, Time, Parsed),
}

/// Where in a session a command may stand; elsewhere it is row 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Anywhere,
    NoTransaction,
    /// After MAIL, before content.
    Envelope,
    /// After an accepted RCPT, before content.
    Recipients,
    /// After an accepted RCPT, before content or between chunks.
    Chunks,
}

/// Arguments, read.
pub(crate) enum Parsed {
    Nothing,
    Greeting(GreetingVerb, String),
    Mail(mail::Mail),
    Rcpt(rcpt::Rcpt),
    Chunk { size: u64, last: bool },
    Argument(String),
    Auth { mechanism: String, initial: Option<String> },
}

/// Why arguments are refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault(pub(crate) &'static Row, pub(crate) Case);

impl Fault {
    pub(crate) fn syntax() -> Self {
        Self(&reply::SYNTAX_ERROR, Case::Usual)
    }

    pub(crate) fn path(fault: PathFault, case: Case) -> Self {
        let row = match fault {
            PathFault::DomainRequired => &reply::DOMAIN_REQUIRED,
            PathFault::Unbalanced => &reply::UNBALANCED,
            PathFault::Syntax => &reply::SYNTAX_ERROR,
        };
        Self(row, case)
    }
}

const ALL: &[Role] = &[Role::Mx, Role::Submission, Role::Lmtp];
const SMTP: &[Role] = &[Role::Mx, Role::Submission];

use Extension as E;
use reply::{HELO_DOMAIN_REQUIRED, SYNTAX_ERROR};

#[rustfmt::skip]
pub(crate) static COMMANDS: [Command; 16] = [
    Command { verb: "HELO", roles: SMTP, needs_greeting: false, place: Place::Anywhere, extensions: &[],
        unreadable: &HELO_DOMAIN_REQUIRED, parse: greet::parse_helo, run: greet::run },
    Command { verb: "EHLO", roles: SMTP, needs_greeting: false, place: Place::Anywhere,
        extensions: &[E::Pipelining, E::EnhancedStatusCodes],
        unreadable: &HELO_DOMAIN_REQUIRED, parse: greet::parse_ehlo, run: greet::run },
    Command { verb: "LHLO", roles: &[Role::Lmtp], needs_greeting: false, place: Place::Anywhere,
        extensions: &[E::Pipelining, E::EnhancedStatusCodes],
        unreadable: &HELO_DOMAIN_REQUIRED, parse: greet::parse_lhlo, run: greet::run },
    Command { verb: "MAIL", roles: ALL, needs_greeting: true, place: Place::NoTransaction,
        extensions: &[E::Size, E::EightBitMime, E::SmtpUtf8, E::Dsn, E::RequireTls, E::FutureRelease, E::DeliverBy, E::MtPriority],
        unreadable: &SYNTAX_ERROR, parse: mail::parse, run: mail::run },
    Command { verb: "RCPT", roles: ALL, needs_greeting: false, place: Place::Envelope, extensions: &[E::Limits],
        unreadable: &SYNTAX_ERROR, parse: rcpt::parse, run: rcpt::run },
    Command { verb: "DATA", roles: ALL, needs_greeting: false, place: Place::Recipients, extensions: &[],
        unreadable: &SYNTAX_ERROR, parse: nothing, run: data::run },
    Command { verb: "BDAT", roles: ALL, needs_greeting: false, place: Place::Chunks, extensions: &[E::Chunking, E::BinaryMime],
        unreadable: &SYNTAX_ERROR, parse: bdat::parse, run: bdat::run },
    Command { verb: "RSET", roles: ALL, needs_greeting: false, place: Place::Anywhere, extensions: &[],
        unreadable: &SYNTAX_ERROR, parse: nothing, run: rset::run },
    Command { verb: "NOOP", roles: ALL, needs_greeting: false, place: Place::Anywhere, extensions: &[],
        unreadable: &SYNTAX_ERROR, parse: anything, run: noop::run },
    Command { verb: "QUIT", roles: ALL, needs_greeting: false, place: Place::Anywhere, extensions: &[],
        unreadable: &SYNTAX_ERROR, parse: nothing, run: quit::run },
    Command { verb: "VRFY", roles: ALL, needs_greeting: true, place: Place::Anywhere, extensions: &[E::Vrfy],
        unreadable: &SYNTAX_ERROR, parse: vrfy::parse, run: vrfy::run },
    Command { verb: "EXPN", roles: ALL, needs_greeting: true, place: Place::Anywhere, extensions: &[E::Expn],
        unreadable: &SYNTAX_ERROR, parse: vrfy::parse, run: expn::run },
    Command { verb: "HELP", roles: ALL, needs_greeting: false, place: Place::Anywhere, extensions: &[E::Help],
        unreadable: &SYNTAX_ERROR, parse: anything, run: help::run },
    Command { verb: "ETRN", roles: SMTP, needs_greeting: true, place: Place::NoTransaction, extensions: &[],
        unreadable: &SYNTAX_ERROR, parse: anything, run: etrn::run },
    Command { verb: "AUTH", roles: SMTP, needs_greeting: true, place: Place::NoTransaction, extensions: &[E::Auth],
        unreadable: &SYNTAX_ERROR, parse: auth::parse, run: auth::run },
    Command { verb: "STARTTLS", roles: ALL, needs_greeting: false, place: Place::Anywhere, extensions: &[E::StartTls],
        unreadable: &SYNTAX_ERROR, parse: nothing, run: starttls::run },
];

/// All verbs, for configuration checks.
pub fn verbs() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|command| command.verb)
}

impl Command {
    pub(crate) fn find(verb: &[u8], role: Role) -> Option<&'static Self> {
        COMMANDS
            .iter()
            .find(|command| command.verb.as_bytes().eq_ignore_ascii_case(verb) && command.roles.contains(&role))
    }

    pub(crate) fn is_off(&self, session: &Session) -> bool {
        session.config.disabled.iter().any(|verb| verb.eq_ignore_ascii_case(self.verb))
    }
}

impl Place {
    /// The fault of a command that stands elsewhere.
    pub(crate) fn check(self, state: &State) -> Result<(), Fault> {
        let fault = |case| Err(Fault(&reply::BAD_SEQUENCE, case));
        match (self, state) {
            (Self::Anywhere, _) | (Self::NoTransaction, State::Idle) | (Self::Envelope, State::Envelope(_)) => Ok(()),
            (Self::Recipients | Self::Chunks, State::Envelope(transaction)) => {
                match transaction.recipients.is_empty() {
                    true => fault(Case::NoRecipients),
                    false => Ok(()),
                }
            }
            (Self::Chunks, State::Chunks(..)) => Ok(()),
            _ => fault(Case::Usual),
        }
    }
}

/// The parser of commands without arguments.
fn nothing(_: &Session, arguments: &str) -> Result<Parsed, Fault> {
    if arguments.is_empty() { Ok(Parsed::Nothing) } else { Err(Fault::syntax()) }
}

/// The parser of commands whose arguments do not matter.
fn anything(_: &Session, _: &str) -> Result<Parsed, Fault> {
    Ok(Parsed::Nothing)
}
