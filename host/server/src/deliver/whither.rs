//! What the directory says at delivery time: is there still such a mailbox, and where does mail to a
//! sender go?

use std::sync::Arc;

use postwarden_smtp::Mailbox;
use postwarden_store::queue::Route;
use postwarden_store::{Account, Result, Timestamp};

use crate::config::Config;
use crate::directory::{Poster, Reach, Resolution, address};
use crate::node::Node;

/// What a mailbox's address is now.
#[derive(Clone, Debug)]
pub(crate) enum Owner {
    Account(Arc<Account>),
    /// A mailbox without an account: the postmaster's.
    Nobody,
    /// Removed since the message was accepted.
    Gone,
}

/// Whose mailbox `name` is, which was one when the message was accepted.
pub(crate) async fn owner(node: &Node, config: &Config, name: &str, now: Timestamp) -> Result<Owner> {
    let Some(mailbox) = parse(name) else { return Ok(Owner::Gone) };
    Ok(match node.directory.resolve(config, &mailbox, now).await? {
        Resolution::Account(account) if account.address == name => Owner::Account(account),
        Resolution::Mailbox(mailbox) if mailbox == name => Owner::Nobody,
        _ => Owner::Gone,
    })
}

/// Where a notice to `sender` goes: addresses with their routes; empty if nowhere. A notice has no
/// sender, and no list takes it.
pub(crate) async fn targets(
    node: &Node,
    config: &Config,
    sender: &str,
    now: Timestamp,
) -> Result<Vec<(String, Route)>> {
    let Some(mailbox) = parse(sender) else { return Ok(Vec::new()) };
    let expansion = node.directory.expand(config, &mailbox, Poster::default(), Reach::Mailboxes, now).await?;
    if expansion.foreign {
        return Ok(vec![(sender.to_owned(), Route::Remote(mailbox.domain.to_string()))]);
    }
    if expansion.verdict().is_err() {
        return Ok(Vec::new());
    }
    Ok(expansion.targets.into_iter().map(|target| (target.address, target.route)).collect())
}

fn parse(name: &str) -> Option<Mailbox> {
    address::parse(name)
}
