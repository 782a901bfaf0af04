//! Row 33: the quota of a mailbox and of its domain. At RCPT a mailbox that is full already is refused;
//! at the end of the content one the message does not fit into. 0 is unlimited, and nothing is measured then.

use postwarden_smtp::Refusal;

use super::Check;
use super::asked::Asked;
use crate::directory::Target;

/// Whether `size` bytes more fit into one of the mailboxes an address leads to; 1 asks for any room at all.
pub(super) async fn check(asked: &Asked<'_>, targets: &[Target], size: u64) -> Check {
    let mut first = None;
    for target in targets {
        match mailbox(asked, target, size).await {
            Ok(()) => return Ok(()),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    first.map_or(Ok(()), Err)
}

async fn mailbox(asked: &Asked<'_>, target: &Target, size: u64) -> Check {
    let Some((name, domain)) = asked.domain_of(&target.address) else { return Ok(()) };
    let usage = &asked.node.usage;
    let quota = target.account.as_ref().map_or(0, |account| account.quota);
    let over = |used: u64, quota: u64| used.saturating_add(size) > quota;
    let full = (quota != 0 && over(usage.mailbox(&asked.config, &target.address).await, quota))
        || (domain.quota != 0 && over(usage.domain(&asked.config, name).await, domain.quota));
    match full {
        false => Ok(()),
        true if domain.quota_temporary => Err(Refusal::MailboxFullTemporary),
        true => Err(Refusal::MailboxFull),
    }
}
