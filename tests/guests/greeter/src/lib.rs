//! A filter of the SDK: refuses clients by their greeting and tags subjects.

use postwarden_filter::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Greeter {
    refuse: Vec<String>,
    tag: String,
}

impl Filter for Greeter {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, Problems> {
        Ok(settings)
    }

    fn on_greeting(&self, session: &Session) -> Answer {
        let name = session.get_helo().unwrap_or_default();
        if self.refuse.contains(&name) { reject(Reason::Access).detail(name).into() } else { pass() }
    }

    fn on_message(&self, _: &Session, transaction: &Transaction, message: &Message) -> Answer {
        let subject = message.get_decoded_fields("Subject").join(" ");
        transaction.replace_header("Subject", 0, &format!("{} {subject}", self.tag))?;
        pass()
    }
}

export!(Greeter: on_greeting, on_message);
