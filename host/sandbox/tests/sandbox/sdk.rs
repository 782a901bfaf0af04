//! What the SDK builds: exactly the named hooks, a snapshot, settings that say where they are wrong.

use postwarden_sandbox::*;
use serde_json::{Value, json};

use super::support::*;

fn greeter(settings: Value) -> Source {
    Source { component: component("greeter"), grants: grants(json!(["edit"])), ..source(settings) }
}

#[tokio::test]
async fn a_filter_of_the_sdk_exports_the_hooks_it_names() {
    let filter = sandbox().load(greeter(json!({ "refuse": ["mx.example.org"], "tag": "[in]" }))).await.unwrap();
    assert_eq!(filter.hooks(), [Hook::Greeting, Hook::Message]);
    assert_eq!(filter.no_snapshot(), None);
    let refused = filter.call(call(Hook::Greeting)).await;
    let objection = Objection { reason: Reason::Access, detail: Some("mx.example.org".to_owned()), reply_text: None };
    assert_eq!(refused.verdict, Ok(Verdict::Reject(objection)));
    let message = filter.call(call(Hook::Message)).await;
    assert_eq!(message.verdict, Ok(Verdict::Pass));
    let edit = Edit::ReplaceHeader { name: "Subject".to_owned(), index: 0, value: "[in] Hello".to_owned() };
    assert_eq!(message.edits, [edit]);
}

#[tokio::test]
async fn wrong_settings_say_where() {
    let refused = sandbox().load(greeter(json!({ "refuse": [3], "tag": "" }))).await.err().unwrap().to_string();
    assert!(refused.starts_with("it refuses its settings: /refuse/0:"), "{refused}");
    let unknown = sandbox().load(greeter(json!({ "refuse": [], "tags": "" }))).await.err().unwrap().to_string();
    assert!(unknown.contains("`tags`"), "{unknown}");
}

#[tokio::test]
async fn a_refused_edit_fails_the_call() {
    let source = Source { grants: Grants::default(), ..greeter(json!({ "refuse": [], "tag": "[in]" })) };
    let evaluation = sandbox().load(source).await.unwrap().call(call(Hook::Message)).await;
    let failure = evaluation.verdict.unwrap_err();
    assert_eq!(failure.cause, Cause::Guest, "{failure}");
}
