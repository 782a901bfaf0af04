//! Greylisting: an envelope from a network that is not known yet is asked to come back later (RFC 6647). All that it
//! remembers expires.

use std::net::IpAddr;

use postwarden_filter::state::{Bucket, Error};

use crate::hash::token;
use crate::settings::Greylist;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Known,
    /// Seconds that are left.
    MustWait(u64),
}

/// `now` in milliseconds.
pub(crate) fn check(
    bucket: &Bucket,
    settings: &Greylist,
    client: IpAddr,
    sender: &str,
    recipient: &str,
    now: u64,
) -> Result<Standing, Error> {
    let network = network(client);
    let trusted = format!("gn/{network}");
    let envelope = token(&network, &sender.to_ascii_lowercase()).and(token("", &recipient.to_ascii_lowercase()));
    let key = format!("g/{:08x}{:08x}", envelope.bits(32), envelope.and(envelope).bits(32));
    let values = bucket.get_many(&[trusted.clone(), key.clone()])?;
    let [count, first] = values.as_slice() else { return Ok(Standing::Known) };
    let number = |value: &Option<Vec<u8>>| std::str::from_utf8(value.as_deref()?).ok()?.parse::<u64>().ok();
    if settings.trust_after > 0 && number(count).is_some_and(|count| count >= u64::from(settings.trust_after)) {
        return Ok(Standing::Known);
    }
    match number(first) {
        // It came back before.
        Some(0) => Ok(Standing::Known),
        Some(first) => {
            let left = first.saturating_add(settings.delay.milliseconds()).saturating_sub(now);
            if left > 0 {
                return Ok(Standing::MustWait(left.div_ceil(1000)));
            }
            bucket.set(&key, b"0", Some(settings.keep.nanoseconds()))?;
            bucket.increment(&trusted, 1, Some(settings.keep.nanoseconds()))?;
            Ok(Standing::Known)
        }
        None => {
            bucket.set(&key, now.to_string().as_bytes(), Some(settings.retry_within.nanoseconds()))?;
            Ok(Standing::MustWait(settings.delay.milliseconds() / 1000))
        }
    }
}

/// Large senders come back from a neighbour: the /24 or the /64 counts.
pub(crate) fn network(client: IpAddr) -> String {
    match client {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}")
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}
