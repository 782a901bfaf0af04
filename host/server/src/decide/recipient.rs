//! RCPT: the order of the policies (replies.md, "Order of checks"). The count (row 25) is the session's.

use std::net::IpAddr;

use postwarden_smtp::{Domain, ForwardPath, Mailbox, Refusal};

use super::asked::Asked;
use super::{Check, local_sender, lookup_failed, quota, relay, send_limit, size};
use crate::directory::Reach;

pub(super) async fn check(asked: &Asked<'_>, path: &ForwardPath) -> Check {
    local_sender::check(asked)?; // 19
    let Some(mailbox) = mailbox_of(asked, path) else { return Err(Refusal::UnknownUser) };
    let sender = asked.canonical_sender();
    let poster = asked.poster(sender.as_deref());
    let found = asked
        .node
        .directory
        .expand(&asked.config, &mailbox, poster, Reach::Lists, asked.now)
        .await
        .map_err(lookup_failed)?;
    let declared = asked.transaction.and_then(|transaction| transaction.parameters.size).unwrap_or(0);
    if found.foreign {
        relay::may_relay(asked)?; // 16
        relay::local_only(asked).await?; // 18
        send_limit::check(asked, declared).await?; // 17
        return size::foreign_recipient(asked, declared); // 26
    }
    found.verdict()?; // 21, 22, 20
    // A list is not opened for this: its members are not the poster's business.
    if found.lists > 0 || found.discard {
        return Ok(());
    }
    quota::check(asked, &found.targets, 1).await?; // 33
    size::recipient(asked, &found.targets, declared) // 26
}

/// The mailbox a forward-path means here. The postmaster of this server has three more names: one
/// without a domain, one at the host name, one at the address the client reached us by (RFC 5321
/// section 4.5.1). Every other address literal is foreign.
pub(super) fn mailbox_of(asked: &Asked<'_>, path: &ForwardPath) -> Option<Mailbox> {
    let mailbox = match path {
        ForwardPath::Postmaster => return asked.postmaster(),
        ForwardPath::Mailbox(mailbox) => mailbox,
    };
    if !mailbox.local.eq_ignore_ascii_case("postmaster") {
        return Some(mailbox.clone());
    }
    let ours = match &mailbox.domain {
        Domain::Name(name) => *name == asked.config.hostname,
        Domain::Literal(literal) => literal_ip(literal) == Some(asked.facts.local.ip().to_canonical()),
    };
    match asked.postmaster() {
        Some(postmaster) if ours => Some(postmaster),
        _ => Some(mailbox.clone()),
    }
}

fn literal_ip(literal: &str) -> Option<IpAddr> {
    let v6 = literal.get(..5).filter(|tag| tag.eq_ignore_ascii_case("ipv6:")).and_then(|_| literal.get(5..));
    match v6 {
        Some(address) => address.parse().ok().map(IpAddr::V6),
        None => literal.parse().ok().map(IpAddr::V4),
    }
    .map(|ip| ip.to_canonical())
}
