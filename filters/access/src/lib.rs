//! Black and white lists: who may not send, who is never asked twice. Answers at RCPT (row 19), so that a bypass entry
//! can name the recipient. Remembers whom local users write to. Reads no content.

mod files;
mod hosts;
mod list;
mod names;
mod networks;
mod remembered;
mod settings;
#[cfg(test)]
mod tests;

use postwarden_filter::*;

use hosts::Hosts;
use list::{Envelope, List};
use names::fold;
use remembered::Remembered;
pub use settings::Settings;

/// Recipients asked for in one call of the host.
const RECIPIENTS_AT_ONCE: u32 = 1000;

#[derive(Debug)]
pub struct Access {
    black: List,
    white: List,
    bypass: List,
    /// What the DNS is asked for: the `a:` entries of all lists.
    hosts: Vec<String>,
    remembered: Option<Remembered>,
}

impl Filter for Access {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let mut read = |key: &str, file: &Option<String>| match file {
            Some(file) => files::read(key, file, &mut problems),
            None => List::default(),
        };
        let black = read("black", &settings.black);
        let white = read("white", &settings.white);
        let bypass = read("bypass", &settings.bypass);
        let mut hosts: Vec<String> =
            [&black, &white, &bypass].into_iter().flat_map(List::hosts).map(str::to_owned).collect();
        hosts.sort();
        hosts.dedup();
        if !hosts.is_empty() && !settings::may_ask_dns() {
            let message = "a: entries are looked up in the DNS: add to its [[filter]]: grants = [\"dns\"]";
            problems.push(Problem::new("", message));
        }
        let remembered = settings.auto_white(&mut problems).map(|life| Remembered { life });
        if !problems.is_empty() {
            return Err(problems);
        }
        let count = |list: &List| list.len().to_string();
        let counts = [("black", count(&black)), ("white", count(&white)), ("bypass", count(&bypass))];
        telemetry::log(telemetry::Level::Debug, "lists", &counts.map(|(name, value)| (name.to_owned(), value)));
        Ok(Self { black, white, bypass, hosts, remembered })
    }

    fn on_recipient(&self, session: &Session, transaction: &Transaction, recipient: &Recipient) -> Answer {
        if self.black.is_empty() {
            return pass();
        }
        let envelope = Envelope::of(session, transaction).to(&recipient.address);
        let listed = self.black.find(&envelope);
        if listed.is_none() && self.black.hosts().next().is_none() {
            return pass();
        }
        // Who pretends to be one of us is spared by bypass entries alone.
        let sparing: Vec<&List> =
            if envelope.is_pretended() { vec![&self.bypass] } else { vec![&self.bypass, &self.white] };
        if sparing.iter().any(|list| list.find(&envelope).is_some()) {
            return pass();
        }
        let hosts = Hosts::of(session, &self.hosts);
        let Some(entry) = listed.or_else(|| self.black.find_host(&hosts)) else { return pass() };
        if sparing.iter().any(|list| list.find_host(&hosts).is_some()) {
            return pass();
        }
        // A refusal is for good: not while a host that would spare the client cannot be looked up.
        if let Some(host) = sparing.iter().find_map(|list| list.unsure(&hosts)) {
            return Err(format!("the DNS does not tell whether the client is {host}").into());
        }
        reject(Reason::Access).detail(format!("{entry} is on the black list")).into()
    }

    /// Wanted only if every recipient's mail is: the message is one.
    fn on_message(&self, session: &Session, transaction: &Transaction, _: &Message) -> Answer {
        if self.white.is_empty() && self.remembered.is_none() {
            return pass();
        }
        let mut envelope = Envelope::of(session, transaction);
        if envelope.is_pretended() {
            return pass();
        }
        let by_host =
            self.white.hosts().next().is_some() && self.white.find_host(&Hosts::of(session, &self.hosts)).is_some();
        let recipients = recipients(transaction);
        let mut left = Vec::new();
        for recipient in &recipients {
            envelope = envelope.to(recipient);
            if !by_host && self.white.find(&envelope).is_none() {
                left.push(envelope.recipient.clone());
            }
        }
        let remembered = || self.remembered.as_ref().is_some_and(|kept| kept.wants(&envelope, transaction, &left));
        let wanted = !recipients.is_empty() && (left.is_empty() || remembered());
        if wanted { accept() } else { pass() }
    }

    fn on_outcome(&self, session: &Session, transaction: &Transaction, outcome: &str, _: &str) {
        if let Some(remembered) = self.remembered.as_ref().filter(|_| outcome == "queued") {
            remembered.note(session, transaction);
        }
    }
}

fn recipients(transaction: &Transaction) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let start = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let some = transaction.list_recipients(start, RECIPIENTS_AT_ONCE);
        if some.is_empty() {
            return all;
        }
        all.extend(some.into_iter().map(|recipient| fold(recipient.address)));
    }
}

export!(Access: on_recipient, on_message, on_outcome);
