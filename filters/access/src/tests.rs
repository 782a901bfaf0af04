//! The lists with a fake host: who is refused, who is spared, what is wrong with a file.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use postwarden_filter::testing::FakeHost;
use postwarden_filter::{Answer, Filter as _, Problems, Reason, Verdict};
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
fn trusted_sessions_are_those_that_logged_in() {
    let spared = |host: FakeHost| {
        let host = host.sender("bad@spam.example");
        !is_refused(&host.on_recipient(&access(&host).unwrap(), "alice@example.com"))
    };
    assert!(!spared(host("spam.example", "", "t:")) && spared(host("spam.example", "", "t:").user("bad")));
    assert!(!spared(host("spam.example", "", "l:")) && spared(host("spam.example", "", "l:").user("bad")));
}

#[test]
fn complaints_name_file_and_line() {
    let host = host("ok.example\n<bad@spam.example", "i:hello", "f:more").asset("more", "x:y\n1.2.3.4/40\nf:bypass");
    let problems = access(&host).unwrap_err();
    let told: Vec<_> = problems.iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect();
    let expected = [
        "/black black:2: Unbalanced: < without > or > without <",
        "/white white:1: \"hello\" is no IP address and no network",
        "/bypass more:1: there is no prefix \"x:\"; known are s: r: i: n: h: l: t: f:",
        "/bypass more:2: /40 is no prefix length: write a number from 0 to 32",
        "/bypass more:3: bypass includes itself",
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
