//! VRFY: rows 23. Off by default; whoever switches it on wants it answered.

use postwarden_smtp::{Answer, Domain, Mailbox, Refusal};

use super::asked::Asked;
use super::lookup_failed;
use crate::directory::{Reach, Resolution, address, address_of};

pub(super) async fn verify(asked: &Asked<'_>, argument: &str) -> Answer {
    match user(asked, argument).await {
        Ok(address) => Answer::Text(format!("<{address}>")),
        Err(refusal) => Answer::Refuse(refusal),
    }
}

/// A mailbox of this server, or an alias that leads to one.
async fn user(asked: &Asked<'_>, argument: &str) -> Result<String, Refusal> {
    let mailbox = mailbox(asked, argument).ok_or(Refusal::NoSuchUser)?;
    let directory = &asked.node.directory;
    match directory.resolve(&asked.config, &mailbox, asked.now).await.map_err(lookup_failed)? {
        Resolution::Account(_) | Resolution::Mailbox(_) => Ok(address_of(&mailbox)),
        Resolution::Alias(_) | Resolution::Redirect(_) => {
            let found = directory
                .expand(&asked.config, &mailbox, asked.poster(None), Reach::Lists, asked.now)
                .await
                .map_err(lookup_failed)?;
            if found.targets.is_empty() { Err(Refusal::NoSuchUser) } else { Ok(address_of(&mailbox)) }
        }
        _ => Err(Refusal::NoSuchUser),
    }
}

/// `user@domain` or `user`, with or without brackets and a name before them. A bare user is one of
/// this server's own domain.
pub(super) fn mailbox(asked: &Asked<'_>, argument: &str) -> Option<Mailbox> {
    let argument = argument.trim();
    let argument = match (argument.rfind('<'), argument.strip_suffix('>')) {
        (Some(open), Some(inner)) => inner.get(open + 1..)?,
        _ => argument,
    };
    if let Some(mailbox) = address::parse(argument) {
        return Some(mailbox);
    }
    if argument.is_empty() || argument.contains('@') {
        return None;
    }
    let domain = address::primary_domain(&asked.config)?;
    Some(Mailbox { local: argument.to_owned(), domain: Domain::Name(domain.to_owned()) })
}
