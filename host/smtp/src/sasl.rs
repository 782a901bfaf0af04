//! The server's side of SASL: PLAIN (RFC 4616), LOGIN, SCRAM (RFC 5802, RFC 7677). Passwords and proofs go to
//! the outside as questions; nothing is looked up here.

mod scram;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::line::is_unprintable;
use crate::question::{Login, Question, ScramVerifier, Secret};
use crate::reply::Case;
use crate::session::{Mechanism, Session};

/// Where an exchange stands: what the next line of the client means, or which answer is awaited.
#[derive(Debug)]
pub(crate) enum Exchange {
    Plain,
    LoginUser,
    LoginPassword {
        user: String,
    },
    /// PLAIN or LOGIN: `Question::Password` is open.
    PasswordAsked,
    ScramFirst {
        plus: bool,
    },
    /// `Question::ScramVerifier` is open.
    ScramVerifierAsked(scram::First),
    ScramFinal(scram::Second),
    /// `Question::ScramOutcome` is open.
    ScramOutcomeAsked(scram::Outcome),
    /// Everything is proven; the client owes an empty line.
    ScramEnd(Login),
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Base64 for the client; a line of it follows.
    Challenge(Exchange, String),
    Ask(Exchange, Question),
    LoggedIn(Login),
    /// Row 7 without a question.
    Failed,
    /// Row 6.
    Broken(Case),
}

impl Exchange {
    pub(crate) fn new(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Login => Self::LoginUser,
            Mechanism::ScramSha256 => Self::ScramFirst { plus: false },
            Mechanism::ScramSha256Plus => Self::ScramFirst { plus: true },
        }
    }

    /// The challenge before the client's first line, where it sent no initial response.
    pub(crate) fn opening(&self) -> String {
        match self {
            Self::LoginUser => STANDARD.encode("Username:"),
            _ => String::new(),
        }
    }

    /// Takes a line of the client.
    pub(crate) fn respond(self, line: &[u8], session: &Session) -> Step {
        // RFC 4954: a lone `=` is an empty initial response.
        let line = if line == b"=" { b"" } else { line };
        let Ok(bytes) = STANDARD.decode(line) else { return Step::Broken(Case::BadBase64) };
        match self {
            Self::Plain => plain(bytes),
            Self::LoginUser => match text(bytes) {
                Some(user) => Step::Challenge(Self::LoginPassword { user }, STANDARD.encode("Password:")),
                None => Step::Broken(Case::Usual),
            },
            Self::LoginPassword { user } => {
                let password = Secret(bytes);
                Step::Ask(Self::PasswordAsked, Question::Password { user, authorization: String::new(), password })
            }
            Self::ScramFirst { plus } => {
                let offers_plus = session.mechanisms().any(|mechanism| mechanism == Mechanism::ScramSha256Plus);
                match scram::First::read(&bytes, plus, offers_plus, session.facts.tls.as_ref()) {
                    Ok(first) => {
                        let question = Question::ScramVerifier { user: first.user.clone() };
                        Step::Ask(Self::ScramVerifierAsked(first), question)
                    }
                    Err(scram::Fault::Malformed) => Step::Broken(Case::Usual),
                    Err(scram::Fault::Downgrade) => Step::Failed,
                }
            }
            Self::ScramFinal(second) => match second.finish(&bytes) {
                Some(outcome) => {
                    let question = outcome.question();
                    Step::Ask(Self::ScramOutcomeAsked(outcome), question)
                }
                None => Step::Broken(Case::Usual),
            },
            Self::ScramEnd(login) if bytes.is_empty() => Step::LoggedIn(login),
            // Questions are open in the others: no line reaches them.
            Self::ScramEnd(_) | Self::PasswordAsked | Self::ScramVerifierAsked(_) | Self::ScramOutcomeAsked(_) => {
                Step::Broken(Case::Usual)
            }
        }
    }

    /// The verifier of the user is known.
    pub(crate) fn verifier(self, verifier: ScramVerifier, session: &Session) -> Step {
        let Self::ScramVerifierAsked(first) = self else { return Step::Failed };
        let mut nonce = [0; scram::NONCE_BYTES];
        (session.random)(&mut nonce);
        let (second, challenge) = first.challenge(verifier, &STANDARD.encode(nonce));
        Step::Challenge(Self::ScramFinal(second), STANDARD.encode(challenge))
    }

    /// The login was granted.
    pub(crate) fn granted(self, login: Login) -> Step {
        match self {
            Self::PasswordAsked => Step::LoggedIn(login),
            Self::ScramOutcomeAsked(outcome) if outcome.proven => {
                Step::Challenge(Self::ScramEnd(login), STANDARD.encode(outcome.signature))
            }
            _ => Step::Failed,
        }
    }
}

/// `[authorization] NUL user NUL password`
fn plain(bytes: Vec<u8>) -> Step {
    let mut fields = bytes.splitn(3, |&b| b == 0);
    let (Some(authorization), Some(user), Some(password)) = (fields.next(), fields.next(), fields.next()) else {
        return Step::Broken(Case::Usual);
    };
    let password = Secret(password.to_vec());
    match (text(authorization.to_vec()), text(user.to_vec())) {
        (Some(authorization), Some(user)) if !user.is_empty() && !password.0.contains(&0) => {
            Step::Ask(Exchange::PasswordAsked, Question::Password { user, authorization, password })
        }
        _ => Step::Broken(Case::Usual),
    }
}

/// UTF-8 without control characters: names are logged and looked up.
fn text(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(is_unprintable))
}
