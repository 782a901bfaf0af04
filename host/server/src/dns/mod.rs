//! The resolver of this server: confirmed reverse names, mail exchangers, lookups for filters, and what sender
//! authentication asks.

mod exchange;
mod lookup;
mod records;
mod secure;
#[cfg(test)]
pub(crate) mod tests;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::system_conf::read_system_conf;
use mail_auth::MessageAuthenticator;
use moka::sync::Cache;
use postwarden_store::Timestamp;

use crate::config::Config;
pub use exchange::Exchange;
pub use records::Records;
use secure::Secure;
pub use secure::Tlsa;

/// For the whole answer to one question about a client, forward check included.
pub const REVERSE_TIMEOUT: Duration = Duration::from_secs(5);

/// One try at one name server.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);

/// Names of one client that are confirmed; the rest is not looked at.
const NAMES_MAX: usize = 5;

/// How long an answer about a client is kept, in milliseconds. Failures are not kept.
const KEPT_MS: i64 = 5 * 60_000;

const CLIENTS_MAX: u64 = 20_000;

/// The reverse name of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reverse {
    /// There is no PTR record.
    None,
    /// A name whose own addresses do not include the client's.
    Unconfirmed(String),
    /// A name that leads back to the client.
    Confirmed(String),
}

/// The DNS did not answer; it may later.
#[derive(Debug, thiserror::Error)]
#[error("the DNS did not answer: {0}")]
pub struct Temporary(pub(crate) String);

pub struct Dns {
    resolver: TokioResolver,
    /// Asks the same servers, and validates.
    secure: Secure,
    /// For sender authentication; it asks the same resolver.
    authenticator: MessageAuthenticator,
    records: Records,
    clients: Cache<IpAddr, (Timestamp, Reverse)>,
}

impl Dns {
    /// With the servers of `[delivery] resolver`, or those of the system.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let given = &config.delivery.resolver;
        let system = if given.is_empty() { read_system_conf().map_err(Some) } else { Err(None) };
        let (servers, mut options) = system.unwrap_or_else(|error| {
            let mut servers: Vec<_> = given.iter().copied().map(name_server).collect();
            if let Some(error) = error {
                // As the C library does without /etc/resolv.conf.
                tracing::warn!(%error, "the system's resolver configuration cannot be read; asking 127.0.0.1");
                servers.push(name_server(SocketAddr::from(([127, 0, 0, 1], 53))));
            }
            (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
        });
        options.timeout = QUERY_TIMEOUT;
        let secure = Secure::new(servers.clone(), options.clone(), config.delivery.trust_anchors.as_deref())?;
        let mut builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let resolver = builder.build().context("the resolver cannot be set up")?;
        let authenticator = MessageAuthenticator(resolver.clone());
        Ok(Self { resolver, secure, authenticator, records: Records::new(), clients: Cache::new(CLIENTS_MAX) })
    }

    /// What checks SPF, DKIM, ARC and DMARC.
    pub fn authenticator(&self) -> &MessageAuthenticator {
        &self.authenticator
    }

    /// What it may remember.
    pub fn remembered(&self) -> &Records {
        &self.records
    }

    /// The reverse name, from memory or from the DNS, within [`REVERSE_TIMEOUT`].
    pub async fn reverse(&self, client: IpAddr, now: Timestamp) -> Result<Reverse, Temporary> {
        if let Some(known) = self.known(client, now) {
            return Ok(known);
        }
        let found = tokio::time::timeout(REVERSE_TIMEOUT, self.ask(client))
            .await
            .map_err(|_| Temporary("timeout".to_owned()))??;
        self.clients.insert(client, (now, found.clone()));
        Ok(found)
    }

    /// What is known about the client already: for trace fields, which are not worth a wait.
    pub fn known(&self, client: IpAddr, now: Timestamp) -> Option<Reverse> {
        let (asked, reverse) = self.clients.get(&client)?;
        (0..KEPT_MS).contains(&now.saturating_sub(asked)).then_some(reverse)
    }

    async fn ask(&self, client: IpAddr) -> Result<Reverse, Temporary> {
        let pointers = match self.resolver.reverse_lookup(client).await {
            Ok(lookup) => lookup,
            Err(error) if error.is_no_records_found() => return Ok(Reverse::None),
            Err(error) => return Err(temporary(&error)),
        };
        let names: Vec<_> = pointers
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::PTR(name) => Some(name.0.clone()),
                _ => None,
            })
            .take(NAMES_MAX)
            .collect();
        let Some(first) = names.first() else { return Ok(Reverse::None) };
        for name in &names {
            // The name exists; that its addresses cannot be had now makes it unconfirmed, no more.
            let forward = match client {
                IpAddr::V4(_) => self.resolver.ipv4_lookup(name.clone()).await,
                IpAddr::V6(_) => self.resolver.ipv6_lookup(name.clone()).await,
            };
            let leads_back =
                forward.is_ok_and(|lookup| lookup.answers().iter().any(|record| record.data.ip_addr() == Some(client)));
            if leads_back {
                return Ok(Reverse::Confirmed(written(&name.to_string())));
            }
        }
        Ok(Reverse::Unconfirmed(written(&first.to_string())))
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections)
}

fn temporary(error: &NetError) -> Temporary {
    Temporary(error.to_string())
}

/// Lower case, without the root's dot.
fn written(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_lowercase()
}
