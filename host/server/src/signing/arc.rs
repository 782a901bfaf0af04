//! The seal on what is passed on for others (RFC 8617): the results this server found, signed together with the
//! message as it leaves and with the seals before. Pure text; the body's hash comes from outside.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail_auth::common::crypto::SigningKey;
use postwarden_mail::authentication_results as results;
use postwarden_mail::header::{self, Field};

use super::Key;
use crate::config::DkimKey;

/// Sets of one chain (RFC 8617 section 4.2.1).
const SETS_MAX: usize = 50;
/// Field names on one line.
const NAMES_IN_LINE: usize = 5;
/// Characters of base64 on one line.
const LINE: usize = 68;

const RESULTS: &str = "ARC-Authentication-Results";
const SIGNATURE: &str = "ARC-Message-Signature";
const SEAL: &str = "ARC-Seal";

/// What a new set follows on.
pub(super) struct Chain<'a> {
    /// Of each set before: results, signature, seal.
    sets: Vec<[Field<'a>; 3]>,
    /// What this server found, without the field's name.
    found: String,
}

/// The chain in a message's header section; `trace` are the fields this server has put before it. None: nothing was
/// checked here, or the chain is broken: then there is nothing to vouch for.
pub(super) fn chain<'a>(trace: &[u8], section: &'a [u8]) -> Option<Chain<'a>> {
    let found = header::find(trace, results::NAME)?;
    let found = String::from_utf8_lossy(found.value).trim().to_owned();
    let of = |name: &str| header::fields(section).filter(|field| field.is(name)).collect::<Vec<_>>();
    let (results, signatures, seals) = (of(RESULTS), of(SIGNATURE), of(SEAL));
    let count = seals.len();
    if count != 0 && !found.contains("arc=pass")
        || count != results.len()
        || count != signatures.len()
        || count >= SETS_MAX
    {
        return None;
    }
    let pick =
        |fields: &[Field<'a>], number: usize| fields.iter().find(|field| instance(field) == Some(number)).copied();
    let set = |number| Some([pick(&results, number)?, pick(&signatures, number)?, pick(&seals, number)?]);
    let sets = (1..=count).map(set).collect::<Option<Vec<_>>>()?;
    Some(Chain { sets, found })
}

/// The three fields, in the order in which they are put before the message. `hash`: of the relaxed body.
pub(super) fn seal(
    chain: &Chain<'_>,
    key: &DkimKey,
    names: &[&str],
    section: &[u8],
    hash: &[u8],
    seconds: i64,
) -> Option<Vec<u8>> {
    let number = chain.sets.len() + 1;
    let secret: &Key = &key.secret;
    let (algorithm, domain, selector) = (secret.algorithm().name(), &key.domain, &key.selector);
    let found = format!("{RESULTS}: i={number}; {}\r\n", chain.found);
    let mut signature = format!(
        "{SIGNATURE}: i={number}; a={algorithm}; c=relaxed/relaxed; d={domain};\r\n\ts={selector}; t={seconds};\r\n\th={};\r\n\tbh={};\r\n\tb=",
        names.chunks(NAMES_IN_LINE).map(|names| names.join(":")).collect::<Vec<_>>().join(":\r\n\t "),
        BASE64.encode(hash),
    );
    let mut signed = Vec::new();
    for field in chosen(names, section) {
        signed.extend(relaxed(&field));
    }
    signed.extend(whole(&signature)?);
    signature.push_str(&folded(&secret.sign(without_end(&signed)).ok()?));

    let status = if number == 1 { "none" } else { "pass" };
    let mut seal =
        format!("{SEAL}: i={number}; a={algorithm}; t={seconds}; cv={status};\r\n\td={domain}; s={selector};\r\n\tb=");
    let mut sealed: Vec<u8> = chain.sets.iter().flatten().flat_map(relaxed).collect();
    for text in [&found, &signature, &seal] {
        sealed.extend(whole(text)?);
    }
    seal.push_str(&folded(&secret.sign(without_end(&sealed)).ok()?));
    Some(format!("{seal}{signature}{found}").into_bytes())
}

/// The fields that `h=` names: each mention takes the lowest one that is left (RFC 6376 section 5.4.2).
fn chosen<'a>(names: &[&str], section: &'a [u8]) -> Vec<Field<'a>> {
    let mut left: Vec<Field<'a>> = header::fields(section).collect();
    let take = |name: &&str| {
        let at = left.iter().rposition(|field| field.is(name))?;
        Some(left.remove(at))
    };
    names.iter().filter_map(take).collect()
}

fn instance(field: &Field<'_>) -> Option<usize> {
    let text = field.text();
    let (name, number) = text.split(';').next()?.split_once('=')?;
    (name.trim() == "i").then(|| number.trim().parse().ok()).flatten()
}

/// RFC 6376 section 3.4.2.
fn relaxed(field: &Field<'_>) -> Vec<u8> {
    let mut line = field.name.to_ascii_lowercase();
    line.push(b':');
    let mut words = field.value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if let Some(first) = words.next() {
        line.extend_from_slice(first);
    }
    for word in words {
        line.push(b' ');
        line.extend_from_slice(word);
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// A field of our own, which may still lack its end.
fn whole(text: &str) -> Option<Vec<u8>> {
    header::fields(text.as_bytes()).next().map(|field| relaxed(&field))
}

/// What is signed ends without a line end.
fn without_end(lines: &[u8]) -> &[u8] {
    lines.strip_suffix(b"\r\n").unwrap_or(lines)
}

fn folded(signature: &[u8]) -> String {
    let text = BASE64.encode(signature);
    let lines: Vec<&str> =
        (0..text.len()).step_by(LINE).filter_map(|at| text.get(at..text.len().min(at + LINE))).collect();
    format!("{}\r\n", lines.join("\r\n\t "))
}
