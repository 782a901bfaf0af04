//! What operations on accounts need to know about addresses: whose domain it is, what has it already,
//! who still leads to it; and how to say so.

use postwarden_store::accounts::Entry;

use super::accounts::{EntryKind, PAGE, TARGETS_MAX};
use super::operation::{Kind, Parts, Refused};
use crate::config::address;
use crate::directory::address::local_domain;

/// Aliases and lists that name an address which is gone.
pub(super) async fn leading_to(parts: &Parts<'_>, address: &str) -> Result<Vec<String>, Refused> {
    let mut warnings = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = parts.accounts.entries(after.as_deref(), PAGE).await?;
        for entry in &page {
            let (targets, what) = match entry {
                Entry::Alias(alias) => (&alias.targets, "the alias"),
                Entry::List(list) => (&list.members, "the list"),
                Entry::Account(_) => continue,
            };
            if targets.iter().any(|target| target == address) {
                let own = entry.address();
                warnings.push(format!("{what} {own} still leads to {address}: mail to it will be refused or bounce"));
            }
        }
        match page.last() {
            Some(last) if page.len() >= PAGE => after = Some(last.address().to_owned()),
            _ => return Ok(warnings),
        }
    }
}

pub(super) fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// The address in canonical form, if its domain is this server's.
pub(super) fn local_address(parts: &Parts<'_>, text: &str) -> Result<String, Refused> {
    let address = address::mailbox(text).map_err(Refused::invalid)?;
    let domain = domain_of(&address);
    if let Some((own, _)) = local_domain(&parts.config, domain) {
        // A domain in U-labels and in A-labels is one.
        return Ok(address.strip_suffix(domain).map_or(address.clone(), |local| format!("{local}{own}")));
    }
    let file = parts.config.file.as_ref().map_or("the configuration".into(), |file| file.display().to_string());
    let near = crate::config::suggest::nearest(domain, parts.config.domains.keys().map(String::as_str));
    let near = near.map_or(String::new(), |near| format!("did you mean {near}? Otherwise "));
    Err(Refused::new(
        Kind::Refused,
        format!(
            "{domain} is no local domain: {near}add [domains.\"{domain}\"] to {file}, then run \"postwarden reload\""
        ),
    ))
}

pub(super) async fn targets(
    parts: &Parts<'_>,
    own: &str,
    given: Vec<String>,
    what: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<String>, Refused> {
    if given.is_empty() {
        return Err(Refused::invalid(format!("{own} needs at least one {what}")));
    }
    if given.len() > TARGETS_MAX {
        return Err(Refused::invalid(format!("{own} has {} {what}s; at most {TARGETS_MAX} are possible", given.len())));
    }
    let mut addresses: Vec<String> = Vec::new();
    for text in given {
        let address = address::mailbox(&text).map_err(Refused::invalid)?;
        if address == own {
            return Err(Refused::invalid(format!("{own} cannot be its own {what}: that would be a loop")));
        }
        if addresses.contains(&address) {
            continue;
        }
        if local_domain(&parts.config, domain_of(&address)).is_some()
            && parts.accounts.lookup(&address).await?.is_none()
        {
            warnings.push(format!("{address} does not exist yet: mail to it will be refused or bounce"));
        }
        addresses.push(address);
    }
    Ok(addresses)
}

pub(super) async fn find(parts: &Parts<'_>, kind: EntryKind, text: &str) -> Result<Entry, Refused> {
    let address = address::mailbox(text).map_err(Refused::invalid)?;
    match parts.accounts.lookup(&address).await? {
        Some(entry) if EntryKind::of(&entry) == kind => Ok(entry),
        Some(entry) => {
            let found = EntryKind::of(&entry);
            let message = format!(
                "{address} is {}, not {}: use \"postwarden {} show {address}\"",
                found.with_article(),
                kind.with_article(),
                found.name()
            );
            Err(Refused::not_found(message))
        }
        None => {
            let name = kind.name();
            Err(Refused::not_found(format!("there is no {name} {address}: \"postwarden {name} list\" shows all")))
        }
    }
}

pub(super) async fn taken(parts: &Parts<'_>, kind: EntryKind, address: &str) -> Refused {
    let found = match parts.accounts.lookup(address).await {
        Ok(Some(entry)) => EntryKind::of(&entry),
        _ => kind,
    };
    let next = match (found == kind, kind) {
        (true, EntryKind::Account) => {
            format!("change it with \"postwarden account set {address} …\" or \"postwarden account passwd {address}\"")
        }
        (true, _) => "give --replace to write it anew".to_owned(),
        (false, _) => format!("remove it first with \"postwarden {} remove {address}\"", found.name()),
    };
    Refused::new(Kind::Refused, format!("{address} is {} already: {next}", found.with_article()))
}
