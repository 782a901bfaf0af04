//! Row 17: how many messages and bytes an account and its domain may send to foreign domains within a
//! time. The time begins with the first message counted; a message counts once, however many foreign
//! recipients it has. Refused at RCPT once a limit is used up; counted when the message is taken.

use postwarden_smtp::Refusal;
use postwarden_store::Timestamp;

use super::asked::Asked;
use super::{Check, lookup_failed};
use crate::config::SendLimit;

const BUCKET: &str = "send-limit";

/// One counter and its limit.
struct Meter {
    key: String,
    limit: u64,
    /// What this message adds.
    adds: u64,
}

/// The meters of the login that have a limit, and how long they count.
struct Meters {
    meters: Vec<Meter>,
    expires: Timestamp,
}

/// What was counted for a message, to be taken back if it is not stored after all.
#[derive(Default)]
pub(super) struct Counted(Vec<(String, i64)>);

/// Whether one more message may be sent; `size` is the declared one, or 0.
pub(super) async fn check(asked: &Asked<'_>, size: u64) -> Check {
    let Some(Meters { meters, .. }) = meters(asked, size).await? else { return Ok(()) };
    let reads: Vec<(String, i64)> = meters.iter().map(|meter| (meter.key.clone(), 0)).collect();
    let used = asked.node.store.increment_many(BUCKET, &reads, None, asked.now).await.map_err(lookup_failed)?;
    within(&meters, &used)
}

/// Counts a message. Atomic over all sessions and nodes: of two that come at once, one is refused.
pub(super) async fn count(asked: &Asked<'_>, size: u64) -> Result<Counted, Refusal> {
    let Some(Meters { meters, expires }) = meters(asked, size).await? else { return Ok(Counted::default()) };
    let adds: Vec<(String, i64)> = meters.iter().map(|meter| (meter.key.clone(), signed(meter.adds))).collect();
    let sums = asked.node.store.increment_many(BUCKET, &adds, Some(expires), asked.now).await.map_err(lookup_failed)?;
    let used: Vec<i64> = sums.iter().zip(&adds).map(|(sum, (_, add))| sum.saturating_sub(*add)).collect();
    let counted = Counted(adds);
    match within(&meters, &used) {
        Ok(()) => Ok(counted),
        Err(refusal) => {
            take_back(asked, counted).await;
            Err(refusal)
        }
    }
}

/// The message was not taken.
pub(super) async fn take_back(asked: &Asked<'_>, counted: Counted) {
    if counted.0.is_empty() {
        return;
    }
    let back: Vec<(String, i64)> = counted.0.into_iter().map(|(key, add)| (key, add.saturating_neg())).collect();
    if let Err(error) = asked.node.store.increment_many(BUCKET, &back, None, asked.now).await {
        tracing::warn!(%error, "a message that was not taken stays counted in its sender's send limit");
    }
}

async fn meters(asked: &Asked<'_>, size: u64) -> Result<Option<Meters>, Refusal> {
    let Some(account) = asked.login_account().await? else { return Ok(None) };
    let (domain, limit) = match asked.domain_of(&account.address) {
        Some((name, domain)) => (name, domain.send_limit.clone()),
        None => ("", SendLimit::default()),
    };
    let of_account = (account.address.as_str(), account.send_limit_messages, account.send_limit_bytes);
    let of_domain = (domain, limit.messages, limit.bytes);
    let mut meters = Vec::new();
    for (kind, (name, messages, bytes)) in [("account", of_account), ("domain", of_domain)] {
        for (unit, limit, adds) in [("messages", messages, 1), ("bytes", bytes, size)] {
            if limit != 0 {
                meters.push(Meter { key: format!("{kind}/{name}/{unit}"), limit, adds });
            }
        }
    }
    if meters.is_empty() {
        return Ok(None);
    }
    let within = Timestamp::try_from(limit.within.as_millis()).unwrap_or(Timestamp::MAX);
    Ok(Some(Meters { meters, expires: asked.now.saturating_add(within) }))
}

/// Row 17 once something is used up, or where this message would be more than the whole limit leaves.
fn within(meters: &[Meter], used: &[i64]) -> Check {
    let fits = |meter: &Meter, used: i64| {
        let used = u64::try_from(used).unwrap_or(0);
        used < meter.limit && used.saturating_add(meter.adds) <= meter.limit
    };
    if meters.iter().zip(used).all(|(meter, used)| fits(meter, *used)) { Ok(()) } else { Err(Refusal::RelayLimits) }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
