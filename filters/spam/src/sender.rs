//! What is known of the sender besides the message: the server's findings about its authenticity, and its reputation.

use postwarden_filter::state::Bucket;
use postwarden_filter::{Session, Transaction};

use crate::mail::Mail;
use crate::reputation::Sender;
use crate::rules::Found;
use crate::settings::Reputation;
use crate::symbols::Points;
use crate::symbols::Symbol::*;
use crate::tokens::split_address;
use crate::verdict::Verdict;
use crate::{BUCKET, NOTE};

/// SPF, DKIM and DMARC. DMARC alone knows whether they speak of the domain that a reader sees.
pub(crate) fn authentication(transaction: &Transaction) -> Found {
    let mut found = Found::default();
    for result in transaction.get_authentication_results() {
        match (result.method.as_str(), result.outcome.as_str()) {
            ("spf", "fail") => found.add(SPF_FAIL),
            ("spf", "softfail") => found.add(SPF_SOFTFAIL),
            ("dkim", "fail") => found.add(DKIM_INVALID),
            ("dmarc", "fail") => found.add(DMARC_FAIL),
            ("dmarc", "pass") => found.add(DMARC_PASS),
            _ => {}
        }
    }
    found
}

/// Adds what earlier mail of this sender says, and notes what this one will say.
pub(crate) fn reputation(
    session: &Session,
    settings: &Reputation,
    points: &Points,
    mail: &Mail,
    verdict: &mut Verdict,
) {
    if !settings.enabled {
        return;
    }
    let sender = sender(mail);
    let counter = sender.as_ref().and_then(|sender| sender.counter(verdict.sum())).unwrap_or_default();
    // Also an empty one: the note of the message before must not count twice. Where there is no room for it, nothing is
    // counted and nothing else changes.
    let _ = session.set_note(NOTE, counter.as_bytes());
    let Some(sender) = sender else { return };
    let standing = Bucket::open(BUCKET).and_then(|bucket| sender.standing(&bucket, settings));
    if let Ok(Some((symbol, detail))) = standing {
        verdict.add(symbol, points.of(symbol), Some(detail));
    }
}

fn sender(mail: &Mail) -> Option<Sender> {
    let client = mail.entry()?.address?;
    let (_, domain) = split_address(&mail.from).1.rsplit_once('@')?;
    Some(Sender::new(client, domain))
}

/// After the reply: one more of that kind.
pub(crate) fn count(counter: &[u8], settings: &Reputation) {
    let Some(key) = std::str::from_utf8(counter).ok().filter(|key| !key.is_empty()) else { return };
    if let Ok(bucket) = Bucket::open(BUCKET) {
        // A message that is not counted is one among many.
        let _ = bucket.increment(key, 1, Some(settings.keep.nanoseconds()));
    }
}
