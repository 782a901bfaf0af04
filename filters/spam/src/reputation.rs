//! What became of earlier mail of a sender: its domain together with the client's network, so that nobody lives on
//! another's good name. Counted after the reply, by the score without reputation, so that it cannot feed on itself.

use postwarden_filter::state::{Bucket, Error};
use std::net::IpAddr;

use crate::greylist::network;
use crate::hash::token;
use crate::settings::Reputation;
use crate::symbols::Symbol;

/// Scores up to here count as wanted, from there as spam; between them nothing is counted.
const GOOD_MAX: f64 = 2.0;
const BAD_MIN: f64 = 8.0;
/// One class must be so many times the other.
const MAJORITY: u64 = 9;

/// The two counters of a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    good: String,
    bad: String,
}

impl Sender {
    pub(crate) fn new(client: IpAddr, domain: &str) -> Self {
        let sender = token(&network(client), &domain.to_ascii_lowercase());
        let id = format!("{:08x}{:08x}", sender.bits(32), sender.and(sender).bits(32));
        Self { good: format!("rg/{id}"), bad: format!("rb/{id}") }
    }

    pub(crate) fn standing(&self, bucket: &Bucket, settings: &Reputation) -> Result<Option<(Symbol, String)>, Error> {
        let values = bucket.get_many(&[self.good.clone(), self.bad.clone()])?;
        let number = |value: &Option<Vec<u8>>| std::str::from_utf8(value.as_deref()?).ok()?.parse::<u64>().ok();
        let mut counts = values.iter().map(|value| number(value).unwrap_or(0));
        let (good, bad) = (counts.next().unwrap_or(0), counts.next().unwrap_or(0));
        let told = format!("{good} wanted, {bad} spam");
        if good.saturating_add(bad) < u64::from(settings.min_messages) {
            return Ok(None);
        }
        Ok(if good >= bad.saturating_mul(MAJORITY) {
            Some((Symbol::SENDER_GOOD, told))
        } else if bad >= good.saturating_mul(MAJORITY) {
            Some((Symbol::SENDER_BAD, told))
        } else {
            None
        })
    }

    /// The counter that a message of this score adds to.
    pub(crate) fn counter(&self, score: f64) -> Option<&str> {
        if score <= GOOD_MAX {
            Some(&self.good)
        } else if score >= BAD_MIN {
            Some(&self.bad)
        } else {
            None
        }
    }
}
