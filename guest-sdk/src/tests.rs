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
    assert!(unknown.message.contains("`rulez`") && unknown.message.ends_with("did you mean `rules`?"), "{unknown:?}");
}

#[test]
fn what_is_not_granted_fails_the_call() {
    let host = FakeHost::new().without("edit").message("Subject: x\n\nx\n");
    let filter = host.configure::<Lists>(json!({ "rules": [] })).unwrap();
    let failure = host.on_message(&filter).unwrap_err();
    assert!(failure.message.contains("NotPermitted"), "{failure:?}");
}

/// Learns words of subjects; its model is their number.
#[derive(Debug)]
struct Words {
    known: usize,
}

impl Filter for Words {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, Problems> {
        let problem = |error: state::Error| vec![Problem::new("", format!("{error:?}"))];
        let bucket = state::Bucket::open("").map_err(problem)?;
        bucket.get("generation").map_err(problem)?;
        if !matches!(bucket.set("x", b"", None), Err(state::Error::AccessDenied)) {
            return Err(vec![Problem::new("", "configure could write")]);
        }
        Ok(Self { known: bucket.list_keys("word/", None, 1000).map_err(problem)?.len() })
    }

    fn on_message(&self, _: &Session, transaction: &Transaction, message: &Message) -> Answer {
        transaction.add_score("KNOWN", self.known as f64, None)?;
        if transaction.get_attribute("sender.local").is_none() {
            transaction.replace_part(message.count_parts() - 1, "text/plain", b"gone")?;
        }
        pass()
    }

    fn on_recipient(&self, _: &Session, transaction: &Transaction, recipient: &Recipient) -> Answer {
        let domain = recipient.address.rsplit_once('@').unwrap_or_default().1;
        let local = ["recipient.local".to_owned(), format!("domain.local:{domain}")];
        match local.map(|name| transaction.get_attribute(&name)) {
            [Some(_), Some(_)] => pass(),
            [None, None] => reject(Reason::Access).into(),
            other => Err(format!("{other:?}").into()),
        }
    }

    fn on_feedback(&self, message: &Message, class: Class) -> Result<(), Failure> {
        if !matches!(class, Class::Ham | Class::Spam) {
            return Err(format!("what is {class:?}?").into());
        }
        let bucket = state::Bucket::open("").map_err(|error| format!("{error:?}"))?;
        for word in message.get_decoded_fields("Subject").join(" ").split(' ') {
            bucket.set(&format!("word/{word}"), b"", None).map_err(|error| format!("{error:?}"))?;
        }
        bucket.increment("generation", 1, None).map_err(|error| format!("{error:?}"))?;
        Ok(())
    }
}

export!(Words: on_recipient, on_message, on_feedback);

#[test]
fn what_was_learned_is_in_the_next_model() {
    let host = FakeHost::new().message("Subject: one two\n\nx\n").sender("a@here.example").local_domain("here.example");
    let filter = host.configure::<Words>(json!({})).unwrap();
    assert!(!host.is_stale());
    host.on_feedback(&filter, Class::Spam).unwrap();
    assert!(host.on_feedback(&filter, Class::Other("later".to_owned())).is_err());
    assert!(host.is_stale());
    let filter = host.configure::<Words>(json!({})).unwrap();
    assert!(!host.is_stale());
    host.on_message(&filter).unwrap();
    assert_eq!(host.scores(), [("KNOWN".to_owned(), 2.0)]);
    assert!(host.edits().is_empty());
}

#[test]
fn local_domains_and_new_parts() {
    let host = FakeHost::new()
        .local_domain("here.example")
        .message("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n--b--\n");
    let filter = host.configure::<Words>(json!({})).unwrap();
    assert!(matches!(host.on_recipient(&filter, "b@here.example"), Ok(Verdict::Pass)));
    assert!(matches!(host.on_recipient(&filter, "b@there.example"), Ok(Verdict::Reject(_))));
    host.on_message(&filter).unwrap();
    assert_eq!(host.edits(), [Edit::ReplacePart(2, "text/plain".to_owned(), b"gone".to_vec())]);
    let transaction = Transaction::new();
    assert!(matches!(transaction.replace_part(0, "text/plain", b""), Err(EditError::Invalid(_))));
    assert!(matches!(transaction.replace_part(1, "message/rfc822", b""), Err(EditError::Invalid(_))));
    assert!(matches!(transaction.replace_part(3, "text/plain", b""), Err(EditError::NotFound)));
}

#[test]
fn patterns_are_searched_natively() {
    use patterns::{Error, Places};
    assert!(matches!(patterns::find_in_bytes("a", b"x", Places::First, 9), Err(Error::NoSuchSet)));
    assert!(matches!(patterns::define("a", &[b"x".to_vec()], false), Err(Error::WrongTime)));

    struct Virus;
    impl Filter for Virus {
        type Settings = NoSettings;
        fn configure(_: NoSettings) -> Result<Self, Problems> {
            assert!(matches!(patterns::define("a", &[Vec::new()], true), Err(Error::Invalid(_))));
            assert!(patterns::define("a", &[b"Eicar".to_vec(), b"car".to_vec()], true).is_ok());
            Ok(Self)
        }
        fn on_message(&self, _: &Session, _: &Transaction, message: &Message) -> Answer {
            let found =
                patterns::find_in_message("a", message, Places::First, 9).map_err(|error| format!("{error:?}"))?;
            let found: Vec<_> = found.iter().map(|found| (found.pattern, found.start)).collect();
            if found == [(0, 14), (1, 16)] { reject(Reason::Virus).into() } else { Err(format!("{found:?}").into()) }
        }
    }
    let host = FakeHost::new().message("Subject: x\n\nEICAR car\n");
    let filter = host.configure::<Virus>(json!({})).unwrap();
    assert!(matches!(host.on_message(&filter), Ok(Verdict::Reject(_))), "{:?}", host.on_message(&filter));
}
