//! What the directory says at delivery time: is there still such a mailbox, and where does mail to a
//! sender go?

use postwarden_store::accounts::Entry;
use postwarden_store::queue::Route;
use postwarden_store::{Account, Result, Timestamp};

use crate::config::Config;
use crate::node::Node;

/// A mailbox of this server.
#[derive(Clone, Debug)]
pub(crate) enum Mailbox {
    Account(Box<Account>),
    None,
}

/// What `address`, which was a mailbox when the message was accepted, is now.
pub(crate) async fn mailbox(node: &Node, _config: &Config, address: &str, _now: Timestamp) -> Result<Mailbox> {
    Ok(match node.accounts.lookup(address).await? {
        Some(Entry::Account(account)) => Mailbox::Account(Box::new(account)),
        _ => Mailbox::None,
    })
}

/// Where a notice to `sender` goes: addresses with their routes; empty if nowhere.
pub(crate) async fn targets(
    node: &Node,
    config: &Config,
    sender: &str,
    _now: Timestamp,
) -> Result<Vec<(String, Route)>> {
    let Some((_, domain)) = sender.rsplit_once('@') else { return Ok(Vec::new()) };
    let domain = domain.to_lowercase();
    if !config.domains.contains_key(&domain) {
        return Ok(vec![(sender.to_owned(), Route::Remote(domain))]);
    }
    let address = sender.to_lowercase();
    Ok(match node.accounts.lookup(&address).await? {
        Some(Entry::Account(_)) => vec![(address.clone(), Route::Local(address))],
        _ => Vec::new(),
    })
}
