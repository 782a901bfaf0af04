//! From a next hop to a connection that is ready for mail: which address is tried when, and when to go
//! on to the next one.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use rand::seq::SliceRandom as _;

use super::drive::{Link, NoLink, Peer};
use super::exchangers::{Demand, Host};
use super::health::Health;
use super::{Hop, Security, Target};
use crate::deliver::verdict::Said;
use crate::node::Node;

/// Addresses that are tried for one connection.
const TRIES_MAX: usize = 5;
/// Hosts that were reached and did not let us in, before it is enough.
const REFUSALS_MAX: usize = 2;

/// A connection to the hop, greeted; or the most telling reason why there is none.
pub(super) async fn open(node: &Node, hop: &Hop, hosts: &[Host], health: &Health) -> Result<Link, Said> {
    if let Target::Fixed(to) = &hop.to {
        let peer = Peer { name: hop.name().to_owned(), to: to.clone(), proven: true };
        return greet(node, hop, &peer, &hop.security).await.map_err(|no| no.said(&peer));
    }
    let port = node.config.load().delivery.port;
    let mut tries = order(hosts);
    health.sort(&mut tries, |(_, address)| SocketAddr::new(*address, port), Instant::now());
    let (mut tried, mut refusals, mut said) = (0, 0, None);
    for (host, address) in tries {
        if tried >= TRIES_MAX || refusals >= REFUSALS_MAX {
            break;
        }
        let address = SocketAddr::new(address, port);
        let peer = Peer { name: host.name.clone(), to: address.to_string(), proven: host.proven };
        let no = match greet(node, hop, &peer, &security(hop, host)).await {
            Ok(link) => {
                health.answered(address);
                return Ok(link);
            }
            Err(no) => no,
        };
        tracing::debug!(target: "delivery", host = peer.name, %address, error = %no, "not this one");
        match &no {
            // Without IPv6 here, an IPv6 address was no try.
            NoLink::Unreachable(error) if error.kind() == ErrorKind::NetworkUnreachable => {
                said.get_or_insert_with(|| no.said(&peer));
                continue;
            }
            NoLink::Unreachable(_) => {
                health.failed(address, Instant::now());
                // What a host said tells more than that another cannot be reached.
                if refusals == 0 {
                    said = Some(no.said(&peer));
                }
            }
            NoLink::Tls(_) | NoLink::Refused(_) => {
                refusals += 1;
                said = Some(no.said(&peer));
            }
        }
        tried += 1;
    }
    Err(said.unwrap_or_else(|| Said::here("4.4.1", format!("{} has no address to connect to", hop.name()))))
}

/// One address. A server whose TLS does not work gets its mail in clear where TLS is opportunistic:
/// without TLS it would have got it in clear too.
async fn greet(node: &Node, hop: &Hop, peer: &Peer, security: &Security) -> Result<Link, NoLink> {
    match Link::greet(node, hop, peer, security).await {
        Err(NoLink::Tls(error)) if *security == Security::Opportunistic => {
            tracing::warn!(target: "delivery", destination = peer.name, %error, "TLS failed; trying without");
            Link::greet(node, hop, peer, &Security::Off).await
        }
        other => other,
    }
}

/// What the operator asks of TLS, and what the host does. Who switched it off does not want it.
fn security(hop: &Hop, host: &Host) -> Security {
    match (&hop.security, &host.demand) {
        (Security::Off, _) => Security::Off,
        (_, Demand::Dane(records)) => Security::Dane(Arc::clone(records)),
        (_, Demand::Verified) => Security::Required,
        (asked, Demand::Nothing) => asked.clone(),
    }
}

/// All addresses in the order of preference. Equal hosts come in random order (RFC 5321 section 5.1),
/// each with its first address before any with its second; IPv6 and IPv4 take turns.
fn order(hosts: &[Host]) -> Vec<(&Host, IpAddr)> {
    let mut hosts: Vec<&Host> = hosts.iter().collect();
    hosts.shuffle(&mut rand::rng());
    hosts.sort_by_key(|host| host.preference);
    let mut tries: Vec<(usize, &Host, IpAddr)> = Vec::new();
    for host in hosts {
        let of = |v6: bool| host.addresses.iter().filter(move |address| address.is_ipv6() == v6);
        let six = of(true).enumerate().map(|(turn, address)| (turn * 2, address));
        let four = of(false).enumerate().map(|(turn, address)| (turn * 2 + 1, address));
        let mut turns: Vec<_> = six.chain(four).collect();
        turns.sort_by_key(|(turn, _)| *turn);
        tries.extend(turns.into_iter().enumerate().map(|(place, (_, address))| (place, host, *address)));
    }
    tries.sort_by_key(|(place, host, _)| (host.preference, *place));
    tries.into_iter().map(|(_, host, address)| (host, address)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn host(preference: u16, name: &str, addresses: &[&str]) -> Host {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Host { preference, name: name.to_owned(), addresses, demand: Demand::Nothing, proven: false }
    }

    #[test]
    fn order_of_addresses() {
        let hosts =
            [host(20, "c", &["192.0.2.3"]), host(10, "a", &["192.0.2.1", "2001:db8::1", "192.0.2.11", "2001:db8::11"])];
        let found: Vec<String> =
            order(&hosts).iter().map(|(host, address)| format!("{} {address}", host.name)).collect();
        assert_eq!(found, ["a 2001:db8::1", "a 192.0.2.1", "a 2001:db8::11", "a 192.0.2.11", "c 192.0.2.3"]);
        let equal = [host(5, "x", &["192.0.2.1", "192.0.2.2"]), host(5, "y", &["192.0.2.3"])];
        let mut firsts: Vec<String> = (0..100).filter_map(|_| Some(order(&equal).first()?.0.name.clone())).collect();
        assert!(order(&equal).get(2).is_some_and(|(host, _)| host.name == "x"));
        firsts.sort();
        firsts.dedup();
        assert_eq!(firsts, ["x", "y"]);
    }
}
