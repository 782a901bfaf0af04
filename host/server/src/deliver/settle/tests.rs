//! What follows from each verdict.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use postwarden_store::Id;
use postwarden_store::queue::{Envelope, NewRecipient, RecipientState};
use std::path::Path;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const RECEIVED: i64 = 1_795_000_000_000;

fn config() -> Config {
    let text =
        "hostname = \"mx.example.com\"\n[delivery]\nretry = [\"5m\", \"15m\"]\nexpire = \"1d\"\nwarn-after = \"10m\"\n";
    crate::config::read::parse(text, Path::new("postwarden.toml")).unwrap().config
}

fn recipient() -> QueuedRecipient {
    QueuedRecipient {
        index: 0,
        recipient: NewRecipient {
            address: "bob@example.net".into(),
            original: "bob@example.net".into(),
            route: Route::Remote("example.net".into()),
            sender: None,
            notify: None,
            orcpt: None,
            due: RECEIVED,
            expires: RECEIVED + 24 * HOUR,
        },
        state: RecipientState::Leased,
        attempts: 0,
        last_error: String::new(),
        warned: false,
    }
}

fn message(recipient: &QueuedRecipient) -> QueuedMessage {
    QueuedMessage {
        id: Id(1),
        envelope: Envelope { sender: "alice@example.com".into(), received: RECEIVED, ..Envelope::default() },
        size: 1,
        recipients: vec![recipient.clone()],
        hold: None,
    }
}

fn decided(message: &QueuedMessage, recipient: &QueuedRecipient, verdict: Verdict, now: i64) -> Decided {
    decide(&config(), message, recipient, verdict, now)
}

fn failed() -> Verdict {
    Verdict::Failed(Said { status: "5.1.1".into(), text: "550 5.1.1 no".into(), remote: Some("mx.example.net".into()) })
}

fn deferred() -> Verdict {
    Verdict::Deferred(Said { status: "4.2.0".into(), text: "450 later".into(), remote: Some("mx.example.net".into()) })
}

#[test]
fn notify_decides_who_is_told() {
    let relayed = || Verdict::Relayed { said: Said::default(), reports: false };
    let delivered = || Verdict::Delivered { said: None };
    for (notify, failure, success, relay) in [
        (None, Some(Action::Failed), None, None),
        (Some("NEVER"), None, None, None),
        (Some("FAILURE"), Some(Action::Failed), None, None),
        (Some("success,delay"), None, Some(Action::Delivered), Some(Action::Relayed)),
    ] {
        let mut one = recipient();
        one.recipient.notify = notify.map(str::to_owned);
        let message = message(&one);
        assert_eq!(decided(&message, &one, failed(), RECEIVED).notice, failure, "{notify:?}");
        assert_eq!(decided(&message, &one, delivered(), RECEIVED).notice, success, "{notify:?}");
        assert_eq!(decided(&message, &one, relayed(), RECEIVED).notice, relay, "{notify:?}");
        let reports = Verdict::Relayed { said: Said::default(), reports: true };
        assert_eq!(decided(&message, &one, reports, RECEIVED).notice, None);
        assert_eq!(decided(&message, &one, failed(), RECEIVED).outcome, Outcome::Done);
    }
}

#[test]
fn no_notice_about_notices_nor_for_the_null_sender() {
    let one = recipient();
    let generated = message(&one);
    let generated = QueuedMessage { envelope: Envelope { generated: true, ..generated.envelope }, ..generated };
    assert_eq!(decided(&generated, &one, failed(), RECEIVED).notice, None);
    let null = QueuedMessage { envelope: Envelope { received: RECEIVED, ..Envelope::default() }, ..message(&one) };
    assert_eq!(decided(&null, &one, failed(), RECEIVED).notice, None);
    // A list's own sender is asked, not the poster.
    let mut listed = recipient();
    listed.recipient.sender = Some("list-owner@example.com".into());
    assert_eq!(decided(&null, &listed, failed(), RECEIVED).notice, Some(Action::Failed));
    listed.recipient.sender = Some(String::new());
    assert_eq!(decided(&message(&listed), &listed, failed(), RECEIVED).notice, None);
}

#[test]
fn deferred_is_tried_again_told_once_and_given_up_in_the_end() {
    let mut one = recipient();
    let first = decided(&message(&one), &one, deferred(), RECEIVED);
    let error = "mx.example.net said: 450 later".to_owned();
    assert_eq!(first.outcome, Outcome::Retry { due: RECEIVED + 5 * MINUTE, error: error.clone(), warned: false });
    assert_eq!((first.event, first.notice), (Some("deferred"), None));
    one.attempts = 2;
    let second = decided(&message(&one), &one, deferred(), RECEIVED + 20 * MINUTE);
    assert_eq!(second.outcome, Outcome::Retry { due: RECEIVED + 35 * MINUTE, error, warned: true });
    assert_eq!(second.notice, Some(Action::Delayed));
    one.warned = true;
    one.attempts = 3;
    assert_eq!(decided(&message(&one), &one, deferred(), RECEIVED + 35 * MINUTE).notice, None);
    one.attempts = 100;
    let last = decided(&message(&one), &one, deferred(), RECEIVED + 24 * HOUR);
    assert_eq!((last.event, last.notice, last.outcome), (Some("expired"), Some(Action::Failed), Outcome::Done));
    assert_eq!(last.said.unwrap().status, "5.4.7");
}

#[test]
fn a_stop_counts_no_try() {
    let one = recipient();
    let decided = decided(&message(&one), &one, Verdict::NotTried, RECEIVED);
    assert_eq!((decided.event, decided.notice, decided.outcome), (None, None, Outcome::Release));
}

#[test]
fn deliver_by() {
    let one = QueuedRecipient { attempts: 1, ..recipient() };
    let by = RECEIVED + 2 * MINUTE;
    let with = |notify| {
        let message = message(&one);
        QueuedMessage { envelope: Envelope { deliver_by: Some((by, notify)), ..message.envelope }, ..message }
    };
    assert_eq!(decided(&with(false), &one, deferred(), by).event, Some("expired"));
    let told = decided(&with(true), &one, deferred(), by);
    assert_eq!((told.event, told.notice), (Some("deferred"), Some(Action::Delayed)));
}
