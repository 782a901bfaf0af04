//! Row 26: the limit on a message's size, on three levels. 0 is unlimited. The smallest of server,
//! domain and user counts; where the domain overrides the server, the most specific one.
//!
//! The sender's side is judged by the login's domain and account, the receiving side by each local
//! recipient's. A client that is not logged in is judged by the receiving side alone, which may allow
//! more than the server does; only mail to foreign domains then meets the server's own limit.

use postwarden_smtp::Refusal;

use super::Check;
use super::asked::Asked;
use crate::config::{Config, DomainConfig};
use crate::directory::Target;

/// At MAIL, by the declared size. What depends on the recipient waits for RCPT.
pub(super) async fn at_mail(asked: &Asked<'_>, declared: Option<u64>) -> Check {
    let Some(size) = declared else { return Ok(()) };
    if asked.facts.login.is_some() {
        return sender(asked, size).await;
    }
    if asked.config.domains.values().any(|domain| domain.override_global_limits) {
        return Ok(());
    }
    within(size, effective(&asked.config, None, 0))
}

/// What EHLO announces, bytes; 0: unlimited. No smaller than any recipient's limit, for a client keeps to
/// it: where a domain overrides the server's level, only the ceiling is sure.
pub fn announced(config: &Config) -> u64 {
    let server = config.smtp.max_message_size;
    match config.domains.values().any(|domain| domain.override_global_limits) {
        true if server != 0 => config.smtp.hard_ceiling,
        _ => server,
    }
}

/// The login's own limit.
pub(super) async fn sender(asked: &Asked<'_>, size: u64) -> Check {
    let Some(account) = asked.login_account().await? else { return Ok(()) };
    let domain = asked.domain_of(&account.address).map(|(_, domain)| domain);
    within(size, effective(&asked.config, domain, account.max_message_size))
}

/// A local recipient's limit: at RCPT by the declared size, at the end by the true one. An address
/// that leads to several mailboxes takes what one of them takes.
pub(super) fn recipient(asked: &Asked<'_>, targets: &[Target], size: u64) -> Check {
    let mut first = None;
    for target in targets {
        let user = target.account.as_ref().map_or(0, |account| account.max_message_size);
        let check = match asked.domain_of(&target.address) {
            Some((_, domain)) => within(size, effective(&asked.config, Some(domain), user)),
            None => foreign_recipient(asked, size),
        };
        match check {
            Ok(()) => return Ok(()),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    first.map_or(Ok(()), Err)
}

/// Mail to a foreign domain; that of a login was judged on the sender's side.
pub(super) fn foreign_recipient(asked: &Asked<'_>, size: u64) -> Check {
    if asked.facts.login.is_some() {
        return Ok(());
    }
    within(size, effective(&asked.config, None, 0))
}

/// Bytes; 0: unlimited.
pub(super) fn effective(config: &Config, domain: Option<&DomainConfig>, user: u64) -> u64 {
    let server = config.smtp.max_message_size;
    let of_domain = domain.map_or(0, |domain| domain.max_message_size);
    let mut levels = [user, of_domain, server].into_iter().filter(|limit| *limit != 0);
    if domain.is_some_and(|domain| domain.override_global_limits) { levels.next() } else { levels.min() }.unwrap_or(0)
}

fn within(size: u64, limit: u64) -> Check {
    if limit != 0 && size > limit { Err(Refusal::MessageTooBig) } else { Ok(()) }
}
