//! Holds messages that bear the name of somebody important and come from an address that is not theirs.

use std::collections::BTreeMap;

use postwarden_filter::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Name to the addresses and domains it may write from.
    people: BTreeMap<String, Vec<String>>,
}

struct Vip(BTreeMap<String, Vec<String>>);

impl Filter for Vip {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Problems> {
        Ok(Self(settings.people.into_iter().map(|(name, from)| (plain(&name), from)).collect()))
    }

    fn on_message(&self, session: &Session, transaction: &Transaction, message: &Message) -> Answer {
        if session.get_user().is_some() {
            return pass();
        }
        for from in message.get_decoded_fields("From") {
            let (shown, address) = from.rsplit_once('<').unwrap_or((&from, &from));
            let address = address.trim_end_matches('>').trim().to_lowercase();
            let shown = plain(shown);
            let Some((name, allowed)) = self.0.iter().find(|(name, _)| shown.contains(name.as_str())) else { continue };
            let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
            if !allowed.iter().any(|own| own.eq_ignore_ascii_case(&address) || own.eq_ignore_ascii_case(domain)) {
                transaction.add_score("VIP_IMPERSONATION", 5.0, Some(&address))?;
                return quarantine(Reason::Spam).detail(format!("{name} does not write from {address}")).into();
            }
        }
        pass()
    }
}

/// In lower case, letters only: "Doe, JANE" and "Jane  Doe." are one name when its words are sorted.
fn plain(name: &str) -> String {
    let text = name.to_lowercase();
    let mut words: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.join(" ")
}

export!(Vip: on_message);
