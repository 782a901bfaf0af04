//! Row 19: a session that is not authorised claims a sender of a local domain, and
//! `reject-unauthorized-local-sender` is on. Known at MAIL, answered at RCPT: a bypass entry may name
//! the recipient.

use postwarden_smtp::{Refusal, ReversePath};

use super::Check;
use super::asked::Asked;
use crate::directory::address;

pub(super) fn check(asked: &Asked<'_>) -> Check {
    if !asked.config.security.reject_unauthorized_local_sender {
        return Ok(());
    }
    let Some(ReversePath::Mailbox(sender)) = asked.transaction.map(|transaction| &transaction.sender) else {
        return Ok(());
    };
    if address::local(&asked.config, &sender.domain).is_some() && !asked.authorised() {
        return Err(Refusal::LocalSenderUnauthorised);
    }
    Ok(())
}
