//! Rows about accounts, aliases, lists, mailboxes and their limits.

use super::*;
use crate::config::UnknownUsers;
use postwarden_store::Password;

/// What an address is here, in one sentence.
pub(super) fn what(place: &Place<'_>, address: &str) -> Finding {
    match place.entry(address) {
        Some(Entry::Account(account)) => {
            let mut notes = Vec::new();
            if account.disabled {
                notes.push("disabled");
            }
            if account.no_receive {
                notes.push("takes no mail");
            }
            let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
            fact(format!("{address} is an account{notes}."), format!("postwarden account show {address}"))
        }
        Some(Entry::Alias(alias)) => fact(
            format!("{address} is an alias of {}.", alias.targets.join(", ")),
            format!("postwarden alias show {address}"),
        ),
        Some(Entry::List(list)) => {
            let who = if list.members_only { ", members only" } else { "" };
            fact(
                format!("{address} is a mailing list with {} members{who}.", list.members.len()),
                format!("postwarden list show {address}"),
            )
        }
        None => fact(
            format!("{address} does not exist here."),
            format!("postwarden account add {address}, or postwarden alias add {address} TARGET"),
        ),
    }
}

pub(super) fn auth_failed(place: &Place<'_>) -> Vec<Finding> {
    let failures = &place.config.auth.max_failures_per_ip;
    let mut findings = Vec::new();
    for address in place.clues.addresses.iter().filter(|address| place.looked_up(address)) {
        findings.push(login(place, address));
    }
    if findings.is_empty() {
        findings.push(fact(
            "A login is the whole address of an account, user@domain.",
            "\"postwarden account list\" shows them, \"postwarden account passwd ADDRESS\" sets another password",
        ));
    }
    if failures.count > 0 {
        findings.push(fact(
            format!(
                "After {} failures within {} an IP is blocked for {}.",
                failures.count,
                time(failures.within),
                time(failures.block_for)
            ),
            "auth.max-failures-per-ip",
        ));
    }
    findings
}

fn login(place: &Place<'_>, address: &str) -> Finding {
    let passwd = format!("postwarden account passwd {address}");
    match place.entry(address) {
        Some(Entry::Account(account)) if account.disabled => fact(
            format!("{address} is disabled: it cannot log in with any password."),
            format!("postwarden account set {address} --disabled=false"),
        ),
        Some(Entry::Account(account)) => match &account.password {
            None => fact(format!("{address} has no password, so nobody can log in to it."), passwd),
            Some(Password::Argon2id { .. }) => {
                fact(format!("{address} exists; its password works with PLAIN and LOGIN, but not with SCRAM."), passwd)
            }
            Some(Password::Scram { .. }) => {
                fact(format!("{address} exists and may log in: the password was wrong."), passwd)
            }
        },
        Some(_) => {
            plain(format!("{address} is no account but an alias or a list: log in with the account's own address."))
        }
        None if place.is_local(domain_of(address)) => {
            fact(format!("There is no account {address}."), format!("postwarden account add {address}"))
        }
        None => plain(format!("{address} is in no local domain ({}).", place.domains())),
    }
}

pub(super) fn permission(place: &Place<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for address in place.local_addresses() {
        match place.entry(address) {
            Some(Entry::List(list)) if list.members_only => findings.push(fact(
                format!("{address} takes mail from its {} members only.", list.members.len()),
                format!(
                    "postwarden list add {address} --replace … without --members-only, or with the sender as a member"
                ),
            )),
            Some(Entry::Account(account)) if account.no_receive => findings.push(fact(
                format!("{address} takes no mail."),
                format!("postwarden account set {address} --no-receive=false"),
            )),
            Some(_) => findings.push(what(place, address)),
            None => {}
        }
    }
    if findings.is_empty() {
        findings.push(fact(
            "The recipient is a members-only list, or an account with receiving switched off.",
            "\"postwarden list show ADDRESS\" or \"postwarden account show ADDRESS\" tells which",
        ));
    }
    findings
}

pub(super) fn unknown_user(place: &Place<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, domain) in &place.config.domains {
        if place.clues.domains().next().is_some() && !place.clues.domains().any(|own| own == name) {
            continue;
        }
        let treatment = match &domain.unknown_users {
            UnknownUsers::Unset => "are refused with row 21 (nothing is set)".to_owned(),
            UnknownUsers::Reject => "are refused with row 22".to_owned(),
            UnknownUsers::Discard => "are accepted and their mail is deleted".to_owned(),
            UnknownUsers::Forward(to) => format!("go to {to}"),
        };
        findings.push(fact(
            format!("Unknown users of {name} {treatment}."),
            format!(
                "domains.\"{name}\".unknown-users = \"reject\", \"discard\" or {{ forward = \"postmaster@{name}\" }}"
            ),
        ));
    }
    for address in place.local_addresses().filter(|address| place.looked_up(address)) {
        findings.push(what(place, address));
        if let Some(Entry::Alias(alias)) = place.entry(address) {
            findings.push(plain(format!(
                "If this row was sent for it, one of its targets in a local domain is missing: {}.",
                alias.targets.join(", ")
            )));
        }
    }
    if findings.is_empty() {
        findings.push(plain(format!("Local domains: {}.", place.domains())));
    }
    findings
}

/// Server, domain, user: the smallest that is not 0, or the most specific.
fn effective(server: u64, domain: u64, user: u64, most_specific: bool) -> u64 {
    let set = [user, domain, server].into_iter().filter(|limit| *limit != 0);
    let chosen = if most_specific { set.into_iter().next() } else { set.min() };
    chosen.unwrap_or(0)
}

pub(super) fn size(place: &Place<'_>) -> Vec<Finding> {
    let server = place.config.smtp.max_message_size;
    let mut findings =
        vec![fact(format!("Limit of the server: {}.", limit(server)), "smtp.max-message-size (0: unlimited)")];
    for (name, domain) in &place.config.domains {
        if domain.max_message_size != 0 || place.clues.domains().any(|own| own == name) {
            findings.push(fact(
                format!("Limit of {name}: {}.", limit(domain.max_message_size)),
                format!("domains.\"{name}\".max-message-size"),
            ));
        }
    }
    for address in place.local_addresses() {
        let Some(Entry::Account(account)) = place.entry(address) else { continue };
        let Some(domain) = place.config.domains.get(domain_of(address)) else { continue };
        let most_specific = domain.override_global_limits;
        let rule = if most_specific { "the most specific counts" } else { "the smallest counts" };
        let result = effective(server, domain.max_message_size, account.max_message_size, most_specific);
        findings.push(fact(
            format!("Limit of {address}: {}. Together ({rule}): {}.", limit(account.max_message_size), limit(result)),
            format!("postwarden account set {address} --max-message-size 0"),
        ));
    }
    if let Some(bytes) = place.clues.size {
        findings.push(plain(format!("This message had {bytes} bytes.")));
    }
    findings
}

pub(super) fn quota(place: &Place<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, domain) in &place.config.domains {
        if domain.quota != 0 || place.clues.domains().any(|own| own == name) {
            let above = match (domain.quota, domain.quota_temporary) {
                (0, _) => "",
                (_, true) => "; above it: a temporary refusal, so that senders try again",
                (_, false) => "; above it: a final refusal",
            };
            findings.push(fact(
                format!("Quota of {name} as a whole: {}{above}.", limit(domain.quota)),
                format!("domains.\"{name}\".quota, domains.\"{name}\".quota-temporary"),
            ));
        }
    }
    for address in place.local_addresses() {
        let Some(Entry::Account(account)) = place.entry(address) else { continue };
        let used = place.usage.iter().find(|(own, _)| own == address);
        let used =
            used.map_or(String::new(), |(_, bytes)| format!("; used: {}", crate::config::units::show_size(*bytes)));
        findings.push(fact(
            format!("Quota of {address}: {}{used}.", limit(account.quota)),
            format!("postwarden account set {address} --quota 0, or let its user delete mail"),
        ));
    }
    if findings.is_empty() {
        findings.push(fact(
            "No domain here has a quota: it is the account's.",
            "\"postwarden account show ADDRESS\" shows it, \"postwarden account set ADDRESS --quota …\" changes it",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::effective;

    #[test]
    fn three_levels() {
        for (server, domain, user, most_specific, result) in [
            (0, 0, 0, false, 0),
            (50, 0, 0, false, 50),
            (50, 20, 70, false, 20),
            (50, 20, 70, true, 70),
            (50, 20, 0, true, 20),
            (50, 0, 0, true, 50),
        ] {
            assert_eq!(effective(server, domain, user, most_specific), result);
        }
    }
}
