//! Mail to other servers: mail exchangers and smarthosts by SMTP, the mailbox server by LMTP. One
//! queue in memory and a few connections for each destination; one that does not answer holds neither
//! the others nor the memory.
//!
//! `domains` asks `exchangers` where a domain's mail goes; `destination` has the queue and the workers of
//! one next hop, or of one set of exchangers, however many domains share it; `open` tries the addresses,
//! `drive` talks, `transaction` has the message.

mod dane;
mod destination;
mod destinations;
mod domains;
mod drive;
mod exchangers;
mod health;
mod open;
mod pace;
mod sts;
mod tls;
mod transaction;
mod transport;
mod worker;

use std::sync::Arc;

use crate::dns::Tlsa;
pub(crate) use destinations::Destinations;

/// Who is at the other end, and how it is talked to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hop {
    pub protocol: Protocol,
    pub to: Target,
    pub security: Security,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// `host:port` or `unix:/path`.
    Fixed(String),
    /// Preferences and names of mail exchangers, the best first; whether DANE has a say in their TLS.
    Exchangers { hosts: Vec<(u16, String)>, dane: bool },
}

/// What a part of a message is handed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Hop(Hop),
    /// The mail exchangers of the domain.
    Domain(String, Security),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Smtp,
    Lmtp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Security {
    Off,
    /// Any certificate; in clear if need be.
    Opportunistic,
    /// A certificate for the host's name, or nothing.
    Required,
    /// The certificate that these records name, or nothing.
    Dane(Arc<[Tlsa]>),
}

impl Security {
    /// Whether mail goes by TLS that is verified, or not at all.
    pub(crate) fn verifies(&self) -> bool {
        matches!(self, Self::Required | Self::Dane(_))
    }
}

impl Hop {
    /// As the log and notices name it: the host, or the first of them.
    pub(crate) fn name(&self) -> &str {
        match &self.to {
            Target::Fixed(to) => to.rsplit_once(':').filter(|_| !to.starts_with("unix:")).map_or(to, |(host, _)| host),
            Target::Exchangers { hosts, .. } => hosts.first().map_or("", |(_, host)| host),
        }
    }
}
