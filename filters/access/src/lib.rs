//! Black and white lists: who may not send, who is never asked twice. Answers at RCPT (row 19), so that a bypass entry
//! can name the recipient. Reads no content and asks no DNS.

mod files;
mod list;
mod networks;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use postwarden_filter::*;
use serde::Deserialize;

use list::{Envelope, List};

/// Files of entries, by the names the operator wrote. Without one, nobody is on that list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Refused with row 19.
    black: Option<String>,
    /// Not refused, and the filters after this one are skipped, save those with `always = true`. Needs `accept`.
    white: Option<String>,
    /// Not refused, whatever the black list says.
    bypass: Option<String>,
}

#[derive(Debug)]
pub struct Access {
    black: List,
    white: List,
    bypass: List,
}

impl Filter for Access {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let mut read = |key: &str, file: Option<String>| match file {
            Some(file) => files::read(key, &file, &mut problems),
            None => List::default(),
        };
        let black = read("black", settings.black);
        let white = read("white", settings.white);
        let bypass = read("bypass", settings.bypass);
        if problems.is_empty() { Ok(Self { black, white, bypass }) } else { Err(problems) }
    }

    fn on_recipient(&self, session: &Session, transaction: &Transaction, recipient: &Recipient) -> Answer {
        let envelope = envelope(session, transaction.get_sender(), Some(recipient.address.clone()));
        if self.bypass.find(&envelope).is_some() || self.white.find(&envelope).is_some() {
            return pass();
        }
        match self.black.find(&envelope) {
            Some(entry) => reject(Reason::Access).detail(format!("{entry} is on the black list")).into(),
            None => pass(),
        }
    }

    /// Wanted only if every recipient's mail is: the message is one.
    fn on_message(&self, session: &Session, transaction: &Transaction, _: &Message) -> Answer {
        if self.white.is_empty() {
            return pass();
        }
        let sender = transaction.get_sender();
        let mut seen = 0;
        loop {
            let recipients = transaction.list_recipients(seen, RECIPIENTS_AT_ONCE);
            for recipient in &recipients {
                let envelope = envelope(session, sender.clone(), Some(recipient.address.clone()));
                if self.white.find(&envelope).is_none() {
                    return pass();
                }
            }
            if recipients.is_empty() {
                return if seen > 0 { accept() } else { pass() };
            }
            seen = seen.saturating_add(u32::try_from(recipients.len()).unwrap_or(u32::MAX));
        }
    }
}

/// Recipients asked for in one call of the host.
const RECIPIENTS_AT_ONCE: u32 = 1000;

fn envelope(session: &Session, sender: String, recipient: Option<String>) -> Envelope {
    let client: IpAddr = match session.get_remote_address() {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
    };
    Envelope::new(
        client,
        session.get_reverse_name(),
        session.get_helo(),
        session.get_user().is_some(),
        sender,
        recipient,
    )
}

export!(Access: on_recipient, on_message);
