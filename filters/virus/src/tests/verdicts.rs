//! From findings to verdicts: actions, masks, limits, passwords.

use postwarden_filter::Verdict;
use postwarden_filter::testing::{Edit, FakeHost};
use serde_json::json;

use super::archives::{DEFLATED, STORED, Zip, gzip, zip};
use super::{Virus, answer, attached, detail, is_rejected, mail};
use crate::eicar::file as eicar;

#[test]
fn the_action_is_the_operators() {
    let message = attached("a.com", &eicar());
    assert!(is_rejected(&answer(json!({}), &message).1));
    let (host, said) = answer(json!({ "action": "quarantine" }), &message);
    assert!(matches!(said, Ok(Verdict::Quarantine(_))));
    assert_eq!(detail(&said), "virus Eicar-Test-Signature in part 2 (a.com)");
    assert_eq!(host.counter("found"), 1);
    assert!(matches!(answer(json!({ "action": "discard" }), &message).1, Ok(Verdict::Discard(_))));
    let (host, said) = answer(json!({ "action": "pass" }), &message);
    assert!(matches!(said, Ok(Verdict::Pass)));
    assert!(host.log().iter().any(|line| line.contains("virus found")), "{:?}", host.log());
}

#[test]
fn masks_choose_and_the_severest_counts() {
    let message = mail(&[("text/plain", "", b"phishing here"), ("application/x-test", "a.com", &eicar())]);
    let ask = |action: &str, by_name: serde_json::Value| {
        let host = FakeHost::new().message(&message).asset("s/a.ndb", "Phishing.Test:0:*:7068697368696e67");
        let settings = json!({ "signatures": "s", "action": action, "by-name": by_name });
        let filter = host.configure::<Virus>(settings).unwrap();
        host.on_message(&filter)
    };
    let phishing = |action: &str| json!([{ "mask": "Phishing.*", "action": action }]);
    assert!(is_rejected(&ask("reject", phishing("pass"))));
    assert!(is_rejected(&ask("reject", phishing("quarantine"))));
    assert!(matches!(ask("pass", phishing("quarantine")), Ok(Verdict::Quarantine(_))));
    assert!(matches!(ask("pass", phishing("pass")), Ok(Verdict::Pass)));
    assert!(is_rejected(&ask("pass", json!([{ "mask": "*-Test-*", "action": "reject" }]))));
}

#[test]
fn limits_and_passwords_are_answered_as_set() {
    let bomb = attached("bomb.gz", &gzip(&vec![0; 4 << 20]));
    let (host, said) = answer(json!({}), &bomb);
    assert!(matches!(said, Ok(Verdict::Quarantine(_))));
    assert_eq!(detail(&said), "not looked into whole: its limit of ratio was reached in part 2 (bomb.gz): gzip");
    assert_eq!(host.counter("limit"), 1);
    assert!(is_rejected(&answer(json!({ "on-limit": "reject" }), &bomb).1));
    let (host, said) = answer(json!({ "on-limit": "pass" }), &bomb);
    assert!(
        matches!(said, Ok(Verdict::Pass)) && host.log().iter().any(|line| line.contains("limit")),
        "{:?}",
        host.log()
    );

    let locked = attached("a.zip", &zip(&[("a.com", b"something")], Zip { flags: 1, ..STORED }));
    let (host, said) = answer(json!({}), &locked);
    assert!(
        matches!(said, Ok(Verdict::Pass)) && host.log().iter().any(|line| line.contains("password")),
        "{:?}",
        host.log()
    );
    assert!(is_rejected(&answer(json!({ "on-encrypted": "reject" }), &locked).1));
    assert!(matches!(answer(json!({ "on-encrypted": "quarantine" }), &locked).1, Ok(Verdict::Quarantine(_))));
}

#[test]
fn names_from_the_mail_do_no_harm_in_the_log() {
    let archive = zip(&[("a\r\nX: \u{202e}\u{7}b", &eicar())], DEFLATED);
    let (_, said) = answer(json!({}), &attached("a.zip", &archive));
    assert!(!detail(&said).chars().any(char::is_control), "{:?}", detail(&said));
}

#[test]
fn the_whole_message_is_a_file_too() {
    let host = FakeHost::new().message("From: a@example.org\nX-Mailer: EvilMailer 9\n\nHello\n");
    let host = host.asset("s/a.ndb", "Mail.Test:4:*:582d4d61696c65723a204576696c4d61696c6572");
    let filter = host.configure::<Virus>(json!({ "signatures": "s" })).unwrap();
    let said = host.on_message(&filter);
    assert_eq!(detail(&said), "virus Mail.Test in message");
}

/// Indexes and notes of the parts that were replaced.
fn replaced(host: &FakeHost) -> Vec<(u32, String)> {
    let edits = host.edits().into_iter().map(|edit| match edit {
        Edit::ReplacePart(part, media_type, content) => {
            assert_eq!(media_type, "text/plain");
            (part, String::from_utf8(content).unwrap())
        }
        other => panic!("{other:?}"),
    });
    edits.collect()
}

#[test]
fn infected_parts_are_stripped() {
    let bad = eicar();
    let message = mail(&[
        ("text/plain", "", b"hello"),
        ("application/x-test", "a.com", &bad),
        ("application/zip", "b.zip", &zip(&[("a.com", &bad)], DEFLATED)),
    ]);
    let (host, said) = answer(json!({ "action": "strip" }), &message);
    assert!(matches!(said, Ok(Verdict::Pass)), "{said:?}");
    let parts = replaced(&host);
    assert_eq!(parts.iter().map(|(part, _)| *part).collect::<Vec<_>>(), [2, 3]);
    let note = "The mail server removed an attachment \"a.com\".\r\nIt holds the virus Eicar-Test-Signature.\r\n";
    assert_eq!(parts[0].1, note);
    // The only part of a message.
    let (host, said) = answer(json!({ "action": "strip" }), &format!("From: a@b.example\n\n{}", text(&bad)));
    assert!(matches!(said, Ok(Verdict::Pass)) && replaced(&host).len() == 1, "{said:?}");
    // In an attached message it is the part that goes, not the message.
    let forwarded = format!("From: a@b.example\nContent-Type: message/rfc822\n\n{message}");
    let (host, _) = answer(json!({ "action": "strip" }), &forwarded);
    assert_eq!(replaced(&host).iter().map(|(part, _)| *part).collect::<Vec<_>>(), [3, 4]);
}

fn text(data: &[u8]) -> String {
    String::from_utf8(data.to_vec()).unwrap()
}

#[test]
fn what_no_part_is_to_blame_for_is_rejected_and_a_missing_grant_fails() {
    let ask = |signature: &str, message: &str| {
        let host = FakeHost::new().message(message).asset("s/a.ndb", signature);
        let filter = host.configure::<Virus>(json!({ "signatures": "s", "action": "strip" })).unwrap();
        let said = host.on_message(&filter);
        (host, said)
    };
    let message = "From: a@b.example\nX-Mailer: EvilMailer\n\nbad text here\n";
    let (_, said) = ask("Header.Test:4:*:4576696c4d61696c6572", message);
    assert_eq!(detail(&said), "virus Header.Test in message, which cannot be stripped");
    // The whole message has what a part has: the part is to blame.
    let (host, said) = ask("Body.Test:0:*:6261642074657874", message);
    assert!(matches!(said, Ok(Verdict::Pass)) && replaced(&host)[0].0 == 0, "{said:?}");
    // The header of an attached message.
    let forwarded = format!("From: a@b.example\nContent-Type: message/rfc822\n\n{message}");
    let (host, said) = ask("Header.Test:4:*:4576696c4d61696c6572", &forwarded);
    assert!(matches!(said, Ok(Verdict::Pass)) && replaced(&host)[0].0 == 0, "{said:?}");

    let host = FakeHost::new().message(&attached("a.com", &eicar())).without("edit");
    let filter = host.configure::<Virus>(json!({ "action": "strip" })).unwrap();
    let failure = host.on_message(&filter).unwrap_err();
    assert!(failure.message.contains("needs the grant") && !failure.retryable, "{failure:?}");
}
