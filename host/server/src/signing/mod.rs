//! Signatures on what leaves: made at delivery, after every edit, as the body streams by. Which messages are signed,
//! with which keys, over which fields. How a key signs is `key`.
//!
//! DKIM (RFC 6376) is for what somebody here vouches for: mail of a login whose own domain or envelope sender is in the
//! key's domain, mail from addresses we relay from, and notices of this server; each where the domain of From is the
//! key's or below it. What is passed on for strangers by aliases and lists keeps its author's signature and gets a seal
//! (ARC) with what this server found out about it.

mod arc;
pub mod key;
#[cfg(test)]
mod tests;

use mail_auth::AuthenticatedMessage;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::{DkimSigner, DkimSigningStream, Done};
use postwarden_mail::header;
use postwarden_store::queue::Envelope;
use postwarden_store::{Body, Result, Timestamp};

use crate::config::{Config, DkimKey};
pub use key::{Key, Kind};

/// A message with a larger header section leaves without a signature.
const HEADER_BYTES_MAX: usize = 512 << 10;

/// Signed wherever they stand, and once more, so that nobody can add another.
const SEALED: [&str; 9] =
    ["From", "To", "Cc", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"];
/// Signed where they stand; lists may add them.
const SIGNED: [&str; 6] = ["Sender", "Reply-To", "In-Reply-To", "References", "List-Id", "List-Unsubscribe"];

/// A message on its way to another server.
pub(crate) struct Outgoing<'a> {
    pub(crate) envelope: &'a Envelope,
    /// The fields this server has put before the content.
    pub(crate) trace: &'a [u8],
    /// The domain of the address here that passes it on, where that is an alias or a list.
    pub(crate) passed_on_by: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// The fields to be put before the message; empty where nobody signs it.
pub(crate) async fn fields(config: &Config, outgoing: &Outgoing<'_>, body: &Body) -> Result<Vec<u8>> {
    if config.delivery.dkim.is_empty() {
        return Ok(Vec::new());
    }
    let mut body = body.again();
    let mut head = Vec::new();
    while let Some(chunk) = body.next().await? {
        head.extend_from_slice(&chunk);
        if header::split(&head).0.len() < head.len() || head.len() > HEADER_BYTES_MAX {
            break;
        }
    }
    let section = header::split(&head).0;
    // Where header and body are not clearly apart, others may see them apart elsewhere.
    let closed = head.get(section.len()..).is_some_and(|rest| rest.starts_with(b"\r\n"));
    if !closed || section.len() > HEADER_BYTES_MAX {
        return Ok(Vec::new());
    }
    let mut names = names(section);
    let sealing = if ours(config, outgoing.envelope) { None } else { sealing(config, outgoing, section) };
    let keys = match &sealing {
        None => keys(config, outgoing.envelope, &head),
        Some((_, key)) => {
            names.extend(header::fields(section).filter(|field| field.is("DKIM-Signature")).map(|_| "DKIM-Signature"));
            vec![*key]
        }
    };
    let signers: Vec<_> = keys.iter().map(|key| signer(key, &names)).collect();
    let mut streams: Vec<DkimSigningStream<'_, &Key>> = signers.iter().map(DkimSigner::sign_streaming).collect();
    if streams.is_empty() {
        return Ok(Vec::new());
    }
    streams.iter_mut().for_each(|stream| stream.write(&head));
    while let Some(chunk) = body.next().await? {
        streams.iter_mut().for_each(|stream| stream.write(&chunk));
    }
    let mut fields = Vec::new();
    for stream in streams {
        match (stream.finish(), &sealing) {
            (Ok(signature), None) => signature.write_header(&mut fields),
            // Of a seal, the library does the body.
            (Ok(signature), Some((chain, key))) => {
                let seconds = outgoing.now.div_euclid(1000);
                fields.extend(arc::seal(chain, key, &names, section, &signature.bh, seconds).unwrap_or_default());
            }
            (Err(error), _) => tracing::error!(target: "delivery", %error, "a message could not be signed"),
        }
    }
    Ok(fields)
}

fn signer<'c>(key: &'c DkimKey, names: &[&str]) -> DkimSigner<&'c Key, Done> {
    DkimSigner::from_key(&*key.secret)
        .domain(key.domain.as_str())
        .selector(key.selector.as_str())
        .headers(names.iter().copied())
}

/// The chain a seal follows on, and the key; RSA where there is one, since more servers know it.
fn sealing<'a>(
    config: &'a Config,
    outgoing: &Outgoing<'_>,
    section: &'a [u8],
) -> Option<(arc::Chain<'a>, &'a DkimKey)> {
    let domain = outgoing.passed_on_by?;
    let fits = config.delivery.dkim.iter().filter(|key| covers(&key.domain, domain));
    let key = fits.max_by_key(|key| (key.domain.len(), key.secret.kind() == Kind::Rsa))?;
    Some((arc::chain(outgoing.trace, section)?, key))
}

/// Whether somebody here vouches for the message at all.
fn ours(config: &Config, envelope: &Envelope) -> bool {
    envelope.login.is_some() || envelope.generated || trusted(config, envelope)
}

fn trusted(config: &Config, envelope: &Envelope) -> bool {
    envelope.client.parse().is_ok_and(|client| config.relay_from.iter().any(|network| network.contains(client)))
}

/// All keys of the closest domain that covers every author and may be used for this message.
fn keys<'c>(config: &'c Config, envelope: &Envelope, head: &[u8]) -> Vec<&'c DkimKey> {
    if !ours(config, envelope) {
        return Vec::new();
    }
    let Some(message) = AuthenticatedMessage::parse(head) else { return Vec::new() };
    let authors: Vec<&str> = message.from.iter().map(|from| domain_of(from)).collect();
    let free = envelope.generated || trusted(config, envelope);
    let own = [envelope.sender.as_str(), envelope.login.as_deref().unwrap_or_default()].map(domain_of);
    let fits = |key: &&DkimKey| {
        let mine = free || own.iter().any(|domain| covers(&key.domain, domain));
        mine && !authors.is_empty() && authors.iter().all(|author| covers(&key.domain, author))
    };
    let fitting: Vec<&DkimKey> = config.delivery.dkim.iter().filter(fits).collect();
    let closest = fitting.iter().map(|key| key.domain.len()).max();
    fitting.into_iter().filter(|key| Some(key.domain.len()) == closest).collect()
}

fn covers(key: &str, domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    domain == key || domain.strip_suffix(key).is_some_and(|below| below.ends_with('.'))
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// The names for `h=`.
fn names(section: &[u8]) -> Vec<&'static str> {
    let stands = |name: &&str| header::fields(section).any(|field| field.is(name));
    let mut names = SEALED.to_vec();
    names.extend(SEALED.iter().filter(|name| stands(name)));
    names.extend(SIGNED.iter().filter(|name| stands(name)));
    names
}
