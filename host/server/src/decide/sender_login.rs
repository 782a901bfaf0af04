//! Row 8, second half: whether the login may send at all, and as this sender. Its own address is
//! allowed, with any detail, and each alias that leads to it; so is the null sender, which mail
//! programs use for receipts. Clients we relay from are exempt: without a login they could send as anybody.

use postwarden_smtp::{Mailbox, Refusal, ReversePath};
use postwarden_store::queue::Route;

use super::asked::Asked;
use super::{Check, lookup_failed};
use crate::directory::{Poster, Reach, Resolution};

pub(super) async fn check(asked: &Asked<'_>, path: &ReversePath) -> Check {
    let Some(login) = &asked.facts.login else { return Ok(()) };
    // Removed, disabled or muted since it logged in.
    match asked.login_account().await? {
        Some(account) if !account.disabled && !account.no_send => {}
        _ => return Err(Refusal::SenderNotYours),
    }
    if !asked.config.security.sender_must_match_login || asked.relaying_from() {
        return Ok(());
    }
    match path {
        ReversePath::Null => Ok(()),
        ReversePath::Mailbox(mailbox) if may_use(asked, &login.account, mailbox).await? => Ok(()),
        ReversePath::Mailbox(_) => Err(Refusal::SenderNotYours),
    }
}

/// Whether the address is the account's own, or leads to it.
pub(super) async fn may_use(asked: &Asked<'_>, account: &str, sender: &Mailbox) -> Result<bool, Refusal> {
    let directory = &asked.node.directory;
    match directory.resolve(&asked.config, sender, asked.now).await.map_err(lookup_failed)? {
        Resolution::Account(own) => Ok(own.address == account),
        Resolution::Alias(_) => {
            let poster = Poster { sender: Some(account), login: Some(account), authorised: true };
            let found = directory
                .expand(&asked.config, sender, poster, Reach::Lists, asked.now)
                .await
                .map_err(lookup_failed)?;
            Ok(found.targets.iter().any(|target| matches!(&target.route, Route::Local(to) if to == account)))
        }
        _ => Ok(false),
    }
}
