//! What the operator may write, and what is said to what he may not.

use postwarden_filter::Problems;
use postwarden_filter::testing::FakeHost;
use serde_json::{Value, json};

use super::{LETTER, symbols};
use crate::Spam;

fn problems(settings: Value) -> Problems {
    FakeHost::new().configure::<Spam>(settings).err().unwrap()
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    let told = problems(json!({ "symbols": { "HTML_ONYL": 1, "URL_PROT": 2 } }));
    let told: Vec<String> = told.iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect();
    assert_eq!(
        told,
        [
            "/symbols/HTML_ONYL there is no symbol \"HTML_ONYL\"; did you mean \"HTML_ONLY\"?",
            "/symbols/URL_PROT there is no symbol \"URL_PROT\"; did you mean \"URL_PORT\"?",
        ]
    );
    let told = problems(json!({ "lists": ["zen.spamhous.org"] })).remove(0);
    assert!(told.message.contains("did you mean \"zen.spamhaus.org\"?"), "{told:?}");
    let told = problems(json!({ "greylst": {} })).remove(0);
    assert!(told.message.contains("greylist"), "{told:?}");
}

#[test]
fn spans_and_codes_are_checked() {
    let told = problems(json!({ "greylist": { "delay": "5 minutes" } })).remove(0);
    assert_eq!(told.path, "/greylist/delay");
    let told = problems(json!({ "lists": [{ "zone": "bl.example.org", "codes": { "listed": 1 } }] })).remove(0);
    assert!(told.path == "/lists/0" && told.message.contains("127.0.0.2"), "{told:?}");
}

#[test]
fn points_are_the_operators() {
    let host = FakeHost::new().remote([127, 0, 0, 1].into()).message(&LETTER.replace("Subject: Minutes\n", ""));
    let filter: Spam = host.configure(json!({ "symbols": { "MISSING_SUBJECT": 4.5 } })).unwrap();
    host.on_message(&filter).unwrap();
    assert_eq!(host.scores(), [("MISSING_SUBJECT".to_owned(), 4.5)]);
    let host = FakeHost::new().remote([127, 0, 0, 1].into()).message(&LETTER.replace("Subject: Minutes\n", ""));
    let filter: Spam = host.configure(json!({ "symbols": { "MISSING_SUBJECT": 0 } })).unwrap();
    host.on_message(&filter).unwrap();
    assert!(symbols(&host).is_empty(), "a symbol of no points is off");
}

#[test]
fn the_settings_of_the_documents_are_taken() {
    let own =
        json!({ "zone": "bl.example.org", "lists": "domains", "points": 2, "codes": { "127.0.0.4-7": 3, "&8": 1 } });
    let settings = json!({
        "symbols": { "HTML_ONLY": 1.5, "URL_TLD": 0 },
        "reject-at": 20,
        "challenge-at": 8,
        "report": false,
        "lists": ["zen.spamhaus.org", own],
        "classifier": { "enabled": true, "min-messages": 50, "rules-weight": 0.3 },
        "greylist": { "enabled": false, "delay": "5m", "retry-within": "2d", "keep": "36d", "trust-after": 5 },
        "reputation": { "enabled": true, "min-messages": 5, "keep": "30d" },
    });
    assert!(FakeHost::new().configure::<Spam>(settings).is_ok());
}
