//! A filter learns, and its next snapshot knows it: the hook, state while it is configured, what is kept of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postwarden_sandbox::*;
use serde_json::{Value, json};

use super::support::*;

const BUCKET: &str = "filter/puppet";

fn of(server: &Arc<Server>, settings: Value) -> Source {
    Source { services: server.clone(), ..source(settings) }
}

async fn set(server: &Server, key: &str, value: &[u8]) {
    server.set(BUCKET, key, value, None).await.unwrap();
}

#[tokio::test]
async fn the_feedback_hook_learns_and_has_the_time_of_configure() {
    let server = Arc::new(Server::default());
    let settings = json!({ "on-feedback": [["if-text", "How are you", [["set-state", "generation", "1"]]]] });
    let filter = sandbox().load(of(&server, settings)).await.unwrap();
    let learned = filter.call(Call { session: None, transaction: None, ..call(Hook::Feedback) }).await;
    assert_eq!(learned.verdict, Ok(Verdict::Pass));
    assert_eq!(lines(&learned), ["learn Class::Spam", "set Ok(())"]);
    assert_eq!(server.values.lock().unwrap().values().next().unwrap(), b"1");
    // A failure is told, and computing ends with the wall time of `configure`, not with that of a call.
    let failing = sandbox().load(source(json!({ "on-feedback": [["fail", "no idea"]] }))).await.unwrap();
    assert_eq!(failing.call(call(Hook::Feedback)).await.verdict.unwrap_err().cause, Cause::Guest);
    let mut looping = source(json!({ "on-feedback": [["loop"]] }));
    looping.limits = Limits {
        deadline: Duration::from_millis(1),
        cpu: Duration::from_millis(1),
        configure_deadline: Duration::from_millis(100),
        ..Limits::default()
    };
    let evaluation = sandbox().load(looping).await.unwrap().call(call(Hook::Feedback)).await;
    assert_eq!(evaluation.verdict.unwrap_err().cause, Cause::Deadline);
    assert!(evaluation.took >= Duration::from_millis(100));
}

#[tokio::test]
async fn twenty_thousand_lessons_fit_into_a_snapshot() {
    let server = Arc::new(Server::default());
    for number in 0..20_000 {
        set(&server, &format!("lesson/{number:05}"), &[b'x'; 3000]).await;
    }
    let settings = json!({ "configure": [["read-state", "many"]], "on-message": [["learned"]] });
    // The budgets of a call are not those of `configure`.
    let limits = Limits { returned_bytes: 1 << 20, ..source(json!({})).limits };
    let filter = sandbox().load(Source { limits, ..of(&server, settings) }).await.unwrap();
    assert_eq!(filter.no_snapshot(), None);
    assert!(filter.state_digest().is_some());
    assert_eq!(lines(&filter.call(call(Hook::Message)).await), ["learned 20000 keys 60000000 bytes"]);
}

#[tokio::test]
async fn a_change_of_what_it_got_makes_a_filter_stale_and_the_next_load_knows_it() {
    let server = Arc::new(Server::default());
    let settings =
        json!({ "configure": [["read-state", "many"], ["read-state", "generation"]], "on-message": [["learned"]] });
    let load = async || sandbox().load(of(&server, settings.clone())).await.unwrap();
    let said = async |filter: &Filter| lines(&filter.call(call(Hook::Message)).await).join("");
    let first = load().await;
    assert_eq!(said(&first).await, "learned 0 keys 0 bytes,nothing");
    assert_eq!(first.is_stale().await, Ok(false));
    set(&server, "lesson/1", b"spam").await;
    set(&server, "other", b"of no interest").await;
    assert_eq!(first.is_stale().await, Ok(false));
    set(&server, "generation", b"1").await;
    assert_eq!(first.is_stale().await, Ok(true));
    let second = load().await;
    assert_eq!(said(&second).await, "learned 1 keys 4 bytes,1");
    assert_eq!(second.is_stale().await, Ok(false));
    // The same version with another state; calls that have begun go on with the old one.
    assert_eq!(first.id(), second.id());
    assert_ne!(first.state_digest(), second.state_digest());
    assert_eq!(said(&first).await, "learned 0 keys 0 bytes,nothing");
}

#[tokio::test]
async fn compiled_code_with_old_state_is_not_taken_and_does_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("code");
    let start = || Sandbox::new(SandboxSettings { cache: Some(code.clone()), instances: 4 }).unwrap();
    let files = |folder: &Path| std::fs::read_dir(folder).map_or(0, Iterator::count);
    let server = Arc::new(Server::default());
    let watching = json!({ "configure": [["read-state", "generation"]], "on-message": [["learned"]] });
    for generation in ["1", "2"] {
        set(&server, "generation", generation.as_bytes()).await;
        for cached in [false, true] {
            let filter = start().load(of(&server, watching.clone())).await.unwrap();
            assert_eq!(filter.report().cached, cached, "{generation}");
            assert_eq!(lines(&filter.call(call(Hook::Message)).await), [format!("learned {generation}")]);
        }
        assert_eq!(files(&code), 2, "code and note");
    }
    // Nothing tells the age of what was read among many.
    let blind = json!({ "configure": [["read-state", "many"]] });
    for _ in 0..2 {
        assert!(!start().load(of(&server, blind.clone())).await.unwrap().report().cached);
    }
    assert_eq!(files(&code), 2);
}
