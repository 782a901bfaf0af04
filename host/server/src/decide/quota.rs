//! Row 33: the quota of a mailbox and of its domain. At RCPT a mailbox that is full already is refused;
//! at the end of the content one the message does not fit into. 0 is unlimited, and nothing is measured then.

use postwarden_smtp::Refusal;

use super::Check;
use super::asked::Asked;
use crate::directory::Target;

/// Refused only if every mailbox the address leads to is full.
pub(super) async fn at_rcpt(asked: &Asked<'_>, targets: &[Target]) -> Check {
    let mut first = None;
    for target in targets {
        match check(asked, target, 1).await {
            Ok(()) => return Ok(()),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    first.map_or(Ok(()), Err)
}

/// Whether `size` bytes more fit.
pub(super) async fn check(asked: &Asked<'_>, target: &Target, size: u64) -> Check {
    let Some((name, domain)) = asked.domain_of(&target.address) else { return Ok(()) };
    let mailbox = target.account.as_ref().map_or(0, |account| account.quota);
    let full = (mailbox != 0 && mailbox_used(asked, &target.address).await.saturating_add(size) > mailbox)
        || (domain.quota != 0 && domain_used(asked, name).await.saturating_add(size) > domain.quota);
    match full {
        false => Ok(()),
        true if domain.quota_temporary => Err(Refusal::MailboxFullTemporary),
        true => Err(Refusal::MailboxFull),
    }
}

/// Bytes. Delivery counts them; until it does, every mailbox is empty.
async fn mailbox_used(_asked: &Asked<'_>, _address: &str) -> u64 {
    0
}

async fn domain_used(_asked: &Asked<'_>, _domain: &str) -> u64 {
    0
}
