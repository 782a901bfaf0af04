//! Everything one question is decided by: the session's facts, the configuration of this moment, the time.

use std::net::IpAddr;
use std::sync::Arc;

use postwarden_smtp::session::{Facts, Role, Transaction};
use postwarden_smtp::{Mailbox, Refusal, ReversePath};
use postwarden_store::{Account, Timestamp};

use super::lookup_failed;
use crate::config::{Config, DomainConfig};
use crate::directory::{Poster, address};
use crate::node::Node;

pub(crate) struct Asked<'a> {
    pub(crate) node: &'a Node,
    /// One configuration for the whole question, also if a reload happens meanwhile.
    pub(crate) config: Arc<Config>,
    pub(crate) facts: &'a Facts,
    pub(crate) transaction: Option<&'a Transaction>,
    pub(crate) now: Timestamp,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(node: &'a Node, facts: &'a Facts, transaction: Option<&'a Transaction>, now: Timestamp) -> Self {
        Self { node, config: node.config.load_full(), facts, transaction, now }
    }

    pub(crate) fn client(&self) -> IpAddr {
        self.facts.client.ip().to_canonical()
    }

    /// The client's address is one we relay from.
    pub(crate) fn relaying_from(&self) -> bool {
        let client = self.client();
        self.config.relay_from.iter().any(|network| network.contains(client))
    }

    /// Logged in, or from an address we relay from: may relay, and its local sender is believed.
    pub(crate) fn authorised(&self) -> bool {
        self.facts.login.is_some() || self.relaying_from()
    }

    /// A listener that a reload took away keeps its sessions; they are treated as those of an MX.
    pub(crate) fn role(&self) -> Role {
        self.config
            .listeners
            .iter()
            .find(|listener| listener.name == self.facts.listener)
            .map_or(Role::Mx, |listener| listener.role)
    }

    /// The account that is logged in, as it is now; none: nobody is, or it was removed meanwhile.
    pub(crate) async fn login_account(&self) -> Result<Option<Arc<Account>>, Refusal> {
        match &self.facts.login {
            Some(login) => self.node.directory.account(&login.account, self.now).await.map_err(lookup_failed),
            None => Ok(None),
        }
    }

    /// The settings of an address's domain, where it is local.
    pub(crate) fn domain_of(&self, address: &str) -> Option<(&str, &DomainConfig)> {
        let (_, domain) = address.rsplit_once('@')?;
        address::local_domain(&self.config, domain)
    }

    /// The sender of the transaction in canonical form; none: the null sender.
    pub(crate) fn canonical_sender(&self) -> Option<String> {
        match self.transaction.map(|transaction| &transaction.sender) {
            Some(ReversePath::Mailbox(mailbox)) => Some(address::canonical(&self.config, mailbox)),
            Some(ReversePath::Null) | None => None,
        }
    }

    /// For expansions; `sender` is [`Asked::canonical_sender`].
    pub(crate) fn poster<'p>(&'p self, sender: Option<&'p str>) -> Poster<'p> {
        Poster {
            sender,
            login: self.facts.login.as_ref().map(|login| login.account.as_str()),
            authorised: self.authorised(),
        }
    }

    /// `postmaster@` of this server; none where no domain is local.
    pub(crate) fn postmaster(&self) -> Option<Mailbox> {
        let domain = address::primary_domain(&self.config)?;
        Some(Mailbox { local: "postmaster".to_owned(), domain: postwarden_smtp::Domain::Name(domain.to_owned()) })
    }
}
