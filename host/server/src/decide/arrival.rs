//! A message as it arrives, before filters see it: a user's is completed, that of others is asked who really sent it.

use postwarden_smtp::Refusal;
use postwarden_smtp::session::Transaction;
use postwarden_store::Draft;

use super::asked::Asked;
use super::message::sender_of;
use super::record::Record;
use super::{Check, sender_login};
use crate::chain::Conversation;
use crate::config::ForeignFrom;
use crate::directory::address;
use crate::opened::Opened;
use crate::sender_auth;
use crate::submission::{self, AUTHORS_MAX, Submitted};

pub(super) async fn check(
    asked: &Asked<'_>,
    transaction: &Transaction,
    filtered: &mut Conversation,
    draft: &mut Draft,
    record: &mut Record<'_>,
) -> Check {
    let opened = Opened::read(asked.node, draft).await?;
    let sender = sender_of(transaction);
    let (opened, judgement) = sender_auth::message(asked, &mut filtered.sender, &sender, opened, draft).await?;
    record.authentication = filtered.sender.summary();
    filtered.judged(&judgement);
    match judgement.refusal {
        Some(refusal) => Err(refusal),
        None => complete(asked, transaction, opened, draft).await,
    }
}

/// Mail of a login.
async fn complete(asked: &Asked<'_>, transaction: &Transaction, mut opened: Opened, draft: &mut Draft) -> Check {
    let Some(login) = &asked.facts.login else { return Ok(()) };
    let settings = &asked.config.submission;
    let own = own_author(asked, &login.account, opened.header()).await?;
    if !own && settings.foreign_from == ForeignFrom::Reject {
        return Err(Refusal::SenderNotYours); // 8
    }
    if !settings.complete {
        return Ok(());
    }
    let tidied = submission::tidied(
        opened.header(),
        &Submitted {
            login: &login.account,
            hostname: &asked.config.hostname,
            id: &transaction.id,
            now: asked.now,
            own: own || settings.foreign_from == ForeignFrom::Keep,
            utf8: transaction.parameters.smtputf8,
        },
    );
    match tidied {
        Some(header) => opened.replace_header(asked.node, draft, header).await,
        None => Ok(()),
    }
}

/// Whether From names nobody else, as far as the operator cares.
async fn own_author(asked: &Asked<'_>, account: &str, head: &[u8]) -> Result<bool, Refusal> {
    if !asked.config.security.sender_must_match_login || asked.relaying_from() {
        return Ok(true);
    }
    let authors = submission::authors(head);
    if authors.len() > AUTHORS_MAX {
        return Ok(false);
    }
    for author in &authors {
        let own = match address::parse(author) {
            Some(mailbox) => sender_login::may_use(asked, account, &mailbox).await?,
            None => false,
        };
        if !own {
            return Ok(false);
        }
    }
    Ok(true)
}
