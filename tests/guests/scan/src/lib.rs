//! A filter of ordinary work, for measurements: headers only, or the whole message against many patterns.

#[path = "work.rs"]
mod work;

use std::sync::OnceLock;

use serde_json::Value;

wit_bindgen::generate!({ path: "../../../wit/0.1", world: "message-filter" });

use exports::postwarden::filter::{on_message, setup};
use postwarden::filter::content::Message;
use postwarden::filter::patterns;
use postwarden::filter::smtp::{Session, Transaction};
use postwarden::filter::types::{Failure, Verdict};

static WORK: OnceLock<work::Work> = OnceLock::new();
/// The server searches.
static LENT: OnceLock<bool> = OnceLock::new();

struct Scan;

impl setup::Guest for Scan {
    /// `{"patterns": 5000, "table-mb": 20, "body": true, "lent": true}`
    fn configure(settings: String) -> Result<(), Vec<setup::Problem>> {
        let settings: Value = serde_json::from_str(&settings).expect("settings are JSON");
        let number = |name: &str| settings[name].as_u64().unwrap_or(0) as usize;
        let lent = settings["lent"].as_bool().unwrap_or(false);
        LENT.get_or_init(|| lent);
        if lent {
            patterns::define("words", &work::words(number("patterns")), false).expect("patterns");
            return Ok(());
        }
        WORK.get_or_init(|| {
            work::Work::new(number("patterns"), number("table-mb"), settings["body"].as_bool().unwrap_or(false))
        });
        Ok(())
    }
}

impl work::Mail for Message {
    fn fields(&self) -> Vec<(String, Vec<u8>)> {
        self.list_fields(0, 20).into_iter().map(|field| (field.name, field.value)).collect()
    }

    fn read(&self, start: u64, limit: u32) -> Vec<u8> {
        Message::read(self, start, limit)
    }
}

impl on_message::Guest for Scan {
    fn check(_session: Session, transaction: Transaction, message: Message) -> Result<Verdict, Failure> {
        if LENT.get() == Some(&true) {
            let fields = work::Mail::fields(&message);
            let long = fields.iter().filter(|(name, value)| name.len() > value.len()).count();
            let found = patterns::find_in_message("words", &message, patterns::Places::Every, u32::MAX);
            let hits = long + found.map_or(0, |found| found.len());
            let _ = transaction.add_score("HITS", hits as f64, None);
        } else if let Some(work) = WORK.get() {
            let hits = work.look(&message);
            let _ = transaction.add_score("HITS", hits as f64, None);
        }
        Ok(Verdict::Pass)
    }
}

export!(Scan);
