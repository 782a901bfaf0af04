//! Rules about the header: fields that are missing, forged or written as no mail program writes them.

use crate::date;
use crate::mail::Mail;
use crate::rules::Found;
use crate::symbols::Symbol::{self, *};
use crate::tokens::split_address;
use crate::url::registered;

/// Seconds that a message may seem to come from the future, and from the past.
const FUTURE_MAX: i64 = 12 * 3600;
const PAST_MAX: i64 = 4 * 86_400;

#[rustfmt::skip]
const FREEMAIL: &[&str] = &[
    "yahoo.com", "hotmail.com", "aol.com", "msn.com", "gmail.com", "outlook.com", "excite.com", "lycos.com",
    "mail.com", "netscape.net", "juno.com", "eudoramail.com", "usa.net", "yahoo.co.uk", "gmx.net", "gmx.de", "web.de",
    "mail.ru", "yandex.ru", "qq.com", "163.com", "126.com", "proton.me", "protonmail.com", "rediffmail.com",
    "indiatimes.com", "email.com", "altavista.com", "bigfoot.com", "netzero.net", "caramail.com", "libero.it",
    "tiscali.co.uk", "zwallet.com",
];

/// Names of programs, as their mailers write them.
#[rustfmt::skip]
const BULK_MAILERS: &[&str] = &[
    "mailking", "massmail", "mass mail", "emailer platinum", "group mail", "groupmail", "stealth", "bulk", "diffondi",
    "extractor", "floodgate", "ready-to-send", "super mailer", "supermailer", "jixing", "foxmail 4.1",
    "advanced mass", "dispatch", "aureate", "blaster", "the bat! (3.0", "mailworkz", "powerc", "prospect",
    "e-mail sender", "mmailer", "achi-kochi", "everyware", "direct email", "smartmailer", "worldmerge", "dynamailer",
    "innovyx", "unity mailer",
];

pub(super) fn find(mail: &Mail, now: u64, found: &mut Found) {
    missing(mail, found);
    date(mail, now, found);
    message_id(mail, found);
    sender(mail, found);
    subject(mail, found);
    mailer(mail, found);
}

fn missing(mail: &Mail, found: &mut Found) {
    for (key, symbol) in [("date", MISSING_DATE), ("from", MISSING_FROM), ("message-id", MISSING_MESSAGE_ID)] {
        found.add_if(!mail.has(key), symbol);
    }
    found.add_if(mail.subject.trim().is_empty(), MISSING_SUBJECT);
    match mail.value("to") {
        None => found.add_if(!mail.has("cc") && !mail.has("list-id"), MISSING_TO),
        Some(to) => found.add_if(!to.contains('@') && !mail.has("cc"), TO_UNDISCLOSED),
    }
}

/// The clock of the newest trace field counts, so that old mail that is moved does not look old; the server's where
/// there is none.
fn date(mail: &Mail, now: u64, found: &mut Found) {
    let Some(value) = mail.value("date") else { return };
    let Some(written) = date::parse(value) else { return found.add(DATE_INVALID) };
    let newest = mail.hops.iter().find_map(|hop| hop.date);
    let now = newest.unwrap_or(i64::try_from(now / 1000).unwrap_or(i64::MAX));
    let late = written.saturating_sub(now);
    found.add_if(late > FUTURE_MAX, DATE_FUTURE);
    found.add_if(late < -PAST_MAX, DATE_PAST);
}

fn message_id(mail: &Mail, found: &mut Found) {
    let Some(value) = mail.value("message-id") else { return };
    let value = value.trim();
    let inner = value.strip_prefix('<').and_then(|value| value.strip_suffix('>'));
    let Some((local, host)) = inner.and_then(|inner| inner.rsplit_once('@')) else {
        return found.add(MESSAGE_ID_INVALID);
    };
    found.add_if(local.is_empty() || host.is_empty() || host.contains(' '), MESSAGE_ID_INVALID);
    // `000048dd5dd2$00004b1e$000019a1@`: a generator without a clock.
    let groups: Vec<&str> = local.split('$').collect();
    let padded = groups.iter().filter(|group| group.starts_with("0000") && group.len() >= 8).count();
    let all_hex = |text: &str| text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let odd_length = matches!(groups.as_slice(), [first, ..] if groups.len() == 3 && groups.iter().all(|group| all_hex(group)) && !matches!(first.len(), 12 | 13));
    found.add_if(padded >= 2 || odd_length, MESSAGE_ID_SPAMWARE);
}

fn sender(mail: &Mail, found: &mut Found) {
    if !mail.has("from") {
        return;
    }
    let (name, address) = split_address(&mail.from);
    let Some((local, domain)) = address.rsplit_once('@') else { return found.add(FROM_INVALID) };
    found.add_if(local.is_empty() || !domain.contains('.') && domain != "localhost", FROM_INVALID);
    let digits = local.bytes().filter(u8::is_ascii_digit).count();
    found.add_if(digits >= 4 && digits < local.len() && !local.contains(['-', '+', '=']), FROM_DIGITS);
    if let Some(to) = mail.value("to") {
        found.add_if(split_address(to).1.eq_ignore_ascii_case(address), FROM_IS_TO);
    }
    let domain = domain.to_ascii_lowercase();
    if let Some((_, claimed)) = name.rsplit_once('@') {
        let claimed = claimed.to_ascii_lowercase();
        let claimed =
            claimed.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))).next().unwrap_or_default();
        found.add_if(claimed.contains('.') && registered(claimed) != registered(&domain), FROM_NAME_ADDRESS);
    }
    if let Some(reply) = mail.value("reply-to").and_then(|value| split_address(value).1.rsplit_once('@')) {
        let reply = reply.1.to_ascii_lowercase();
        found.add_if(reply != domain && FREEMAIL.contains(&reply.as_str()) && !mail.has("list-id"), REPLY_TO_FREEMAIL);
    }
}

fn subject(mail: &Mail, found: &mut Found) {
    let raw = mail.value("subject").unwrap_or_default();
    let subject = mail.subject.trim();
    let capitals = subject.chars().filter(|c| c.is_uppercase()).count();
    let small = subject.chars().filter(|c| c.is_lowercase()).count();
    found.add_if(capitals >= 10 && small * 4 < capitals && subject.contains(' '), SUBJECT_SHOUTS);
    found.add_if(["!!", "?!", "!?", "$$", "??!"].iter().any(|marks| subject.contains(marks)), SUBJECT_MARKS);
    found.add_if(super::text::gappy_runs(subject) > 0, SUBJECT_GAPPY);
    let far = ["     ", "\t", " \u{a0} "]
        .iter()
        .filter_map(|gap| subject.rsplit_once(gap))
        .map(|(_, tail)| tail.trim())
        .next();
    found.add_if(far.is_some_and(|tail| (3..=24).contains(&tail.len()) && !tail.contains(' ')), SUBJECT_SERIAL);
    let plain = subject.trim_start_matches(['[', '(', '*', ' ']).to_ascii_uppercase();
    found.add_if(
        ["ADV:", "ADV ", "ADV-", "ADV.", "ADV]", "ADLT", "ADV/"].iter().any(|start| plain.starts_with(start)),
        SUBJECT_ADVERT,
    );
    let replies = subject.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("re:"));
    let threads = mail.has("in-reply-to") || mail.has("references") || mail.has("thread-index");
    found.add_if(replies && !threads, SUBJECT_FAKE_REPLY);
    let raw_8bit = mail.fields.iter().any(|field| field.raw_8bit && matches!(field.key.as_str(), "subject" | "from"));
    // With SMTPUTF8, UTF-8 stands there as it is.
    found.add_if(raw_8bit && (raw.contains('\u{fffd}') || mail.from.contains('\u{fffd}')), HEADER_8BIT);
}

fn mailer(mail: &Mail, found: &mut Found) {
    let mailer = mail.value("x-mailer").unwrap_or_default();
    let lower = mailer.to_ascii_lowercase();
    let bulk = BULK_MAILERS.iter().find(|name| lower.contains(**name));
    if let Some(name) = bulk {
        found.with(MAILER_BULK, Some((*name).to_owned()));
    }
    // Outlook Express and its kin always name their MIME library, and their ids have three groups.
    let outlook = lower.starts_with("microsoft outlook express") || lower.starts_with("microsoft outlook, build 10");
    let listed = mail.has("list-id") || mail.has("x-beenthere") || mail.has("mailing-list");
    found.add_if(outlook && !mail.has("x-mimeole") && !listed, MAILER_FORGED);
    found
        .add_if(mail.has("x-msmail-priority") && !mail.has("x-mimeole") && mailer.is_empty() && !listed, MAILER_FORGED);
    let urgent: [(&str, &[&str]); 3] =
        [("x-priority", &["1", "2"]), ("importance", &["high"]), ("priority", &["urgent"])];
    let is_urgent = urgent.iter().any(|(key, values)| {
        let value = mail.value(key).unwrap_or_default().trim().to_ascii_lowercase();
        values.iter().any(|urgent| value.starts_with(urgent))
    });
    found.add_if(is_urgent, Symbol::PRIORITY_HIGH);
}

pub(crate) fn is_freemail(domain: &str) -> bool {
    FREEMAIL.contains(&domain)
}
