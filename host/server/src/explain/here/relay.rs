//! Rows about who may send what to where.

use super::*;
use postwarden_store::Account;

/// Which of the text's IPs count as relaying-from.
fn relaying_from(place: &Place<'_>) -> Vec<Finding> {
    let from = &place.config.relay_from;
    let networks = listed(from.iter().map(ToString::to_string));
    let mut findings = Vec::new();
    for ip in &place.clues.ips {
        findings.push(match from.iter().find(|network| network.contains(*ip)) {
            Some(network) => plain(format!("{ip} is in {network} of relay.from: it may relay without a login.")),
            None => fact(
                match from.is_empty() {
                    true => format!("relay.from is empty, so {ip} may not relay without a login."),
                    false => format!("{ip} is in none of the networks of relay.from ({networks})."),
                },
                format!("add it to relay.from if this machine may send through here: from = [{}]", with(from, *ip)),
            ),
        });
    }
    if findings.is_empty() {
        findings.push(match from.is_empty() {
            true => fact("relay.from is empty: nobody may relay without a login.", "relay.from"),
            false => fact(format!("Without a login only these networks may relay: {networks}."), "relay.from"),
        });
    }
    findings
}

/// The networks with one more address, as they stand in the file.
fn with(from: &[crate::config::Network], ip: std::net::IpAddr) -> String {
    let all = from.iter().map(ToString::to_string).chain([ip.to_string()]);
    all.map(|network| format!("\"{network}\"")).collect::<Vec<_>>().join(", ")
}

pub(super) fn denied(place: &Place<'_>) -> Vec<Finding> {
    let mut findings = relaying_from(place);
    for address in place.foreign_addresses() {
        let domain = domain_of(address);
        let near = crate::config::suggest::nearest(domain, place.config.domains.keys().map(String::as_str));
        let near = near.map_or(String::new(), |near| format!(" (the local domain {near} looks like it)"));
        findings.push(fact(
            format!("{domain} is no local domain{near}, so mail to it is relaying."),
            format!("if this server is to take mail for it: add [domains.\"{domain}\"]"),
        ));
    }
    if place.clues.addresses.is_empty() {
        findings.push(fact(
            format!("Local domains: {}. Mail to any other is relaying.", place.domains()),
            "[domains.\"…\"]",
        ));
    }
    let offered: Vec<String> = place
        .config
        .listeners
        .iter()
        .filter(|listener| listener.role != Role::Lmtp && can_log_in(place, listener))
        .map(|listener| listener.name.clone())
        .collect();
    findings.push(if offered.is_empty() {
        fact(
            "Nobody can log in: no listener offers AUTH as it is configured.",
            "tls.certificate and tls.key, auth.mechanisms",
        )
    } else {
        plain(format!(
            "A client that logs in may relay. AUTH is offered on: {} (mechanisms: {}).",
            offered.join(", "),
            mechanism_names(&place.config.auth.mechanisms)
        ))
    });
    findings
}

/// Whether a login with any mechanism is possible there.
fn can_log_in(place: &Place<'_>, listener: &Listener) -> bool {
    let auth = &place.config.auth;
    let without_tls = |mechanism: &Mechanism| *mechanism == Mechanism::ScramSha256;
    !auth.mechanisms.is_empty()
        && (place.has_tls(listener) || auth.allow_plaintext_without_tls || auth.mechanisms.iter().any(without_tls))
}

pub(super) fn auth_required(place: &Place<'_>) -> Vec<Finding> {
    vec![
        fact(
            format!("AUTH is an obligation on: {}.", place.listeners(Role::Submission)),
            "listener role = \"submission\" (obligation) or \"mx\" (none)",
        ),
        plain(format!("Other servers deliver without a login on: {}.", place.listeners(Role::Mx))),
    ]
}

pub(super) fn sending_not_allowed(place: &Place<'_>) -> Vec<Finding> {
    let security = &place.config.security;
    let mut findings = vec![if security.reject_no_rdns {
        fact(
            "security.reject-no-rdns is on: a client whose IP has no confirmed reverse name in DNS may not send.",
            "security.reject-no-rdns = false, or the client's network in relay.from",
        )
    } else {
        plain("security.reject-no-rdns is off, so a missing reverse name is not the cause here.")
    }];
    findings.push(if security.sender_must_match_login {
        fact(
            "security.sender-must-match-login is on: who logs in may use as sender only the own address and aliases that lead to it.",
            "security.sender-must-match-login = false, or an alias: \"postwarden alias add SENDER LOGIN\"",
        )
    } else {
        plain("security.sender-must-match-login is off: a login may use any sender.")
    });
    for (address, account) in accounts(place) {
        if account.no_send {
            findings.push(fact(
                format!("{address} may not send at all."),
                format!("postwarden account set {address} --no-send=false"),
            ));
        }
    }
    findings.extend(relaying_from(place));
    findings
}

fn accounts<'a>(place: &'a Place<'_>) -> impl Iterator<Item = (&'a str, &'a Account)> {
    place.entries.iter().filter_map(|(address, entry)| match entry {
        Some(Entry::Account(account)) => Some((address.as_str(), account)),
        _ => None,
    })
}

pub(super) fn limits(place: &Place<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let count = |messages: u64| if messages == 0 { "unlimited".to_owned() } else { messages.to_string() };
    for (name, domain) in &place.config.domains {
        let about = place.clues.domains().any(|own| own == name) || place.config.domains.len() == 1;
        let send = &domain.send_limit;
        if about || send.messages != 0 || send.bytes != 0 {
            findings.push(fact(
                format!(
                    "{name} as a whole may send out in {}: {} messages, {} of content.",
                    time(send.within),
                    count(send.messages),
                    limit(send.bytes)
                ),
                format!("domains.\"{name}\".send-limit"),
            ));
        }
    }
    for (address, account) in accounts(place) {
        findings.push(fact(
            format!(
                "{address} may send out in the same time: {} messages, {} of content.",
                count(account.send_limit_messages),
                limit(account.send_limit_bytes)
            ),
            format!("postwarden account set {address} --send-limit-messages 0 --send-limit-bytes 0"),
        ));
    }
    if findings.is_empty() {
        findings
            .push(plain("No domain here has a send-limit; look at the account: \"postwarden account show ADDRESS\"."));
    }
    findings
}

pub(super) fn local_only(place: &Place<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (address, account) in accounts(place) {
        let not = if account.local_domains_only { "" } else { "not " };
        findings.push(fact(
            format!("{address} is {not}restricted to local domains."),
            format!("postwarden account set {address} --local-domains-only={}", !account.local_domains_only),
        ));
    }
    findings.push(plain(format!("Local domains: {}.", place.domains())));
    if findings.len() == 1 {
        findings.push(fact(
            "The restriction belongs to the account that logged in.",
            "postwarden account set ADDRESS --local-domains-only=false",
        ));
    }
    findings
}

pub(super) fn access_denied(place: &Place<'_>) -> Vec<Finding> {
    let security = &place.config.security;
    let mut findings = Vec::new();
    let claimed: Vec<&str> = place.local_addresses().collect();
    if security.reject_unauthorized_local_sender {
        findings.push(fact(
            "security.reject-unauthorized-local-sender is on: who uses a sender of a local domain has to log in, or come from relay.from.",
            "security.reject-unauthorized-local-sender = false lets strangers use your addresses; better let the client log in",
        ));
        if !claimed.is_empty() {
            findings.push(plain(format!("In a local domain: {}.", claimed.join(", "))));
        }
    } else {
        findings.push(plain("security.reject-unauthorized-local-sender is off, so a local sender is not the cause."));
    }
    let access: Vec<&str> = place
        .config
        .filters
        .iter()
        .filter(|filter| filter.component == "builtin:access")
        .map(|filter| filter.name.as_str())
        .collect();
    findings.push(match access.first() {
        Some(name) => fact(
            format!("The black and white lists are filter \"{name}\"; `history find` names the entry that matched."),
            "its settings black, white and bypass",
        ),
        None => plain("No filter builtin:access is configured, so there are no black lists."),
    });
    findings.extend(relaying_from(place));
    findings
}
