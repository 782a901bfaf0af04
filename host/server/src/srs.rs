//! Senders of forwarded mail, rewritten so that SPF of the next hop finds this server, and so that bounces find the
//! way back (SRS). A pure function of address, key and day. The key lies in the store: all nodes of it agree.
//!
//! `SRS0=hash=day=domain=local@ours` leads back to `local@domain`; `SRS1=hash=first==rest@ours` to the `SRS0` of the
//! first forwarder. Local parts lose their case on some ways, so hash and day are compared without regard to it.

use hmac::{Hmac, KeyInit, Mac};
use postwarden_store::{Store, Timestamp};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const BUCKET: &str = "srs";
const KEY: &str = "key";
const KEY_BYTES: usize = 32;

/// A bounce comes back within this time, or nowhere.
const DAYS_MAX: u16 = 21;

const DAY_MS: i64 = 24 * 3600 * 1000;
/// Days are counted modulo this: two letters.
const DAYS: i64 = 1024;
/// Letters of the hash: 40 bits.
const HASH_LETTERS: usize = 8;
/// What any server takes as local part; RFC 5321 asks for 64, rewritten senders are longer everywhere.
const LOCAL_BYTES_MAX: usize = 200;

const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

pub struct Srs {
    key: [u8; KEY_BYTES],
}

/// Why such an address leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    Malformed,
    /// Not made here, or changed since.
    Forged,
    Expired,
}

impl Srs {
    /// With the store's key, which is made when first asked for.
    pub async fn load(store: &dyn Store, now: Timestamp) -> postwarden_store::Result<Self> {
        let fresh: [u8; KEY_BYTES] = rand::random();
        // Of nodes that start at once, one wins.
        store.compare_and_set(BUCKET, KEY, None, &fresh, None, now).await?;
        let found = store.get_many(BUCKET, &[KEY.to_owned()], now).await?.into_iter().next().flatten();
        match found.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok()) {
            Some(key) => Ok(Self { key }),
            None => Err(postwarden_store::Error::Damaged("the key of rewritten senders has another size".to_owned())),
        }
    }

    #[cfg(test)]
    pub(crate) fn with_key(key: [u8; KEY_BYTES]) -> Self {
        Self { key }
    }

    /// The sender under `domain`; none where it cannot be rewritten and stays as it is.
    pub fn rewrite(&self, sender: &str, domain: &str, now: Timestamp) -> Option<String> {
        let (local, from) = sender.rsplit_once('@')?;
        let quoted =
            local.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\\' | b'@' | b'<' | b'>'));
        if quoted || from.starts_with('[') || !from.is_ascii() {
            return None;
        }
        let rewritten = if let Some(rest) = tail(local, "SRS1=") {
            // Of a second forwarder: the first one stays named.
            let (_, rest) = rest.split_once('=')?;
            let (first, rest) = rest.split_once("==")?;
            format!("SRS1={}={first}=={rest}", self.hash(&[first, rest]))
        } else if let Some(rest) = tail(local, "SRS0=") {
            format!("SRS1={}={from}=={rest}", self.hash(&[from, rest]))
        } else {
            let day = letters(day(now));
            format!("SRS0={}={day}={from}={local}", self.hash(&[&day, from, local]))
        };
        (rewritten.len() <= LOCAL_BYTES_MAX).then(|| format!("{rewritten}@{domain}"))
    }

    /// Where mail to such a local part goes; none: it is none of these.
    pub fn reverse(&self, local: &str, now: Timestamp) -> Option<Result<String, Invalid>> {
        if let Some(rest) = tail(local, "SRS0=") {
            return Some(self.first(rest, now));
        }
        tail(local, "SRS1=").map(|rest| self.second(rest))
    }

    fn first(&self, rest: &str, now: Timestamp) -> Result<String, Invalid> {
        let mut parts = rest.splitn(4, '=');
        let (Some(hash), Some(stamp), Some(domain), Some(local)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Invalid::Malformed);
        };
        let stamp = stamp.to_ascii_lowercase();
        self.check(hash, &[&stamp, domain, local])?;
        let made = number(&stamp).ok_or(Invalid::Malformed)?;
        match (day(now) - made).rem_euclid(DAYS) {
            age if age <= i64::from(DAYS_MAX) => Ok(format!("{local}@{domain}")),
            _ => Err(Invalid::Expired),
        }
    }

    fn second(&self, rest: &str) -> Result<String, Invalid> {
        let (hash, rest) = rest.split_once('=').ok_or(Invalid::Malformed)?;
        let (first, rest) = rest.split_once("==").ok_or(Invalid::Malformed)?;
        self.check(hash, &[first, rest])?;
        Ok(format!("SRS0={rest}@{first}"))
    }

    fn check(&self, hash: &str, parts: &[&str]) -> Result<(), Invalid> {
        let right = self.hash(parts);
        let same: bool = right.as_bytes().ct_eq(hash.to_ascii_lowercase().as_bytes()).into();
        if same { Ok(()) } else { Err(Invalid::Forged) }
    }

    /// Over the parts in lower case, each with its length.
    fn hash(&self, parts: &[&str]) -> String {
        // A key of any size is one for HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return String::new() };
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.to_ascii_lowercase().as_bytes());
        }
        let bytes = mac.finalize().into_bytes();
        bytes.iter().take(HASH_LETTERS).map(|byte| letter(i64::from(*byte))).collect()
    }
}

fn tail<'l>(local: &'l str, start: &str) -> Option<&'l str> {
    let (head, rest) = local.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

fn day(now: Timestamp) -> i64 {
    now.div_euclid(DAY_MS).rem_euclid(DAYS)
}

fn letter(number: i64) -> char {
    let index = usize::try_from(number.rem_euclid(32)).unwrap_or(0);
    LETTERS.get(index).copied().map_or('a', char::from)
}

fn letters(day: i64) -> String {
    [letter(day / 32), letter(day)].iter().collect()
}

fn number(text: &str) -> Option<i64> {
    let value = |byte: u8| LETTERS.iter().position(|letter| *letter == byte).and_then(|at| i64::try_from(at).ok());
    match text.as_bytes() {
        [high, low] => Some(value(*high)? * 32 + value(*low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: Timestamp = 1_800_000_000_000;

    fn local(address: &str) -> &str {
        address.rsplit_once('@').unwrap().0
    }

    #[test]
    fn there_and_back() {
        let srs = Srs::with_key([7; 32]);
        let first = srs.rewrite("Bob.Builder+x=y@far.example", "example.com", NOW).unwrap();
        assert!(first.starts_with("SRS0=") && first.ends_with("=far.example=Bob.Builder+x=y@example.com"), "{first}");
        assert_eq!(srs.reverse(local(&first), NOW), Some(Ok("Bob.Builder+x=y@far.example".to_owned())));
        // Somebody on the way wrote it in lower case.
        let lower = local(&first).to_lowercase();
        assert_eq!(srs.reverse(&lower, NOW), Some(Ok("bob.builder+x=y@far.example".to_owned())));
    }

    #[test]
    fn a_second_and_a_third_forwarder() {
        let (a, b, c) = (Srs::with_key([1; 32]), Srs::with_key([2; 32]), Srs::with_key([3; 32]));
        let first = a.rewrite("bob@far.example", "a.example", NOW).unwrap();
        let second = b.rewrite(&first, "b.example", NOW).unwrap();
        let third = c.rewrite(&second, "c.example", NOW).unwrap();
        assert!(second.starts_with("SRS1=") && second.ends_with("@b.example"), "{second}");
        // A bounce goes from the last forwarder straight to the first, and from there home.
        assert_eq!(b.reverse(local(&second), NOW), Some(Ok(first.clone())));
        assert_eq!(c.reverse(local(&third), NOW), Some(Ok(first.clone())));
        assert_eq!(a.reverse(local(&first), NOW), Some(Ok("bob@far.example".to_owned())));
    }

    #[test]
    fn what_was_not_made_here_leads_nowhere() {
        let srs = Srs::with_key([7; 32]);
        let made = srs.rewrite("bob@far.example", "example.com", NOW).unwrap();
        let forged = local(&made).replace("far.example", "victim.example");
        assert_eq!(srs.reverse(&forged, NOW), Some(Err(Invalid::Forged)));
        assert_eq!(Srs::with_key([8; 32]).reverse(local(&made), NOW), Some(Err(Invalid::Forged)));
        for text in ["SRS0=", "SRS0=a", "SRS0=a=b=c", "SRS1=", "SRS1=a=b=c", "srs0===", "SRS0=====", "SRS1=x=="] {
            assert!(matches!(srs.reverse(text, NOW), Some(Err(_))), "{text}");
        }
        for text in ["bob", "SRS", "SRS0", "srs2=a=b", "", "ü"] {
            assert_eq!(srs.reverse(text, NOW), None, "{text}");
        }
    }

    #[test]
    fn bounces_are_awaited_for_some_days() {
        let srs = Srs::with_key([7; 32]);
        // Around the day where the count begins anew, too.
        for now in [NOW, DAY_MS * DAYS * 20 - 1, DAY_MS * DAYS * 20] {
            let made = srs.rewrite("bob@far.example", "example.com", now).unwrap();
            for (days, result) in
                [(0, true), (i64::from(DAYS_MAX), true), (i64::from(DAYS_MAX) + 1, false), (500, false)]
            {
                let found = srs.reverse(local(&made), now + days * DAY_MS).unwrap();
                assert_eq!(found.is_ok(), result, "{days} days");
            }
            // Made tomorrow: a clock was wrong, or it is a year old.
            assert_eq!(srs.reverse(local(&made), now - DAY_MS * 2), Some(Err(Invalid::Expired)));
        }
    }

    #[test]
    fn what_cannot_be_rewritten_stays() {
        let srs = Srs::with_key([7; 32]);
        let long = format!("{}@far.example", "x".repeat(250));
        for sender in
            ["", "nobody", "a b@far.example", "a\"b@far.example", "bob@[192.0.2.1]", &long, "SRS1=x@far.example"]
        {
            assert_eq!(srs.rewrite(sender, "example.com", NOW), None, "{sender}");
        }
    }
}
