//! One evil action a budget: the call ends with the cause that names it, stages nothing, and others go on.

use std::time::Duration;

use postwarden_sandbox::*;
use serde_json::json;

use super::support::*;

/// Runs the action under tight budgets, beside a well-behaved filter on the same thread.
async fn ends_with(action: &str, cause: Cause) -> Evaluation {
    let mut evil =
        source(json!({ "on-message": [["score", "BEFORE", 1.0], ["add-header", "X-Before", "1"], [action]] }));
    evil.limits = Limits {
        deadline: Duration::from_secs(20),
        cpu: Duration::from_millis(100),
        memory: 64 << 20,
        ..Limits::default()
    };
    if action == "host-calls" {
        evil.limits.cpu = Duration::from_secs(10);
    }
    let evil = sandbox().load(evil).await.unwrap();
    let good = puppet(json!([["score", "GOOD", 1.0]])).await;
    let others = async {
        for _ in 0..20 {
            assert_eq!(good.call(call(Hook::Message)).await.verdict, Ok(Verdict::Pass));
        }
    };
    let (evaluation, ()) = tokio::join!(evil.call(call(Hook::Message)), others);
    let failure = evaluation.verdict.clone().unwrap_err();
    assert_eq!(failure.cause, cause, "{action}: {failure}");
    assert_eq!(failure.hook, Hook::Message);
    assert!(evaluation.scores.is_empty() && evaluation.edits.is_empty(), "{action} staged something");
    // The next call begins afresh, and ends the same way.
    assert_eq!(evil.call(call(Hook::Message)).await.verdict.unwrap_err().cause, cause);
    evaluation
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_processor_time() {
    ends_with("loop", Cause::Cpu).await;
}

#[tokio::test]
async fn a_million_host_calls_end_with_their_number() {
    let evaluation = ends_with("host-calls", Cause::HostCalls).await;
    assert_eq!(evaluation.verdict.unwrap_err().call, Some("call.is-shadow"));
}

#[tokio::test]
async fn a_memory_bomb_ends_with_its_memory() {
    ends_with("bomb", Cause::Memory).await;
}

#[tokio::test]
async fn endless_recursion_is_contained() {
    // The guest's stack lies in its memory: below it is nothing.
    ends_with("recurse", Cause::Trap).await;
}

#[tokio::test]
async fn traps_and_panics_are_contained() {
    for action in ["trap", "panic", "wild", "lie"] {
        let evaluation = ends_with(action, Cause::Trap).await;
        // Last words on standard error are lines of the log.
        let said = lines(&evaluation).iter().any(|line| line.contains("a filter panics"));
        assert_eq!(said, action == "panic", "{:?}", evaluation.log);
    }
}

#[tokio::test]
async fn the_end_of_the_program_is_no_verdict() {
    ends_with("exit", Cause::Exit).await;
}

#[tokio::test]
async fn too_many_bytes_at_once_are_refused() {
    let mut source = source(json!({ "on-message": [["big-call"]] }));
    source.limits.memory = 512 << 20;
    let filter = sandbox().load(source).await.unwrap();
    assert_eq!(filter.call(call(Hook::Message)).await.verdict.unwrap_err().cause, Cause::ReturnedBytes);
    let filter = puppet(json!([["big-detail", 100 << 20]])).await;
    assert_eq!(filter.call(call(Hook::Message)).await.verdict.unwrap_err().cause, Cause::ReturnedBytes);
}

#[tokio::test]
async fn leaked_handles_end_with_their_number() {
    ends_with("handles", Cause::Handles).await;
}

#[tokio::test]
async fn waiting_for_the_dns_leaves_time_to_answer() {
    let mut source = source(json!({ "on-message": [["wait"], ["reject"]] }));
    source.limits.deadline = Duration::from_millis(300);
    let filter = sandbox().load(source).await.unwrap();
    let evaluation = filter.call(call(Hook::Message)).await;
    assert!(matches!(evaluation.verdict, Ok(Verdict::Reject(_))), "{:?}", evaluation.verdict);
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_counted() {
    let evaluation = puppet(json!([["log-flood"], ["reject"]])).await.call(call(Hook::Message)).await;
    assert!(matches!(evaluation.verdict, Ok(Verdict::Reject(_))), "{:?}", evaluation.verdict);
    assert_eq!((evaluation.log.len(), evaluation.log_dropped), (100, 9_900));
}

#[tokio::test]
async fn edits_scores_and_notes_have_limits_of_their_own() {
    let actions = json!([["edit-flood"], ["score-flood"], ["note-flood"]]);
    let evaluation = puppet(actions).await.call(call(Hook::Message)).await;
    assert_eq!(evaluation.verdict, Ok(Verdict::Pass));
    assert_eq!((evaluation.edits.len(), evaluation.scores.len()), (100, 500));
    assert_eq!(evaluation.notes.unwrap().len(), 65);
    let refused: Vec<_> = evaluation.log.iter().map(|line| line.message.clone()).collect();
    assert_eq!(refused, ["refused 9900", "refused 9500", "refused 935"]);
}

#[tokio::test]
async fn a_configuration_without_end_is_stopped() {
    let mut source = source(json!({ "configure": [["loop"]] }));
    source.limits.configure_deadline = Duration::from_millis(200);
    match sandbox().load(source).await.err().unwrap() {
        LoadError::Start((Cause::Deadline, _)) => {}
        other => panic!("{other:?}"),
    }
}

/// A table is filled when the instance is made: to the engine that is growth from nothing, asked for like any other.
#[tokio::test]
async fn tables_beyond_the_budget_are_not_made() {
    let mut source = source(json!({}));
    source.limits.table_elements = 10;
    match sandbox().load(source).await.err().unwrap() {
        LoadError::Start((Cause::Tables, detail)) => assert!(detail.contains("10 allowed"), "{detail}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn many_loops_at_once_all_end() {
    let mut source = source(json!({ "on-message": [["loop"]] }));
    source.limits.cpu = Duration::from_millis(20);
    let filter = sandbox().load(source).await.unwrap();
    let calls = (0..20).map(|_| filter.call(call(Hook::Message)));
    for evaluation in futures(calls.collect()).await {
        assert_eq!(evaluation.verdict.unwrap_err().cause, Cause::Cpu);
    }
}

/// All of them on this thread, in turn.
async fn futures<F: Future>(calls: Vec<F>) -> Vec<F::Output> {
    let mut calls: Vec<_> = calls.into_iter().map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        calls.retain_mut(|call| match call.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if calls.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}
