//! A filter of every kind of call against the fake host.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde::Deserialize;
use serde_json::json;

use crate::testing::{Edit, FakeHost};
use crate::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Rule {
    list: String,
    points: f64,
}

#[derive(Debug)]
struct Lists {
    settings: Settings,
    own: String,
}

impl Filter for Lists {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Problems> {
        let own = String::from_utf8_lossy(&assets::read("own", 0, u32::MAX)).into_owned();
        match settings.rules.iter().position(|rule| rule.points < 0.0) {
            Some(bad) => Err(vec![Problem::new(format!("/rules/{bad}/points"), "is below 0")]),
            None => Ok(Self { settings, own }),
        }
    }

    fn on_recipient(&self, _: &Session, _: &Transaction, recipient: &Recipient) -> Answer {
        if self.own.contains(&recipient.address) { reject(Reason::Access).reply_text("Not you").into() } else { pass() }
    }

    fn on_message(&self, session: &Session, transaction: &Transaction, message: &Message) -> Answer {
        let IpAddress::Ipv4((a, b, c, d)) = session.get_remote_address() else { return pass() };
        let asked: Vec<_> = self
            .settings
            .rules
            .iter()
            .map(|rule| dns::Question { name: format!("{d}.{c}.{b}.{a}.{}", rule.list), record_type: 1 })
            .collect();
        for (rule, answer) in self.settings.rules.iter().zip(dns::resolve_all(&asked)) {
            if answer.is_ok() {
                transaction.add_score("LISTED", rule.points, Some(&rule.list))?;
            }
        }
        let bucket = state::Bucket::open("").map_err(|error| format!("{error:?}"))?;
        let seen = bucket.increment("seen", 1, Some(60_000_000_000)).map_err(|error| format!("{error:?}"))?;
        transaction.add_header("X-Seen", &format!("{seen} of {} parts", message.count_parts()))?;
        telemetry::log(telemetry::Level::Info, "done", &[]);
        pass()
    }
}

export!(Lists: on_recipient, on_message);

#[test]
fn a_filter_is_called_with_what_the_host_says() {
    let host = FakeHost::new()
        .asset("own", "bad@example.net")
        .dns("1.2.0.192.list.example", 1, Ok(vec![dns::RecordData::Address(IpAddress::Ipv4((127, 0, 0, 2)))]))
        .message("Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n--b--\n");
    let settings =
        json!({ "rules": [{ "list": "list.example", "points": 2 }, { "list": "other.example", "points": 1 }] });
    let filter = host.configure::<Lists>(settings).unwrap();
    assert!(matches!(host.on_recipient(&filter, "good@example.net"), Ok(Verdict::Pass)));
    assert!(matches!(host.on_recipient(&filter, "bad@example.net"), Ok(Verdict::Reject(_))));
    assert!(matches!(host.on_sender(&filter), Ok(Verdict::Pass)));
    assert!(matches!(host.on_message(&filter), Ok(Verdict::Pass)));
    assert_eq!(host.scores(), [("LISTED".to_owned(), 2.0)]);
    assert_eq!(host.edits(), [Edit::AddHeader("X-Seen".to_owned(), "1 of 3 parts".to_owned())]);
    assert_eq!(host.log(), ["Info: done".replace("Info", "Level::Info")]);
    // The counter lives for a minute.
    host.wait(30_000);
    host.on_message(&filter).unwrap();
    host.wait(31_000);
    host.on_message(&filter).unwrap();
    let seen: Vec<_> = host.edits().into_iter().map(|edit| format!("{edit:?}")).collect();
    assert!(seen[1].contains("2 of 3") && seen[2].contains("1 of 3"), "{seen:?}");
}

#[test]
fn problems_say_where_they_are() {
    let host = FakeHost::new();
    let path = |settings| host.configure::<Lists>(settings).unwrap_err().remove(0).path;
    assert_eq!(
        path(json!({ "rules": [{ "list": "a", "points": 1 }, { "list": "b", "points": -1 }] })),
        "/rules/1/points"
    );
    assert_eq!(path(json!({ "rules": [{ "list": 3, "points": 1 }] })), "/rules/0/list");
    let unknown = host.configure::<Lists>(json!({ "rulez": [] })).unwrap_err().remove(0);
    assert!(unknown.message.contains("rulez") && unknown.message.contains("rules"), "{unknown:?}");
}

#[test]
fn what_is_not_granted_fails_the_call() {
    let host = FakeHost::new().without("edit").message("Subject: x\n\nx\n");
    let filter = host.configure::<Lists>(json!({ "rules": [] })).unwrap();
    let failure = host.on_message(&filter).unwrap_err();
    assert!(failure.message.contains("NotPermitted"), "{failure:?}");
}
