//! Each hook is called with its facts, and its words become verdicts, scores and edits.

use postwarden_sandbox::*;
use serde_json::json;

use super::support::*;

#[tokio::test]
async fn every_hook_is_called() {
    let settings = json!({
        "on-connect": [["reject", "access"]],
        "on-greeting": [["defer", "filter"]],
        "on-sender": [["if-sender", "alice@example.org", [["reject", "spam", "because"]]]],
        "on-recipient": [["if-recipient", "bob@example.net", [["reject", "content"]]]],
        "on-message": [["if-text", "How are you", [["quarantine", "virus"]]]],
        "on-outcome": [["log", "seen"]],
    });
    let filter = sandbox().load(source(settings)).await.unwrap();
    assert_eq!(filter.hooks(), Hook::ALL);
    let objection =
        |reason, detail: Option<&str>| Objection { reason, detail: detail.map(str::to_owned), reply_text: None };
    let expected = [
        (Hook::Connect, Verdict::Reject(objection(Reason::Access, None))),
        (Hook::Greeting, Verdict::Defer(objection(Reason::Filter, None))),
        (Hook::Sender, Verdict::Reject(objection(Reason::Spam, Some("because")))),
        (Hook::Recipient, Verdict::Reject(objection(Reason::Content, None))),
        (Hook::Message, Verdict::Quarantine(objection(Reason::Virus, None))),
    ];
    for (hook, verdict) in expected {
        assert_eq!(filter.call(call(hook)).await.verdict, Ok(verdict), "{hook}");
    }
    let outcome = filter.call(call(Hook::Outcome)).await;
    assert_eq!(lines(&outcome), ["outcome queued: 250 2.0.0 Ok", "seen"]);
}

#[tokio::test]
async fn facts_are_those_of_the_call() {
    let evaluation = puppet(json!([["score", "A", 0.5], ["facts"]])).await.call(call(Hook::Message)).await;
    assert_eq!(
        lines(&evaluation),
        [
            "name puppet shadow false time 1000",
            "listener mx user None",
            "remote IpAddress::Ipv4((192, 0, 2, 1)) port 40000",
            "helo Some(\"mx.example.org\") reverse Some(\"mx.example.org\")",
            "tls None",
            "sender alice@example.org recipients [\"bob@example.net\"] score 1.5",
            "size 53 fields 2 parts 1",
            "subject [\"Hello\"]",
            "part 0 text/plain None Some(\"How are you?\\r\\n\")",
            "defects [\"missing-date\"]",
        ]
    );
}

#[tokio::test]
async fn scores_edits_and_notes_are_staged_in_order() {
    let actions = json!([
        ["score", "ONE", 1.5, "why"],
        ["score-nan"],
        ["add-header", "X-A", "1"],
        ["replace-header", "subject", 0, "New"],
        ["remove-header", "To"],
        ["replace-header", "To", 0, "x"],
        ["add-header", "X-B", "a\r\nb"],
        ["add-recipient", "carol@example.net"],
        ["remove-recipient", "nobody@example.net"],
        ["remove-recipient", "bob@EXAMPLE.net"],
        ["set-sender", ""],
        ["note", "seen", "yes"]
    ]);
    let evaluation = puppet(actions).await.call(call(Hook::Message)).await;
    let score = Score { symbol: "ONE".to_owned(), points: 1.5, detail: Some("why".to_owned()) };
    assert_eq!(evaluation.scores, [score]);
    let text = str::to_owned;
    assert_eq!(
        evaluation.edits,
        [
            Edit::AddHeader { name: text("X-A"), value: text("1") },
            Edit::ReplaceHeader { name: text("subject"), index: 0, value: text("New") },
            Edit::RemoveHeader { name: text("To"), index: None },
            Edit::AddRecipient(text("carol@example.net")),
            Edit::RemoveRecipient(text("bob@EXAMPLE.net")),
            Edit::SetSender(String::new()),
        ]
    );
    assert_eq!(evaluation.notes.as_ref().unwrap()["seen"], b"yes");
    // NaN, a field that has gone, a line break, an absent recipient
    assert_eq!(lines(&evaluation).len(), 4, "{:?}", evaluation.log);
}

#[tokio::test]
async fn what_is_not_granted_is_refused() {
    let actions = json!([["add-header", "X-A", "1"], ["add-recipient", "carol@example.net"], ["accept"]]);
    let mut source = source(json!({ "on-message": actions }));
    source.grants = grants(json!(["dns", "state", { "connect": ["127.0.0.1:1"] }]));
    let evaluation = sandbox().load(source).await.unwrap().call(call(Hook::Message)).await;
    assert_eq!(evaluation.verdict, Ok(Verdict::Pass));
    assert!(evaluation.edits.is_empty());
    assert_eq!(evaluation.log.len(), 3, "{:?}", evaluation.log);
}

#[tokio::test]
async fn verdicts_that_may_not_be_are_failures() {
    let failure = |evaluation: Evaluation| evaluation.verdict.unwrap_err();
    let unknown = failure(puppet(json!([["other", "teleport"]])).await.call(call(Hook::Message)).await);
    assert_eq!(unknown.cause, Cause::Verdict);
    assert!(unknown.detail.contains("teleport"));
    let filter = sandbox().load(source(json!({ "on-recipient": [["discard"]] }))).await.unwrap();
    assert_eq!(failure(filter.call(call(Hook::Recipient)).await).cause, Cause::Verdict);
    let mut ungranted = source(json!({ "on-message": [["discard"]] }));
    ungranted.grants.discard = false;
    let filter = sandbox().load(ungranted).await.unwrap();
    assert_eq!(failure(filter.call(call(Hook::Message)).await).cause, Cause::Verdict);
    let own = failure(puppet(json!([["fail", "no idea"]])).await.call(call(Hook::Message)).await);
    assert_eq!((own.cause, own.detail.as_str()), (Cause::Guest, "no idea"));
}

#[tokio::test]
async fn a_reply_text_needs_its_grant_and_one_line() {
    let text = |evaluation: Evaluation| evaluation.verdict.unwrap().objection().unwrap().reply_text.clone();
    let reject = |reply: &str| json!([["reject", "filter", "detail", reply]]);
    assert_eq!(text(puppet(reject("Go away")).await.call(call(Hook::Message)).await).as_deref(), Some("Go away"));
    assert_eq!(text(puppet(reject("Go\r\n250 away")).await.call(call(Hook::Message)).await), None);
    let mut ungranted = source(json!({ "on-message": reject("Go away") }));
    ungranted.grants.custom_replies = false;
    assert_eq!(text(sandbox().load(ungranted).await.unwrap().call(call(Hook::Message)).await), None);
}
