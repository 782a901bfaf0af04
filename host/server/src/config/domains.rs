//! `[domains."…"]`: one table for each local domain.

use super::table::Section;
use super::*;

pub(super) fn domains(s: Section<'_>) -> BTreeMap<String, DomainConfig> {
    let mut domains = BTreeMap::new();
    for (name, entry) in s.entries() {
        let Some(name) = entry.checked(address::domain(name)) else { continue };
        let at = entry.at;
        let s = entry.section();
        let config = domain(&s);
        if domains.contains_key(&name) {
            s.reader.error(Some(at), &s.path, format!("the domain {name} stands here twice (case does not count)"));
        }
        s.finish();
        domains.insert(name, config);
    }
    domains
}

fn domain(s: &Section<'_>) -> DomainConfig {
    let unknown_users = s.get("unknown-users").map_or(UnknownUsers::Unset, |entry| {
        if matches!(entry.value, toml::de::DeValue::Table(_)) {
            let s = entry.section();
            let target = match s.get("forward") {
                Some(entry) => entry.text().and_then(|text| entry.checked(address::mailbox(text))),
                None => {
                    s.error("forward", "is missing: write { forward = \"postmaster@example.com\" }");
                    None
                }
            };
            s.finish();
            return target.map_or(UnknownUsers::Unset, UnknownUsers::Forward);
        }
        match entry.choice(&[("reject", false), ("discard", true)]) {
            Some(true) => UnknownUsers::Discard,
            Some(false) => UnknownUsers::Reject,
            None => UnknownUsers::Unset,
        }
    });
    DomainConfig {
        unknown_users,
        max_message_size: s.size("max-message-size", 0),
        quota: s.size("quota", 0),
        quota_temporary: s.bool("quota-temporary", false),
        send_limit: send_limit(s.section("send-limit")),
        override_global_limits: s.bool("override-global-limits", false),
    }
}

fn send_limit(s: Section<'_>) -> SendLimit {
    let d = SendLimit::default();
    let limit = SendLimit {
        messages: s.count("messages", d.messages),
        bytes: s.size("bytes", d.bytes),
        within: s.finite("within", d.within),
        exceeded: s.choice("exceeded", &[("refuse", LimitExceeded::Refuse), ("hold", LimitExceeded::Hold)], d.exceeded),
    };
    s.finish();
    limit
}
