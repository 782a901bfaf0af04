//! The filter with a daemon that says what the test wants.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use postwarden_filter::testing::FakeHost;
use postwarden_filter::{Answer, Verdict};
use serde_json::{Value, json};

use crate::Clamd;

const ADDRESS: &str = "127.0.0.1:3310";

fn ask(settings: Value, said: &[u8]) -> Answer {
    let host = FakeHost::new().message("Subject: x\n\nhello\n").peer(ADDRESS, said);
    let filter = host.configure::<Clamd>(settings).unwrap();
    host.on_message(&filter)
}

fn detail(answer: Answer) -> String {
    match answer {
        Ok(Verdict::Reject(found) | Verdict::Quarantine(found) | Verdict::Discard(found)) => found.detail.unwrap(),
        Ok(_) => String::new(),
        Err(failure) => format!("failed: {} {}", failure.retryable, failure.message),
    }
}

#[test]
fn the_message_is_streamed_in_pieces() {
    let host = FakeHost::new().message("Subject: x\n\nhello\n").peer(ADDRESS, b"stream: OK\0");
    let filter = host.configure::<Clamd>(json!({ "piece": "15B" })).unwrap();
    assert!(matches!(host.on_message(&filter), Ok(Verdict::Pass)));
    let expected = b"zINSTREAM\0\0\0\0\x0FSubject: x\r\n\r\nh\0\0\0\x06ello\r\n\0\0\0\0";
    assert_eq!(host.sent(ADDRESS), expected);
}

#[test]
fn answers_become_verdicts() {
    let found = b"stream: Win.Test.EICAR_HDB-1 FOUND\0";
    assert!(matches!(ask(json!({}), found), Ok(Verdict::Reject(_))));
    assert_eq!(detail(ask(json!({}), found)), "virus Win.Test.EICAR_HDB-1, says clamd");
    assert!(matches!(ask(json!({ "action": "quarantine" }), found), Ok(Verdict::Quarantine(_))));
    assert!(matches!(ask(json!({ "action": "discard" }), found), Ok(Verdict::Discard(_))));
    assert!(matches!(ask(json!({ "action": "pass" }), found), Ok(Verdict::Pass)));
    let large = b"INSTREAM size limit exceeded. ERROR\0";
    assert!(matches!(ask(json!({}), large), Ok(Verdict::Quarantine(_))));
    assert!(matches!(ask(json!({ "on-limit": "reject" }), large), Ok(Verdict::Reject(_))));
    assert!(matches!(ask(json!({ "on-limit": "pass" }), large), Ok(Verdict::Pass)));
}

#[test]
fn what_is_no_answer_is_a_failure_that_may_pass() {
    let ask = |said: &[u8]| detail(ask(json!({}), said));
    assert_eq!(ask(b"stream: Can't allocate memory ERROR\0"), "failed: true clamd says: Can't allocate memory ERROR");
    assert_eq!(ask(b""), "failed: true clamd at 127.0.0.1:3310: it closed without an answer");
    assert!(ask(b"\xFF\xFE\r\n\0").starts_with("failed: true clamd says: "));
    assert!(ask(&[b'x'; 100_000]).len() < 300);
    let host = FakeHost::new().message("Subject: x\n\n");
    let filter = host.configure::<Clamd>(json!({})).unwrap();
    assert!(detail(host.on_message(&filter)).contains("not granted"));
}

#[test]
fn settings_are_checked() {
    let host = FakeHost::new();
    let told = host.configure::<Clamd>(json!({ "address": "localhost", "piece": "0B" })).unwrap_err();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].message.contains("host:port"), "{told:?}");
    let filter = host.configure::<Clamd>(json!({ "address": "[::1]:3310" })).unwrap();
    assert_eq!((filter.host.as_str(), filter.port), ("::1", 3310));
    assert!(host.configure::<Clamd>(json!({ "adress": "x:1" })).unwrap_err()[0].message.contains("address"));
}
