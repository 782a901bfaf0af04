//! Row 8, first half: a client without a reverse name, where `reject-no-rdns` is on. Who is
//! authorised need not have one: clients at home rarely do. Nothing is asked of the DNS otherwise.

use postwarden_smtp::Refusal;

use super::Check;
use super::asked::Asked;
use crate::dns::Reverse;

pub(super) async fn check(asked: &Asked<'_>) -> Check {
    if !asked.config.security.reject_no_rdns || asked.authorised() {
        return Ok(());
    }
    let dns = asked.node.dns.load_full();
    match dns.reverse(asked.client(), asked.now).await {
        // A name that does not lead back is a name: the row speaks of clients that have none.
        Ok(Reverse::Confirmed(_) | Reverse::Unconfirmed(_)) => Ok(()),
        Ok(Reverse::None) => Err(Refusal::NoReverseName),
        Err(_) => Err(Refusal::ReverseNameUnavailable),
    }
}
