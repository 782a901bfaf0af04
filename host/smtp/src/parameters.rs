//! The parameters of MAIL and RCPT. An unknown one, a repeated one, a bad value: row 4.

use crate::command::Fault;
use crate::extension::Extension;
use crate::limits::{ENVID_BYTES_MAX, HOLD_SECONDS_MAX, ORCPT_BYTES_MAX};
use crate::question::{BodyType, DeliverBy, Hold, Notify, RecipientParameters, Ret, SenderParameters};
use crate::reply::{self, Case};
use crate::session::Session;
use crate::{instant, xtext};

/// What follows `FROM:` or `TO:`, without spaces before it.
pub(crate) fn after_keyword<'a>(arguments: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, tail) = arguments.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| tail.trim_start_matches(' '))
}

type Parameter<'a> = (&'a str, Option<&'a str>);

/// Splits `KEY=VALUE KEY`, refusing keywords that stand twice.
fn split(text: &str) -> Result<Vec<Parameter<'_>>, Fault> {
    let mut found: Vec<Parameter<'_>> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        let well_formed = key.starts_with(|c: char| c.is_ascii_alphanumeric())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && value.is_none_or(|value| !value.is_empty() && !value.contains('='));
        if !well_formed || found.iter().any(|(other, _)| other.eq_ignore_ascii_case(key)) {
            return Err(Fault::syntax());
        }
        found.push((key, value));
    }
    Ok(found)
}

fn unknown() -> Fault {
    Fault(&reply::SYNTAX_ERROR, Case::UnknownParameter)
}

/// The parameters of MAIL.
pub(crate) fn sender(session: &Session, text: &str) -> Result<SenderParameters, Fault> {
    let mut parameters = SenderParameters::default();
    for (key, value) in split(text)? {
        let offered = |extension: Extension| extension.is_offered(session).then_some(()).ok_or_else(unknown);
        let key = key.to_ascii_uppercase();
        match (key.as_str(), value) {
            ("SIZE", Some(value)) => parameters.size = Some(digits(value, 20)?),
            ("BODY", Some(value)) => parameters.body = body(value)?,
            ("SMTPUTF8", None) => parameters.smtputf8 = true,
            ("REQUIRETLS", None) => {
                offered(Extension::RequireTls)?;
                parameters.require_tls = true;
            }
            ("RET", Some(value)) => parameters.ret = Some(ret(value)?),
            ("ENVID", Some(value)) => parameters.envid = Some(decoded(value, ENVID_BYTES_MAX)?),
            ("AUTH", Some("<>")) => parameters.auth = Some(String::new()),
            ("AUTH", Some(value)) => parameters.auth = Some(decoded(value, ORCPT_BYTES_MAX)?),
            ("HOLDFOR", Some(value)) if parameters.hold.is_none() => {
                offered(Extension::FutureRelease)?;
                let seconds = digits(value, 9)?;
                if seconds > HOLD_SECONDS_MAX {
                    return Err(Fault::syntax());
                }
                parameters.hold = Some(Hold::For(seconds));
            }
            ("HOLDUNTIL", Some(value)) if parameters.hold.is_none() => {
                offered(Extension::FutureRelease)?;
                parameters.hold = Some(Hold::Until(instant::parse(value).ok_or_else(Fault::syntax)?));
            }
            ("BY", Some(value)) => {
                offered(Extension::DeliverBy)?;
                parameters.deliver_by = Some(deliver_by(value).ok_or_else(Fault::syntax)?);
            }
            ("MT-PRIORITY", Some(value)) => {
                offered(Extension::MtPriority)?;
                parameters.priority = Some(priority(value).ok_or_else(Fault::syntax)?);
            }
            (
                "SIZE" | "BODY" | "SMTPUTF8" | "REQUIRETLS" | "RET" | "ENVID" | "AUTH" | "HOLDFOR" | "HOLDUNTIL" | "BY"
                | "MT-PRIORITY",
                _,
            ) => return Err(Fault::syntax()),
            _ => return Err(unknown()),
        }
    }
    Ok(parameters)
}

/// The parameters of RCPT.
pub(crate) fn recipient(text: &str) -> Result<RecipientParameters, Fault> {
    let mut parameters = RecipientParameters::default();
    for (key, value) in split(text)? {
        let key = key.to_ascii_uppercase();
        match (key.as_str(), value) {
            ("NOTIFY", Some(value)) => parameters.notify = Some(notify(value).ok_or_else(Fault::syntax)?),
            ("ORCPT", Some(value)) => parameters.original = Some(original(value)?),
            ("NOTIFY" | "ORCPT", None) => return Err(Fault::syntax()),
            _ => return Err(unknown()),
        }
    }
    Ok(parameters)
}

fn digits(value: &str, most: usize) -> Result<u64, Fault> {
    let plain = value.len() <= most && value.bytes().all(|b| b.is_ascii_digit());
    // Twenty digits may be more than 64 bits hold; such a size is over every limit.
    if plain { Ok(value.parse().unwrap_or(u64::MAX)) } else { Err(Fault::syntax()) }
}

fn body(value: &str) -> Result<BodyType, Fault> {
    let is = |name: &str| value.eq_ignore_ascii_case(name);
    match () {
        () if is("7BIT") => Ok(BodyType::SevenBit),
        () if is("8BITMIME") => Ok(BodyType::EightBitMime),
        () if is("BINARYMIME") => Ok(BodyType::BinaryMime),
        () => Err(Fault::syntax()),
    }
}

fn ret(value: &str) -> Result<Ret, Fault> {
    match () {
        () if value.eq_ignore_ascii_case("FULL") => Ok(Ret::Full),
        () if value.eq_ignore_ascii_case("HDRS") => Ok(Ret::Headers),
        () => Err(Fault::syntax()),
    }
}

fn decoded(value: &str, most: usize) -> Result<String, Fault> {
    if value.len() > most {
        return Err(Fault::syntax());
    }
    xtext::decode(value).ok_or_else(Fault::syntax)
}

/// `[-]seconds;N|R[T]` (RFC 2852 section 4).
fn deliver_by(value: &str) -> Option<DeliverBy> {
    let (seconds, mode) = value.split_once(';')?;
    let number = seconds.strip_prefix(['-', '+']).unwrap_or(seconds);
    if number.is_empty() || number.len() > 9 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let mode = mode.to_ascii_uppercase();
    let (notify, trace) = match mode.as_str() {
        "N" => (true, false),
        "NT" => (true, true),
        "R" => (false, false),
        "RT" => (false, true),
        _ => return None,
    };
    (notify || seconds > 0).then_some(DeliverBy { seconds, notify, trace })
}

/// -9 to 9 (RFC 6710 section 4.1).
fn priority(value: &str) -> Option<i8> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let plain = digits.len() == 1 && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { value.parse().ok() } else { None }
}

/// `NEVER`, or a list of the others (RFC 3461 section 4.1).
fn notify(value: &str) -> Option<Notify> {
    let mut notify = Notify::default();
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(notify);
    }
    for word in value.split(',') {
        match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => notify.success = true,
            "FAILURE" => notify.failure = true,
            "DELAY" => notify.delay = true,
            _ => return None,
        }
    }
    Some(notify)
}

/// `type;address` (RFC 3461 section 4.2, RFC 6533 section 3).
fn original(value: &str) -> Result<(String, String), Fault> {
    let (kind, address) = value.split_once(';').ok_or_else(Fault::syntax)?;
    let well_formed = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !well_formed || address.is_empty() || value.len() > ORCPT_BYTES_MAX {
        return Err(Fault::syntax());
    }
    let address = match kind.eq_ignore_ascii_case("utf-8") {
        true => xtext::decode_unitext(address).ok_or_else(Fault::syntax)?,
        false => decoded(address, ORCPT_BYTES_MAX)?,
    };
    Ok((kind.to_ascii_lowercase(), address))
}
