//! Verdicts, header fields, lists, greylisting, reputation.

use postwarden_filter::dns::{Error, RecordData};
use postwarden_filter::testing::{Edit, FakeHost};
use postwarden_filter::{IpAddress, Reason, Verdict};
use serde_json::json;

use super::{LETTER, spam, symbols};
use crate::Spam;

const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

fn outside() -> FakeHost {
    FakeHost::new().remote([203, 0, 113, 9].into()).helo("mail.example.org").reverse_name("mail.example.org")
}

#[test]
fn gtube_is_rejected_by_this_filter() {
    let host = outside().message(&LETTER.replace("Hello", GTUBE));
    let answer = host.on_message(&spam(&host));
    assert!(matches!(answer, Ok(Verdict::Reject(objection)) if matches!(objection.reason, Reason::Spam)));
}

#[test]
fn limits_of_its_own_reject_and_challenge() {
    for (settings, rejects) in [(json!({ "reject-at": 3 }), true), (json!({ "challenge-at": 3 }), false)] {
        let host = outside().message(&LETTER.replace("Hello", "http://203.0.113.9/a http://a@b.example/"));
        let filter: Spam = host.configure(settings).unwrap();
        match host.on_message(&filter) {
            Ok(Verdict::Reject(_)) => assert!(rejects),
            Ok(Verdict::Challenge(_)) => assert!(!rejects),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn its_fields_are_written_and_forged_ones_go() {
    let host = outside().message(&format!("X-Spam-Status: score=-99\n{LETTER}").replace("Subject: Minutes\n", ""));
    host.on_message(&spam(&host)).unwrap();
    assert_eq!(
        host.edits(),
        [
            Edit::RemoveHeader("X-Spam-Status".to_owned(), None),
            Edit::AddHeader("X-Spam-Status".to_owned(), "score=0.6 tests=MISSING_SUBJECT=0.6".to_owned())
        ]
    );
    let host = outside().without("edit").message(LETTER);
    host.on_message(&spam(&host)).unwrap();
    assert!(host.edits().is_empty());
}

fn listed(d: u8) -> Result<Vec<RecordData>, Error> {
    Ok(vec![RecordData::Address(IpAddress::Ipv4((127, 0, 0, d)))])
}

#[test]
fn lists_are_asked_about_client_and_links() {
    let host = outside()
        .dns("9.113.0.203.zen.spamhaus.org", 1, listed(4))
        .dns("shop.example.bl.example.net", 1, listed(8))
        .dns("9.113.0.203.psbl.surriel.com", 1, Err(Error::Timeout))
        .dns("9.113.0.203.bl.spamcop.net", 1, Ok(vec![RecordData::Address(IpAddress::Ipv4((127, 255, 255, 254)))]))
        .message(&LETTER.replace("Hello", "http://www.shop.example/"));
    let own = json!({ "zone": "bl.example.net", "lists": "domains", "points": 1, "codes": { "&8": 2.5 } });
    let filter: Spam =
        host.configure(json!({ "lists": ["zen.spamhaus.org", "psbl.surriel.com", "bl.spamcop.net", own] })).unwrap();
    host.on_message(&filter).unwrap();
    assert_eq!(host.scores(), [("LISTED_ZEN_SPAMHAUS_ORG".to_owned(), 3.0), ("LISTED_BL_EXAMPLE_NET".to_owned(), 2.5)]);
}

#[test]
fn nobody_is_asked_about_own_people() {
    let host = outside().user("alice@example.com").dns("9.113.0.203.zen.spamhaus.org", 1, listed(4)).message(LETTER);
    let filter: Spam = host.configure(json!({ "lists": ["zen.spamhaus.org"] })).unwrap();
    host.on_message(&filter).unwrap();
    assert!(symbols(&host).is_empty());
}

fn waits(host: &FakeHost, filter: &Spam, recipient: &str) -> bool {
    match host.on_recipient(filter, recipient) {
        Ok(Verdict::Defer(_)) => true,
        Ok(Verdict::Pass) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn strangers_wait_and_those_who_come_back_do_not() {
    let host = outside();
    assert!(!waits(&host, &spam(&host), "bob@example.com"), "off by default");
    let filter: Spam = host.configure(json!({ "greylist": { "enabled": true, "trust-after": 2 } })).unwrap();
    assert!(waits(&host, &filter, "bob@example.com"));
    host.wait(299_000);
    assert!(waits(&host, &filter, "Bob@Example.com"));
    host.wait(2_000);
    assert!(!waits(&host, &filter, "bob@example.com"));
    assert!(!waits(&host, &filter, "bob@example.com"));
    assert!(waits(&host, &filter, "carol@example.com"));
    host.wait(301_000);
    assert!(!waits(&host, &filter, "carol@example.com"));
    let host = host.remote([203, 0, 113, 200].into()).sender("other@example.net");
    assert!(!waits(&host, &filter, "dave@example.com"), "the network came back twice");
    let host = host.remote([198, 51, 100, 1].into());
    assert!(waits(&host, &filter, "dave@example.com"));
    let host = host.user("alice@example.com");
    assert!(!waits(&host, &filter, "erin@example.com"), "own people never wait");
}

#[test]
fn a_stranger_that_never_comes_back_is_forgotten() {
    let host = outside();
    let filter: Spam = host.configure(json!({ "greylist": { "enabled": true, "retry-within": "1h" } })).unwrap();
    assert!(waits(&host, &filter, "bob@example.com"));
    host.wait(2 * 3_600_000);
    assert!(waits(&host, &filter, "bob@example.com"));
}

#[test]
fn a_sender_earns_its_name() {
    for (text, symbol) in [
        ("Hello", "SENDER_GOOD"),
        ("http://203.0.113.9/a http://%73hop.example@b.example:81/ v1agra xanax viagra", "SENDER_BAD"),
    ] {
        let host = outside().message(&LETTER.replace("Hello", text));
        let filter = spam(&host);
        for _ in 0..5 {
            host.on_message(&filter).unwrap();
            assert!(!symbols(&host).contains(&symbol.to_owned()));
            host.on_outcome(&filter, "queued", "250 ok");
        }
        host.on_message(&filter).unwrap();
        assert!(symbols(&host).contains(&symbol.to_owned()), "{:?}", symbols(&host));
        let host = host.remote([198, 51, 100, 1].into());
        let before = symbols(&host).len();
        host.on_message(&filter).unwrap();
        assert!(!symbols(&host)[before..].contains(&symbol.to_owned()), "another network has another name");
    }
}
