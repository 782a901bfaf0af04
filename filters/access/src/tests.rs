//! The lists with a fake host: who is refused, who is spared, what is wrong with a file.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use postwarden_filter::dns::{self, RecordData};
use postwarden_filter::testing::FakeHost;
use postwarden_filter::{Answer, Filter as _, IpAddress, Problems, Reason, Verdict};
use serde_json::json;

use crate::Access;

fn host(black: &str, white: &str, bypass: &str) -> FakeHost {
    FakeHost::new().asset("black", black).asset("white", white).asset("bypass", bypass).recipient("alice@example.com")
}

fn access(host: &FakeHost) -> Result<Access, Problems> {
    host.configure(json!({ "black": "black", "white": "white", "bypass": "bypass" }))
}

fn is_refused(answer: &Answer) -> bool {
    matches!(answer, Ok(Verdict::Reject(objection)) if matches!(objection.reason, Reason::Access))
}

/// Whether a client of 192.0.2.77 may write to alice.
fn refused(black: &str, sender: &str) -> bool {
    let host = host(black, "", "").sender(sender).remote("192.0.2.77".parse().unwrap());
    let host = host.helo("mail.spam.example").reverse_name("dyn-7.isp.example");
    is_refused(&host.on_recipient(&access(&host).unwrap(), "alice@example.com"))
}

#[test]
fn entries_match_what_they_name() {
    for entry in [
        "bad@spam.example",
        "spam.example",
        "@spam.example",
        "s:BAD@Spam.Example",
        "s:spam.example",
        "*@spam.*",
        "b*d@*.example",
        "192.0.2.77",
        "i:192.0.2.64/26",
        "192.0.0.0/16",
        "0.0.0.0/0",
        "h:mail.spam.example",
        "h:.spam.example",
        "n:dyn-*.isp.example",
        "n:.isp.example",
        ".example",
        "r:alice@example.com",
        "example.com",
        "# a comment\n\nspam.example # and one behind",
    ] {
        assert!(refused(entry, "bad@spam.example"), "{entry}");
    }
    for entry in [
        "",
        "good@spam.example",
        "pam.example",
        ".spam.example",
        "r:bad@spam.example",
        "s:alice@example.com",
        "192.0.2.78",
        "i:192.0.2.0/26",
        "::/0",
        "h:spam.example",
        "n:isp.example",
        "s:*@spam",
        "t:",
        "l:",
        "#spam.example",
    ] {
        assert!(!refused(entry, "bad@spam.example"), "{entry}");
    }
    assert!(!refused("s:*.example\nspam.example", ""), "the null sender is in no domain");
}

#[test]
fn bypass_and_white_entries_spare_and_only_white_ones_skip_filters() {
    let spared = |white: &str, bypass: &str| {
        let host = host("spam.example", white, bypass).sender("bad@spam.example");
        let access = access(&host).unwrap();
        (
            !is_refused(&host.on_recipient(&access, "alice@example.com")),
            matches!(host.on_message(&access), Ok(Verdict::Accept)),
        )
    };
    assert_eq!(spared("", ""), (false, false));
    assert_eq!(spared("", "r:alice@example.com"), (true, false));
    assert_eq!(spared("bad@spam.example", ""), (true, true));
    assert_eq!(spared("r:bob@example.com", ""), (false, false));
}

#[test]
fn a_message_is_white_only_for_all_its_recipients() {
    let host = host("", "r:alice@example.com", "").sender("x@example.org").recipient("bob@example.com");
    assert!(matches!(host.on_message(&access(&host).unwrap()), Ok(Verdict::Pass)));
}

#[test]
fn trusted_sessions_are_those_that_may_relay() {
    let spared = |bypass: &str, change: fn(FakeHost) -> FakeHost| {
        let host = change(host("spam.example", "", bypass).sender("bad@spam.example"));
        !is_refused(&host.on_recipient(&access(&host).unwrap(), "alice@example.com"))
    };
    assert!(!spared("t:", |host| host));
    assert!(spared("t:", |host| host.user("bad")));
    assert!(spared("t:", |host| host.attribute("session.authorised", "true")));
    // Of these, who sends as a local user.
    assert!(!spared("l:", |host| host.attribute("session.authorised", "true")));
    assert!(!spared("l:", |host| host.local_domain("spam.example")));
    assert!(spared("l:", |host| host.user("bad").local_domain("spam.example")));
    assert!(!spared("l:good@spam.example", |host| host.user("bad").local_domain("spam.example")));
}

#[test]
fn nobody_is_white_who_only_claims_to_be_local() {
    let outcome = |change: fn(FakeHost) -> FakeHost| {
        let host = change(host("spam.example", "spam.example", "").sender("x@spam.example"));
        let access = access(&host).unwrap();
        let refused = is_refused(&host.on_recipient(&access, "alice@example.com"));
        (refused, matches!(host.on_message(&access), Ok(Verdict::Accept)))
    };
    assert_eq!(outcome(|host| host), (false, true));
    assert_eq!(outcome(|host| host.local_domain("spam.example")), (true, false));
    assert_eq!(outcome(|host| host.local_domain("spam.example").user("x")), (false, true));
}

#[test]
fn complaints_name_file_and_line() {
    let host = host("ok.example\n<bad@spam.example", "i:hello", "f:more")
        .asset("more", "x:y\n1.2.3.4/40\nf:bypass\na:*.example.org");
    let problems = access(&host).unwrap_err();
    let told: Vec<_> = problems.iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect();
    let expected = [
        "/black black:2: Unbalanced: < without > or > without <",
        "/white white:1: \"hello\" is no IP address and no network",
        "/bypass more:1: there is no prefix \"x:\"; known are s: r: i: a: n: h: l: t: f:",
        "/bypass more:2: /40 is no prefix length: write a number from 0 to 32",
        "/bypass more:3: bypass includes itself",
        "/bypass more:4: \"*.example.org\" is no host name: a: names one host whose address is the client's",
    ];
    assert_eq!(told, expected);
    let problems = host.configure::<Access>(json!({ "blak": "black" })).unwrap_err();
    assert!(problems[0].message.contains("black"), "{problems:?}");
    let problems = host.configure::<Access>(json!({ "black": "absent" })).unwrap_err();
    assert!(problems[0].message.contains("no file absent"), "{problems:?}");
}

#[test]
fn a_configured_filter_needs_no_list() {
    let access = Access::configure(crate::Settings::default()).unwrap();
    assert!(!is_refused(&FakeHost::new().sender("a@b.example").on_recipient(&access, "alice@example.com")));
}

#[test]
fn files_are_included_from_where_the_list_lies() {
    let host = FakeHost::new().asset("lists/black", "f:more/a").asset("lists/more/a", "f:b\n").sender("x@spam.example");
    let host = host.asset("lists/more/b", "spam.example").asset("b", "");
    let access: Access = host.configure(json!({ "black": "lists/black" })).unwrap();
    assert!(is_refused(&host.on_recipient(&access, "alice@example.com")));
    let host = host.asset("lists/more/a", "f:../b");
    let problems = host.configure::<Access>(json!({ "black": "lists/black" })).unwrap_err();
    assert!(problems[0].message.starts_with("lists/more/a:1: the filter was given no file ../b"), "{problems:?}");
}

#[test]
fn more_complaints_than_anybody_reads_are_counted() {
    let host = host(&"<\n".repeat(250), "", "");
    let problems = access(&host).unwrap_err();
    assert_eq!((problems.len(), problems[100].message.as_str()), (101, "and 150 more"));
}

fn address(text: &str) -> RecordData {
    let [a, b, c, d] = text.parse::<std::net::Ipv4Addr>().unwrap().octets();
    RecordData::Address(IpAddress::Ipv4((a, b, c, d)))
}

#[test]
fn hosts_are_looked_up_and_found_by_the_address_of_the_client() {
    let ask = |black: &str, bypass: &str| {
        let host = host(black, "", bypass).remote("192.0.2.77".parse().unwrap()).sender("x@spam.example");
        let host = host
            .dns("mx.spam.example", 1, Ok(vec![address("192.0.2.7"), address("192.0.2.77")]))
            .dns("mx.other.example", 1, Ok(vec![address("192.0.2.7")]))
            .dns("slow.example", 1, Err(dns::Error::Timeout));
        let answer = host.on_recipient(&access(&host).unwrap(), "alice@example.com");
        (is_refused(&answer), answer.err().map(|failure| failure.message))
    };
    assert_eq!(ask("a:MX.spam.example.", ""), (true, None));
    assert_eq!(ask("a:mx.other.example\na:absent.example\na:slow.example", ""), (false, None));
    assert_eq!(ask("spam.example", "a:mx.spam.example"), (false, None));
    assert_eq!(ask("spam.example", "a:mx.other.example"), (true, None));
    // What cannot be looked up refuses nobody for good.
    let unknown = "the DNS does not tell whether the client is slow.example".to_owned();
    assert_eq!(ask("spam.example", "a:slow.example"), (false, Some(unknown)));
    assert_eq!(ask("spam.example", "a:slow.example\na:mx.spam.example"), (false, None));

    let host = host("a:mx.spam.example", "", "").without("dns");
    assert!(access(&host).unwrap_err()[0].message.contains("grants = [\"dns\"]"));
    let many: String = (0..31).map(|number| format!("a:h{number}.example\n")).collect();
    let host = self::host(&many, "", "");
    assert!(access(&host).unwrap_err()[0].message.starts_with("black:31: more than 30 a: entries"));
}

#[test]
fn a_connection_asks_for_its_hosts_once() {
    let host = host("a:mx.spam.example", "", "").dns("mx.spam.example", 1, Ok(vec![address("192.0.2.1")]));
    let access = access(&host).unwrap();
    assert!(is_refused(&host.on_recipient(&access, "alice@example.com")));
    let host = host.dns("mx.spam.example", 1, Err(dns::Error::Timeout));
    assert!(is_refused(&host.on_recipient(&access, "bob@example.com")));
}

/// Alice, who is local and has logged in, writes to these.
fn alice_writes(auto_white: serde_json::Value, to: &[&str]) -> (FakeHost, Access) {
    let host = FakeHost::new().sender("Alice@example.com").user("alice@example.com").local_domain("example.com");
    let host = to.iter().fold(host, |host, to| host.recipient(to));
    let access: Access = host.configure(json!({ "auto-white": auto_white })).unwrap();
    host.on_outcome(&access, "queued", "250 2.0.0 OK");
    (host, access)
}

/// Whether a message from outside is accepted in the same world.
fn wanted(access: &Access, sender: &str, to: &[&str], change: fn(FakeHost) -> FakeHost) -> bool {
    let host = to.iter().fold(FakeHost::kept().sender(sender), |host, to| host.recipient(to));
    matches!(change(host).on_message(access), Ok(Verdict::Accept))
}

#[test]
fn who_a_local_user_has_written_to_may_answer_that_user() {
    let (_, access) = alice_writes(json!("60d"), &["Bob@Example.org", "carol@example.net"]);
    assert!(wanted(&access, "bob@example.org", &["alice@example.com"], |host| host));
    assert!(wanted(&access, "CAROL@example.net", &["ALICE@example.com"], |host| host));
    // Nobody else is meant, and nobody else may answer.
    assert!(!wanted(&access, "bob@example.org", &["dave@example.com"], |host| host));
    assert!(!wanted(&access, "bob@example.org", &["alice@example.com", "dave@example.com"], |host| host));
    assert!(!wanted(&access, "eve@example.org", &["alice@example.com"], |host| host));
    assert!(!wanted(&access, "", &["alice@example.com"], |host| host));
    assert!(!wanted(&access, "alice@example.com", &["bob@example.org"], |host| host));
    // Nor who is not who it says, as far as the server knows.
    assert!(!wanted(&access, "bob@example.org", &["alice@example.com"], |host| host.authentication("spf", "fail")));
    assert!(!wanted(&access, "bob@example.org", &["alice@example.com"], |host| host.authentication("spf", "softfail")));
    assert!(!wanted(&access, "bob@example.org", &["alice@example.com"], |host| host.authentication("dmarc", "fail")));
    assert!(!wanted(&access, "bob@example.org", &["alice@example.com"], |host| host.authentication("dkim", "fail")));
    assert!(wanted(&access, "bob@example.org", &["alice@example.com"], |host| host
        .authentication("dkim", "fail")
        .authentication("dkim", "pass")));
    assert!(!wanted(&access, "bob@example.org", &["alice@example.com"], |host| host.local_domain("example.org")));
    // It ends after its time.
    let day = 86_400_000;
    FakeHost::kept().wait(60 * day - 1);
    assert!(wanted(&access, "bob@example.org", &["alice@example.com"], |host| host));
    FakeHost::kept().wait(1);
    assert!(!wanted(&access, "bob@example.org", &["alice@example.com"], |host| host));
}

#[test]
fn correspondence_renews_an_entry_and_not_with_every_message() {
    let (host, access) = alice_writes(json!("10d"), &["bob@example.org"]);
    let day = 86_400_000;
    host.on_outcome(&access, "queued", "250");
    assert_eq!(host.counter("remembered"), 1);
    host.wait(9 * day);
    host.on_outcome(&access, "queued", "250");
    assert_eq!(host.counter("remembered"), 2);
    host.wait(9 * day);
    assert!(wanted(&access, "bob@example.org", &["alice@example.com"], |host| host));
}

#[test]
fn circulars_and_what_was_not_sent_are_not_remembered() {
    let many: Vec<String> = (0..21).map(|number| format!("u{number}@example.org")).collect();
    let (host, _) = alice_writes(json!("60d"), &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(host.counter("remembered"), 0);
    let (host, access) = alice_writes(json!("0"), &["bob@example.org"]);
    assert_eq!(host.counter("remembered"), 0);
    assert!(!wanted(&access, "bob@example.org", &["alice@example.com"], |host| host));
    for (outcome, authorised) in [("rejected", true), ("quarantined", true), ("queued", false)] {
        let host = FakeHost::new().sender("alice@example.com").local_domain("example.com").recipient("bob@example.org");
        let host = if authorised { host.user("alice@example.com") } else { host };
        let access: Access = host.configure(json!({})).unwrap();
        host.on_outcome(&access, outcome, "");
        assert_eq!(host.counter("remembered"), 0, "{outcome}");
    }
}

#[test]
fn the_time_of_an_entry_is_checked() {
    let problem = |host: &FakeHost, auto_white: &str| {
        host.configure::<Access>(json!({ "auto-white": auto_white }))
            .err()
            .map(|mut problems| problems.remove(0).message)
    };
    let host = FakeHost::new();
    for fine in ["60d", "12 h", "5m", "0", "1000d"] {
        assert_eq!(problem(&host, fine), None, "{fine}");
    }
    for wrong in ["", "60", "d", "-1d", "99999999999999999999d", "18446744073709551615d", "1001d", "sixty days"] {
        assert!(problem(&host, wrong).is_some(), "{wrong}");
    }
    let host = host.without("state");
    assert!(problem(&host, "60d").unwrap().contains("grants = [\"state\"]"));
    assert_eq!(problem(&host, "0"), None);
    assert!(host.configure::<Access>(json!({})).unwrap().remembered.is_none());
}

#[test]
fn a_hundred_thousand_entries_are_found_and_others_are_not() {
    let lines: String = (0..100_000).map(|number| format!("user{number}@d{}.example\n", number % 5000)).collect();
    let host = host(&lines, "", "").sender("user77777@d2777.example");
    let access = access(&host).unwrap();
    assert_eq!(access.black.len(), 100_000);
    assert!(is_refused(&host.on_recipient(&access, "alice@example.com")));
    let host = host.sender("user77777@d2778.example");
    assert!(!is_refused(&host.on_recipient(&access, "alice@example.com")));
}
