//! Which domain is local, and the one written form of an address that accounts are kept under.
//! No lookup. A local part is never taken apart for a second `@`, `%` or `!`: only the domain decides.

use postwarden_smtp::{Domain, Mailbox};

use crate::config::{Config, DomainConfig};

/// The local domain that `name` (lower case) means, as the configuration writes it. A domain written
/// with U-labels and one written with A-labels (RFC 5890) are the same.
pub fn local_domain<'c>(config: &'c Config, name: &str) -> Option<(&'c str, &'c DomainConfig)> {
    let find = |name: &str| config.domains.get_key_value(name).map(|(key, domain)| (key.as_str(), domain));
    if let Some(found) = find(name) {
        return Some(found);
    }
    if !name.is_ascii() {
        return find(&idna::domain_to_ascii(name).ok()?);
    }
    if name.contains("xn--") {
        return match idna::domain_to_unicode(name) {
            (unicode, Ok(())) => find(&unicode),
            _ => None,
        };
    }
    None
}

/// As [`local_domain`], for a parsed domain. An address literal is never a local domain.
pub fn local<'c>(config: &'c Config, domain: &Domain) -> Option<(&'c str, &'c DomainConfig)> {
    match domain {
        Domain::Name(name) => local_domain(config, name),
        Domain::Literal(_) => None,
    }
}

/// The form under which accounts, caches and memberships know an address: lower case, the domain as
/// the configuration writes it where it is local. Local parts are compared without regard to case.
pub fn canonical(config: &Config, mailbox: &Mailbox) -> String {
    match &mailbox.domain {
        Domain::Name(name) => {
            let domain = local_domain(config, name).map_or(name.as_str(), |(key, _)| key);
            join(&mailbox.local, domain)
        }
        Domain::Literal(_) => join(&mailbox.local, &mailbox.domain.to_string()),
    }
}

/// `local@domain`, the local part in lower case.
pub fn join(local: &str, domain: &str) -> String {
    let mut address = String::with_capacity(local.len() + 1 + domain.len());
    if local.is_ascii() {
        address.extend(local.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
    } else {
        address.push_str(&local.to_lowercase());
    }
    address.push('@');
    address.push_str(domain);
    address
}

/// An address as it stands in a store, a list or a configuration file: the last `@` divides it.
pub fn parse(address: &str) -> Option<Mailbox> {
    let address = address.trim();
    let address = address.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(address);
    let (local, domain) = address.rsplit_once('@')?;
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if local.is_empty() || domain.is_empty() {
        return None;
    }
    let domain = match domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(literal) => Domain::Literal(literal.to_owned()),
        None => Domain::Name(domain.to_lowercase()),
    };
    Some(Mailbox { local: local.to_owned(), domain })
}

/// The local domain of this server itself, for a `postmaster` without a domain: the host name, else
/// the longest local domain it lies in, else the first one.
pub fn primary_domain(config: &Config) -> Option<&str> {
    let host = config.hostname.as_str();
    let within = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let domains = || config.domains.keys().map(String::as_str);
    domains().filter(|domain| within(domain)).max_by_key(|domain| domain.len()).or_else(|| domains().next())
}
