//! Which hosts take the mail for a domain (RFC 5321 section 5.1): the DNS is asked, and what must not
//! be tried is left out. A fault of the DNS that may pass never makes a bounce.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use tokio::task::JoinSet;

use super::sts::{Mode, Policy, Sts};
use crate::config::{Config, Network};
use crate::deliver::verdict::{Said, Verdict};
use crate::dns::{Dns, Exchange, Temporary, Tlsa};
use crate::node::Node;

/// For all questions about one domain.
const LOOKUP: Duration = Duration::from_secs(30);
/// Exchangers whose addresses are asked for, the best first.
const EXCHANGERS_MAX: usize = 10;
/// Addresses of one exchanger that count.
const ADDRESSES_MAX: usize = 8;

/// A host that may take the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub preference: u16,
    pub name: String,
    pub addresses: Vec<IpAddr>,
    pub demand: Demand,
    /// Nobody on the way can have named this host instead of the true one: DNSSEC, MTA-STS, or no DNS at all.
    pub proven: bool,
}

/// What the domain, or the host itself, asks of TLS with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    Nothing,
    /// MTA-STS: a certificate for its name.
    Verified,
    /// DANE: one of these. It comes before MTA-STS (RFC 8461 section 2).
    Dane(Arc<[Tlsa]>),
}

/// What this server must not send to: itself, and where nobody else can be.
pub(super) struct Own {
    pub hostname: String,
    /// Where this server listens.
    pub listens: Vec<SocketAddr>,
    /// Of mail exchangers.
    pub port: u16,
    pub refused: Vec<Network>,
}

/// The hosts for a domain, in order of preference; or what its mail gets instead.
pub(super) async fn find(node: &Node, sts: &Sts, domain: &str) -> Result<Vec<Host>, Verdict> {
    let config = node.config.load_full();
    let own = Own {
        hostname: config.hostname.clone(),
        listens: node.listeners.addresses().await,
        port: config.delivery.port,
        refused: config.delivery.mx_refused.clone(),
    };
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address = literal_address(literal);
        let name = address.map_or_else(|| literal.to_owned(), |address| address.to_string());
        let found = Found { addresses: address.into_iter().collect(), demand: Demand::Nothing, proven: true };
        return choose(domain, vec![(0, name, Ok(found))], &own);
    }
    match tokio::time::timeout(LOOKUP, ask(node, sts, &config, domain, &own)).await {
        Ok(asked) => choose(domain, asked?, &own),
        Err(_) => Err(silent(domain, &Temporary("timeout".to_owned()))),
    }
}

async fn ask(node: &Node, sts: &Sts, config: &Config, domain: &str, own: &Own) -> Result<Vec<Asked>, Verdict> {
    let dns = node.dns.load_full();
    let failed = |error: Temporary| silent(domain, &error);
    let exchangers = match dns.exchange(domain).await.map_err(failed)? {
        Exchange::Hosts(hosts) => before_own(domain, hosts, &own.hostname)?,
        Exchange::Never => {
            let text = format!("{domain} takes no mail: its MX record says so");
            return Err(Verdict::Failed(Said::here("5.1.10", text)));
        }
        Exchange::NoSuchDomain => {
            return Err(Verdict::Failed(Said::here("5.1.2", format!("there is no domain {domain} in the DNS"))));
        }
    };
    // DANE counts only where nobody can have put other exchangers in.
    let dane = config.delivery.dane && dns.proves().await && dns.proves_exchange(domain).await.map_err(failed)?;
    let policy = match config.delivery.mta_sts {
        true => sts.policy(node, &dns, config, domain).await,
        false => None,
    };
    let exchangers = by_policy(domain, exchangers, policy.as_ref())?;
    let demand = match policy {
        Some(policy) if policy.mode == Mode::Enforce => Demand::Verified,
        _ => Demand::Nothing,
    };
    Ok(addresses(&dns, exchangers, &demand, dane.then_some(own.port)).await)
}

/// The exchangers that the policy names, where it is to be enforced.
fn by_policy(
    domain: &str,
    mut exchangers: Vec<(u16, String)>,
    policy: Option<&Policy>,
) -> Result<Vec<(u16, String)>, Verdict> {
    let Some(policy) = policy else { return Ok(exchangers) };
    match policy.mode {
        Mode::Enforce => exchangers.retain(|(_, host)| policy.names(host)),
        Mode::Testing => {
            for (_, host) in exchangers.iter().filter(|(_, host)| !policy.names(host)) {
                tracing::info!(target: "delivery", domain, host, "not named by the MTA-STS policy, which is on trial");
            }
        }
        Mode::None => {}
    }
    if exchangers.is_empty() {
        let text = format!("the MTA-STS policy of {domain} names none of its mail exchangers");
        return Err(Verdict::Deferred(Said::here("4.7.0", text)));
    }
    Ok(exchangers)
}

fn silent(domain: &str, error: &Temporary) -> Verdict {
    Verdict::Deferred(Said::here("4.4.3", format!("cannot find the mail exchangers of {domain}: {error}")))
}

fn looping(domain: &str, host: &str) -> Verdict {
    let text = format!(
        "mail for {domain} loops back to this server: the DNS names {host} as its mail exchanger, and the domain is not known here"
    );
    Verdict::Failed(Said::here("5.4.6", text))
}

/// `192.0.2.1` or `IPv6:2001:db8::1`, as between the brackets of an address literal.
fn literal_address(literal: &str) -> Option<IpAddr> {
    let v6 = literal.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:")).and_then(|_| literal.get(5..));
    v6.unwrap_or(literal).parse().ok()
}

/// The exchangers that are better than this server, the best first; equal ones in random order.
fn before_own(domain: &str, mut all: Vec<(u16, String)>, hostname: &str) -> Result<Vec<(u16, String)>, Verdict> {
    let own =
        all.iter().filter(|(_, host)| host.eq_ignore_ascii_case(hostname)).map(|(preference, _)| *preference).min();
    all.retain(|(preference, _)| own.is_none_or(|own| *preference < own));
    if all.is_empty() {
        return Err(looping(domain, hostname));
    }
    all.shuffle(&mut rand::rng());
    all.sort_by_key(|(preference, _)| *preference);
    all.truncate(EXCHANGERS_MAX);
    Ok(all)
}

/// What the DNS said about one exchanger.
struct Found {
    addresses: Vec<IpAddr>,
    demand: Demand,
    proven: bool,
}

type Asked = (u16, String, Result<Found, Temporary>);

/// Asks about all exchangers at once. `dane`: also for TLSA records of this port.
async fn addresses(dns: &Arc<Dns>, exchangers: Vec<(u16, String)>, demand: &Demand, dane: Option<u16>) -> Vec<Asked> {
    let mut asking = JoinSet::new();
    for (preference, name) in exchangers {
        let (dns, demand) = (Arc::clone(dns), demand.clone());
        asking.spawn(async move {
            let found = async {
                let addresses = dns.addresses(&name).await?;
                let records = match dane {
                    Some(port) if !addresses.is_empty() => dns.tlsa(&name, port).await?,
                    _ => None,
                };
                let proven = dane.is_some() || demand == Demand::Verified;
                let demand = records.map_or(demand, |records| Demand::Dane(records.into()));
                Ok(Found { addresses, demand, proven })
            };
            let found = found.await;
            (preference, name, found)
        });
    }
    let mut asked = asking.join_all().await;
    asked.sort_by_key(|(preference, ..)| *preference);
    asked
}

/// Leaves out this server, those not better than it, and what is refused.
fn choose(domain: &str, asked: Vec<Asked>, own: &Own) -> Result<Vec<Host>, Verdict> {
    let is_own =
        |(_, _, found): &&Asked| found.as_ref().is_ok_and(|found| found.addresses.iter().any(|one| own.is(*one)));
    let own_preference = asked.iter().filter(is_own).map(|(preference, ..)| *preference).min();
    let own_name = asked.iter().find(is_own).map(|(_, name, _)| name.clone());
    let (mut hosts, mut refused, mut silence) = (Vec::new(), None, None);
    for (preference, name, found) in asked {
        if own_preference.is_some_and(|own| preference >= own) {
            continue;
        }
        let Found { mut addresses, demand, proven } = match found {
            Ok(found) => found,
            Err(error) => {
                silence.get_or_insert(error);
                continue;
            }
        };
        addresses.retain(|address| {
            let bad = own.refused.iter().any(|network| network.contains(*address));
            if bad {
                refused.get_or_insert(*address);
            }
            !bad
        });
        addresses.truncate(ADDRESSES_MAX);
        if !addresses.is_empty() {
            hosts.push(Host { preference, name, addresses, demand, proven });
        }
    }
    if !hosts.is_empty() {
        return Ok(hosts);
    }
    Err(match (silence, own_name, refused) {
        (Some(error), ..) => silent(domain, &error),
        (None, Some(name), _) => looping(domain, &name),
        (None, None, Some(address)) => {
            let text = format!("the mail exchanger of {domain} cannot be {address}, as the DNS says");
            Verdict::Failed(Said::here("5.4.4", text))
        }
        (None, None, None) => {
            Verdict::Failed(Said::here("5.4.4", format!("no mail exchanger of {domain} has an address")))
        }
    })
}

impl Own {
    /// Whether this server would talk to itself there.
    fn is(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.listens.iter().filter(|own| own.port() == self.port).any(|own| {
            let ip = own.ip().to_canonical();
            ip == address || (ip.is_unspecified() && is_local(address))
        })
    }
}

/// Whether an interface of this machine has the address.
fn is_local(address: IpAddr) -> bool {
    std::net::UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests;
