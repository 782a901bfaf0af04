//! Answers from a line of text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use postwarden_smtp::question::{Fate, Login, ScramVerifier};
use postwarden_smtp::{Answer, Question, Refusal};
use sha2::{Digest, Sha256};

/// The answer of a script that gives none.
pub(crate) fn kindest(question: &Question) -> Answer {
    match question {
        Question::Message { .. } => Answer::Taken { fate: Fate::Queued, recipients: vec![] },
        Question::Password { user, .. } | Question::ScramOutcome { user, proven: true, .. } => {
            Answer::LoggedIn(Login { account: user.clone() })
        }
        Question::ScramOutcome { .. } => Answer::Refuse(Refusal::AuthFailed),
        _ => Answer::Proceed,
    }
}

pub(crate) fn parse(text: &str) -> Answer {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "ok" => Answer::Proceed,
        "refuse" => Answer::Refuse(refusal(rest)),
        "login" => Answer::LoggedIn(Login { account: rest.to_owned() }),
        "text" => Answer::Text(rest.to_owned()),
        "lines" => Answer::Lines(rest.split('|').filter(|line| !line.is_empty()).map(str::to_owned).collect()),
        "taken" => taken(rest),
        "scram" => {
            let words: Vec<&str> = rest.split(' ').collect();
            Answer::Scram(verifier(words[0].as_bytes(), &STANDARD.decode(words[1]).unwrap(), words[2].parse().unwrap()))
        }
        other => panic!("answer {other}"),
    }
}

fn taken(text: &str) -> Answer {
    let mut fate = Fate::Queued;
    let mut recipients = Vec::new();
    for word in text.split_whitespace() {
        match word {
            "queued" => fate = Fate::Queued,
            "deleted" => fate = Fate::Deleted,
            "challenged" => fate = Fate::Challenged,
            "quarantined" => fate = Fate::Quarantined,
            "-" => recipients.push(None),
            cause => recipients.push(Some(refusal(cause))),
        }
    }
    Answer::Taken { fate, recipients }
}

fn refusal(text: &str) -> Refusal {
    let (name, words) = text.split_once(' ').unwrap_or((text, ""));
    let words = (!words.is_empty()).then(|| words.to_owned());
    match name {
        "Content" => Refusal::Content(words),
        "Filter" => Refusal::Filter(words),
        "FilterDeferred" => Refusal::FilterDeferred(words),
        _ => {
            refusals().into_iter().find(|known| format!("{known:?}") == name).unwrap_or_else(|| panic!("cause {name}"))
        }
    }
}

/// All causes without words of their own.
pub(crate) fn refusals() -> Vec<Refusal> {
    use Refusal::*;
    vec![
        AuthFailed,
        AuthUnavailable,
        AuthBlocked,
        NoReverseName,
        ReverseNameUnavailable,
        SenderNotYours,
        AuthRequired,
        RelayDenied,
        RelayLimits,
        RelayLocalOnly,
        AccessDenied,
        LocalSenderUnauthorised,
        NotAMember,
        ReceivingOff,
        UnknownUser,
        UnknownUserRejecting,
        NoSuchUser,
        NoSuchList,
        MessageTooBig,
        MailboxFull,
        MailboxFullTemporary,
        NoSpace,
        TooManyHops,
        Virus,
        Content(None),
        SpamFilter,
        SpamScore,
        Unavailable,
        ServiceNotAvailable,
        TooManySessions,
        TooManyMessages,
        AddressLoop,
        SenderDomainInvalid,
        RequireTlsUnavailable,
        SpfFailed,
        DkimFailed,
        DmarcFailed,
        ArcFailed,
        MessageMalformed,
        ShuttingDown,
        Filter(None),
        FilterDeferred(None),
    ]
}

/// RFC 5803, from a password: as the server's accounts do it.
pub(crate) fn verifier(password: &[u8], salt: &[u8], iterations: u32) -> ScramVerifier {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted);
    let stored_key = Sha256::digest(hmac(&salted, b"Client Key")).into();
    ScramVerifier { salt: salt.to_vec(), iterations, stored_key, server_key: hmac(&salted, b"Server Key") }
}

pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}
