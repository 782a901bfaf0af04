//! Rules and messages that mean harm: bounded complaints, no panic, and sizes at which quadratic work would not end while
//! anybody waits. The clock is not looked at.

use std::fmt::Write;

use postwarden_filter::Verdict;
use postwarden_filter::testing::FakeHost;
use serde_json::json;

use super::load;
use crate::Content;
use crate::rules::RULES_MAX;

/// Every kind of condition that reads content, all of them without a match.
const RULES: &str = r#"
[[rule]]
name = "texts"
action = "reject"
[rule.when]
any = [
    { body = { regex = '(a+)+b$' } },
    { body = { regex = '\bnever\w+here\b' } },
    { body = { html = "source", wildcard = "*a*a*a*z" } },
    { body = { contains = ["aaaaaaaaab", "nevermore"] } },
    { subject = { regex = '(x|xx)+y' } },
    { header = { name = "X-A", regex = '^(.*,)+z$' } },
    { recipient = { word = "never" } },
]

[[rule]]
name = "parts"
when = { attachment = { type = "application/x-dosexec", name = { wildcard = "*a*.exe" }, size = { above = "1B" } } }
action = "reject"
"#;

fn judge(message: &str) -> Verdict {
    let host = FakeHost::new().asset("content.toml", RULES).message(message);
    let filter = host.configure::<Content>(json!({ "rules": "content.toml" })).unwrap();
    host.on_message(&filter).unwrap()
}

#[test]
fn large_and_odd_messages_pass_in_bounded_time() {
    let html = "Content-Type: text/html\n\n";
    for message in [
        format!("Subject: x\n\n{}", "a".repeat(300_000)),
        format!("Subject: {}\n\nx", "x".repeat(300_000)),
        format!("Subject: x\n\n{}", "ä never ".repeat(40_000)),
        format!("{}\n\nx", "X-A: a,b,c,\n".repeat(20_000)),
        format!("{html}{}", "<b>".repeat(30_000)),
        format!("{html}{}", "<!-- -->".repeat(30_000)),
        format!("{html}{}", "&#x61;".repeat(30_000)),
        format!("{html}{}", "<a b='".repeat(30_000)),
        "Content-Type: text/plain; charset=no-such\n\naaa".to_owned(),
        String::new(),
    ] {
        let shown: String = message.chars().take(40).collect();
        assert!(matches!(judge(&message), Verdict::Pass), "{shown}");
    }
}

#[test]
fn ten_thousand_parts_pass_in_bounded_time() {
    let part = "--b\nContent-Type: application/octet-stream; name=aaaaaaaaaaaaaaaa.exe\n\nMY\n";
    let message = format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n", part.repeat(10_000));
    assert!(matches!(judge(&message), Verdict::Pass));
}

#[test]
fn what_is_beyond_the_limit_is_not_seen_and_can_be_asked_for() {
    let rules = "[[rule]]\nname = \"a\"\nwhen = { body = { contains = \"needle\" } }\naction = \"reject\"\n\
                 [[rule]]\nname = \"b\"\nwhen = { body = { size = { above = \"255KiB\" } } }\naction = \"quarantine\"\n";
    let verdict = |filler: usize| {
        let host = FakeHost::new().asset("content.toml", rules).message(&format!("\n{} needle", "x ".repeat(filler)));
        host.on_message(&host.configure::<Content>(json!({ "rules": "content.toml" })).unwrap()).unwrap()
    };
    assert!(matches!(verdict(1000), Verdict::Reject(_)));
    assert!(matches!(verdict(200_000), Verdict::Quarantine(_)));
}

#[test]
fn rules_and_groups_have_limits() {
    let rules = |count: usize| {
        (0..count).fold(String::new(), |mut text, index| {
            let _ = write!(text, "[[rule]]\nname = \"r{index}\"\nwhen = {{ subject = {{ contains = \"w{index}\" }} }}\naction = \"stop\"\n");
            text
        })
    };
    assert!(load(&rules(RULES_MAX)).is_ok());
    let complaints = load(&rules(10_000)).unwrap_err();
    assert!(complaints.len() == 1 && complaints[0].contains("10000 rules"), "{complaints:?}");
    let nested = |depth: usize| {
        let (open, close) = ("{ not = ".repeat(depth), " }".repeat(depth));
        format!("[[rule]]\nname = \"x\"\nwhen = {open}{{ sender = \"a@b\" }}{close}\naction = \"stop\"\n")
    };
    assert!(load(&nested(16)).is_ok());
    for depth in [17, 1000, 10_000] {
        let complaints = load(&nested(depth)).unwrap_err();
        assert!(!complaints.is_empty() && complaints.len() <= 101, "{}", complaints.len());
    }
    // Complaints are told up to a limit, and the rest is counted.
    let complaints = load(&"[[rule]]\n".repeat(1000)).unwrap_err();
    assert!(complaints.len() == 101 && complaints[100].ends_with("more"), "{:?}", complaints.last());
}
