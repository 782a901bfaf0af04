//! MTA-STS (RFC 8461): what a domain says about TLS with its exchangers. The policy is fetched when its record
//! names a new one, and kept in the store for as long as it says: then it also holds while the DNS or the
//! policy's host is out of reach.

mod fetch;
mod policy;

use std::net::SocketAddr;
use std::time::Duration;

use moka::sync::Cache;
use postwarden_store::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) use policy::{Mode, Policy};

use crate::config::Config;
use crate::dns::Dns;
use crate::node::Node;

/// In the store's small state.
const BUCKET: &str = "mta-sts";
/// After a failed fetch a domain's host is left alone so long.
const FETCH_AGAIN: Duration = Duration::from_secs(5 * 60);
const FAILED_MAX: u64 = 10_000;
/// Addresses of a policy's host that are tried.
const ADDRESSES_MAX: usize = 4;

#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    text: String,
}

pub(super) struct Sts {
    /// Domains whose policy could not be had lately.
    failed: Cache<String, ()>,
}

impl Sts {
    pub(super) fn new() -> Self {
        Self { failed: Cache::builder().max_capacity(FAILED_MAX).time_to_live(FETCH_AGAIN).build() }
    }

    /// The policy that holds for the domain; none if there is none, or none that could ever be had.
    pub(super) async fn policy(&self, node: &Node, dns: &Dns, config: &Config, domain: &str) -> Option<Policy> {
        let now = node.now();
        let kept = kept(node, domain, now).await;
        let named = dns.texts(&format!("_mta-sts.{domain}")).await.ok().and_then(|records| policy::record_id(&records));
        let (kept_id, kept_policy) = kept.map_or((None, None), |(id, policy)| (Some(id), Some(policy)));
        // No record, or no answer: what was kept holds to its end.
        let Some(id) = named.filter(|id| Some(id) != kept_id.as_ref()) else { return kept_policy };
        if self.failed.contains_key(domain) {
            return kept_policy;
        }
        match self.fetch(dns, config, domain).await {
            Ok((text, policy)) => {
                keep(node, domain, &Kept { id, text }, now.saturating_add(millis(policy.max_age))).await;
                Some(policy)
            }
            Err(error) => {
                tracing::warn!(target: "delivery", domain, %error, "the MTA-STS policy cannot be had");
                self.failed.insert(domain.to_owned(), ());
                kept_policy
            }
        }
    }

    async fn fetch(&self, dns: &Dns, config: &Config, domain: &str) -> std::io::Result<(String, Policy)> {
        let host = format!("mta-sts.{domain}");
        let addresses = dns.addresses(&host).await.map_err(std::io::Error::other)?;
        let refused = |address: &std::net::IpAddr| config.delivery.mx_refused.iter().any(|net| net.contains(*address));
        let addresses: Vec<_> = addresses
            .into_iter()
            .filter(|address| !refused(address))
            .take(ADDRESSES_MAX)
            .map(|address| SocketAddr::new(address, config.delivery.policy_port))
            .collect();
        let text = fetch::fetch(domain, &addresses).await?;
        let policy = Policy::parse(&text).map_err(std::io::Error::other)?;
        Ok((text, policy))
    }
}

async fn kept(node: &Node, domain: &str, now: Timestamp) -> Option<(String, Policy)> {
    let found = node.store.get_many(BUCKET, &[domain.to_owned()], now).await;
    let value =
        found.inspect_err(|error| tracing::warn!(target: "delivery", %error, "a kept MTA-STS policy cannot be read"));
    let kept: Kept = serde_json::from_slice(&value.ok()?.pop()??).ok()?;
    Some((kept.id, Policy::parse(&kept.text).ok()?))
}

async fn keep(node: &Node, domain: &str, kept: &Kept, until: Timestamp) {
    let Ok(value) = serde_json::to_vec(kept) else { return };
    if let Err(error) = node.store.set(BUCKET, domain, &value, Some(until)).await {
        tracing::warn!(target: "delivery", %error, "an MTA-STS policy cannot be kept; it holds for this delivery only");
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
