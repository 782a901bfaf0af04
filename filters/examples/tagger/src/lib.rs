//! Marks mail from outside in its subject, and takes the mark off again where the sender has logged in.

use postwarden_filter::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tagger {
    tag: String,
}

impl Filter for Tagger {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, Problems> {
        match settings.tag.trim().is_empty() {
            true => Err(vec![Problem::new("/tag", "is empty")]),
            false => Ok(settings),
        }
    }

    fn on_message(&self, session: &Session, transaction: &Transaction, message: &Message) -> Answer {
        let subject = message.get_decoded_fields("Subject").into_iter().next();
        let bare = subject.as_deref().unwrap_or_default().replace(&self.tag, "");
        let bare = bare.trim();
        let wanted = match session.get_user() {
            Some(_) => bare.to_owned(),
            None => format!("{} {bare}", self.tag).trim().to_owned(),
        };
        match subject {
            Some(subject) if subject == wanted => {}
            Some(_) => transaction.replace_header("Subject", 0, &wanted)?,
            None => transaction.add_header("Subject", &wanted)?,
        }
        pass()
    }
}

export!(Tagger: on_message);
