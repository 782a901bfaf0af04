//! Whom local users write to: an answer from there is wanted. An entry belongs to one local user and one
//! correspondent, and ends some time after the last message to them.

use postwarden_filter::{AuthenticationResult, Session, Transaction, call, state, telemetry};

use crate::list::Envelope;
use crate::names::fold;

/// A message to more is a circular and no correspondence: none of its recipients is remembered.
const CORRESPONDENTS_MAX: usize = 20;
/// Bytes of both addresses: what a key of the store may have.
const KEY_BYTES_MAX: usize = 500;
/// Recipients of one message that are looked up.
const LOOKED_UP_MAX: usize = 1000;
/// An entry is written again when this part of its life is over: daily correspondence costs no daily write.
const RENEWED_AFTER: u64 = 10;

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

#[derive(Debug)]
pub(crate) struct Remembered {
    /// Of an entry, in milliseconds.
    pub(crate) life: u64,
}

impl Remembered {
    /// Whether each of these local recipients has written to this sender. Says no where the sender has to be doubted.
    pub(crate) fn wants(&self, envelope: &Envelope, transaction: &Transaction, recipients: &[String]) -> bool {
        if envelope.authorised || envelope.sender_is_local || recipients.is_empty() || recipients.len() > LOOKED_UP_MAX
        {
            return false;
        }
        let keys: Option<Vec<String>> = recipients.iter().map(|local| key(local, &envelope.sender)).collect();
        let Some(keys) = keys else { return false };
        if is_doubtful(&transaction.get_authentication_results()) {
            return false;
        }
        let found = state::Bucket::open("").and_then(|bucket| bucket.get_many(&keys));
        found.is_ok_and(|found| found.iter().all(Option::is_some))
    }

    /// After a message has left: only one of a local sender who is authorised counts.
    pub(crate) fn note(&self, session: &Session, transaction: &Transaction) {
        let envelope = Envelope::of(session, transaction);
        if !envelope.authorised || !envelope.sender_is_local {
            return;
        }
        let most = u32::try_from(CORRESPONDENTS_MAX).unwrap_or(u32::MAX).saturating_add(1);
        let recipients = transaction.list_recipients(0, most);
        if recipients.len() > CORRESPONDENTS_MAX {
            return;
        }
        let correspondents = recipients.into_iter().map(|recipient| fold(recipient.address));
        let strangers = correspondents.filter(|remote| !is_local(transaction, remote));
        let keys: Vec<String> = strangers.filter_map(|remote| key(&envelope.sender, &remote)).collect();
        if let Err(error) = self.keep(&keys) {
            let fields = [("error".to_owned(), format!("{error:?}"))];
            telemetry::log(telemetry::Level::Warn, "correspondents are not remembered", &fields);
        }
    }

    fn keep(&self, keys: &[String]) -> Result<(), state::Error> {
        let bucket = state::Bucket::open("")?;
        let now = call::get_time();
        let known = bucket.get_many(keys)?;
        for (key, known) in keys.iter().zip(known) {
            let written = known.and_then(|value| Some(u64::from_le_bytes(value.try_into().ok()?)));
            if written.is_some_and(|written| now.saturating_sub(written) < self.life / RENEWED_AFTER) {
                continue;
            }
            bucket.set(key, &now.to_le_bytes(), Some(self.life.saturating_mul(NANOSECONDS_PER_MILLISECOND)))?;
            telemetry::add_to_counter("remembered", 1);
        }
        Ok(())
    }
}

/// None for what could be read in two ways, and for the null sender.
fn key(local: &str, remote: &str) -> Option<String> {
    let odd = |address: &str| !address.contains('@') || address.contains(|c: char| c == '"' || c.is_whitespace());
    let fits = local.len().saturating_add(remote.len()) <= KEY_BYTES_MAX;
    (fits && !odd(local) && !odd(remote)).then(|| format!("{local} {remote}"))
}

/// Of this server: an answer from there proves itself or is none.
fn is_local(transaction: &Transaction, address: &str) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    transaction.get_attribute(&format!("domain.local:{domain}")).as_deref() == Some("true")
}

/// Who wrote this is not who it says: anybody can name a correspondent as the sender.
fn is_doubtful(results: &[AuthenticationResult]) -> bool {
    let says = |method: &str, outcomes: &[&str]| {
        results.iter().any(|result| result.method == method && outcomes.contains(&result.outcome.as_str()))
    };
    says("spf", &["fail", "softfail"])
        || says("dmarc", &["fail"])
        || (says("dkim", &["fail"]) && !says("dkim", &["pass"]))
}
