//! Rows 16 and 18: mail to foreign domains is taken from those who may relay, and from no account
//! that is kept to local domains.
//!
//! Only the domain after the last `@` tells foreign from local (`directory::address`). What stands
//! before it is a name to look up and nothing else, so no percent, bang or quoted route relays.

use postwarden_smtp::Refusal;

use super::Check;
use super::asked::Asked;

pub(super) fn may_relay(asked: &Asked<'_>) -> Check {
    if asked.authorised() { Ok(()) } else { Err(Refusal::RelayDenied) }
}

pub(super) async fn local_only(asked: &Asked<'_>) -> Check {
    match asked.login_account().await? {
        Some(account) if account.local_domains_only => Err(Refusal::RelayLocalOnly),
        _ => Ok(()),
    }
}
