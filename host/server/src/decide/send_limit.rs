//! Row 17: how many messages and bytes an account and its domain may send to foreign domains within a
//! time. The time begins with the first message counted; a message counts once, however many foreign
//! recipients it has. Refused at RCPT once a limit is used up; counted when the message is taken. With
//! `exceeded = "hold"` the message is taken instead, and held. The first time in a window is told to the operator.

use std::sync::atomic::Ordering;

use postwarden_smtp::Refusal;
use postwarden_store::{HistoryRecord, Timestamp};

use super::asked::Asked;
use super::{Check, lookup_failed};
use crate::config::{LimitExceeded, SendLimit};

const BUCKET: &str = "send-limit";
/// Counts how often a limit was met within its time: only the first is news.
const ALERTS: &str = "send-limit-alerts";

/// One counter and its limit.
struct Meter {
    key: String,
    limit: u64,
    /// What this message adds.
    adds: u64,
}

/// The meters of the login that have a limit, and how long they count.
struct Meters {
    account: String,
    meters: Vec<Meter>,
    expires: Timestamp,
    exceeded: LimitExceeded,
}

/// What was counted for a message, to be taken back if it is not stored after all.
#[derive(Default)]
pub(super) struct Counted {
    adds: Vec<(String, i64)>,
    /// Why the message is held.
    pub(super) over: Option<String>,
}

/// Whether one more message may be sent; `size` is the declared one, or 0.
pub(super) async fn check(asked: &Asked<'_>, size: u64) -> Check {
    let Some(limits) = meters(asked, size).await? else { return Ok(()) };
    if limits.exceeded == LimitExceeded::Hold {
        return Ok(());
    }
    let reads: Vec<(String, i64)> = limits.meters.iter().map(|meter| (meter.key.clone(), 0)).collect();
    let used = asked.node.store.increment_many(BUCKET, &reads, None, asked.now).await.map_err(lookup_failed)?;
    match limits.exceeded_by(&used) {
        None => Ok(()),
        Some(limit) => {
            alert(asked, &limits, &limit).await;
            Err(Refusal::RelayLimits)
        }
    }
}

/// Counts a message. Atomic over all sessions and nodes: of two that come at once, one is refused or held.
pub(super) async fn count(asked: &Asked<'_>, size: u64) -> Result<Counted, Refusal> {
    let Some(limits) = meters(asked, size).await? else { return Ok(Counted::default()) };
    let adds: Vec<(String, i64)> = limits.meters.iter().map(|meter| (meter.key.clone(), signed(meter.adds))).collect();
    let expires = Some(limits.expires);
    let sums = asked.node.store.increment_many(BUCKET, &adds, expires, asked.now).await.map_err(lookup_failed)?;
    let used: Vec<i64> = sums.iter().zip(&adds).map(|(sum, (_, add))| sum.saturating_sub(*add)).collect();
    let counted = Counted { adds, over: None };
    let Some(limit) = limits.exceeded_by(&used) else { return Ok(counted) };
    // What is not sent does not count.
    take_back(asked, counted).await;
    alert(asked, &limits, &limit).await;
    match limits.exceeded {
        LimitExceeded::Refuse => Err(Refusal::RelayLimits),
        LimitExceeded::Hold => Ok(Counted { adds: Vec::new(), over: Some(format!("send limit: {limit}")) }),
    }
}

/// Counted each time; log and history once in the time a limit counts.
async fn alert(asked: &Asked<'_>, limits: &Meters, limit: &str) {
    asked.node.decisions.send_limits.fetch_add(1, Ordering::Relaxed);
    let account = limits.account.as_str();
    let expires = Some(limits.expires);
    match asked.node.store.increment(ALERTS, account, 1, expires, asked.now).await {
        Ok(1) => {}
        Ok(_) => return,
        Err(error) => tracing::warn!(%error, "cannot see whether a send limit was told of before"),
    }
    tracing::warn!(target: "alert", account, limit, client = %asked.client(), "an account has used up its send limit");
    let record = HistoryRecord {
        time: asked.now,
        id: asked.transaction.map(|transaction| transaction.id.clone()).unwrap_or_default(),
        event: "send-limit".to_owned(),
        client: asked.client().to_string(),
        sender: account.to_owned(),
        detail: format!("{account} has used up its send limit: {limit}"),
        ..HistoryRecord::default()
    };
    if let Err(error) = asked.node.store.note(record).await {
        tracing::warn!(%error, account, "the history misses a used up send limit");
    }
}

/// The message was not taken.
pub(super) async fn take_back(asked: &Asked<'_>, counted: Counted) {
    if counted.adds.is_empty() {
        return;
    }
    let back: Vec<(String, i64)> = counted.adds.into_iter().map(|(key, add)| (key, add.saturating_neg())).collect();
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
    let expires = asked.now.saturating_add(within);
    Ok(Some(Meters { account: account.address.clone(), meters, expires, exceeded: limit.exceeded }))
}

impl Meters {
    /// The first limit that is used up, or that this message would pass.
    fn exceeded_by(&self, used: &[i64]) -> Option<String> {
        let fits = |meter: &Meter, used: i64| {
            let used = u64::try_from(used).unwrap_or(0);
            used < meter.limit && used.saturating_add(meter.adds) <= meter.limit
        };
        let (meter, _) = self.meters.iter().zip(used).find(|(meter, used)| !fits(meter, **used))?;
        Some(format!("{} of {}", meter.limit, meter.key))
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
