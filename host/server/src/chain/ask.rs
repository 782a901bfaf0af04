//! One call of one filter: the breaker before it, its canary beside it, and totals, log and breaker after it.

use std::sync::Arc;
use std::time::Duration;

use postwarden_sandbox::{Call, Cause, Evaluation, Failure, Hook, Level, Limits, Verdict};
use postwarden_store::Timestamp;

use super::conversation::Pinned;
use super::decision::text;
use crate::filters::{Manager, Version};

/// What the sandbox gets beyond its own deadlines before the call counts as failed.
const CALL_GRACE: Duration = Duration::from_secs(1);

/// The standing version's answer, and that of the canary if one was drawn.
pub(super) async fn ask(
    manager: &Arc<Manager>,
    pinned: &Pinned,
    call: Call,
    canary_notes: super::conversation::Notes,
    now: Timestamp,
) -> (Evaluation, Option<Evaluation>) {
    let hook = call.hook;
    let limits = &pinned.config.limits;
    let Some(version) = &pinned.version else {
        return (failed(hook, Cause::Configure, "no version of it could be loaded"), None);
    };
    if let Some(cause) = pinned.slot.gate(version, hook, now) {
        pinned.slot.stats.not_asked();
        return (failed(hook, cause, "not asked: it keeps failing"), None);
    }
    let of_session = call.session.as_ref().map(|session| &session.id);
    let example = call.transaction.as_ref().map(|transaction| &transaction.id).or(of_session);
    let example = example.cloned().unwrap_or_default();
    let candidate = pinned.canary.as_ref().filter(|canary| canary.version.evaluator.hooks().contains(&hook));
    let (evaluation, canary) = match candidate {
        Some(canary) => {
            let beside = Call { shadow: true, notes: canary_notes, ..call.clone() };
            let (standing, beside) = tokio::join!(run(version, call, limits), run(&canary.version, beside, limits));
            let example = format!("{example} {hook}");
            pinned.slot.stats.compare(canary.version.short(), &standing, &beside, &example);
            log(pinned, &canary.version, &beside, &example);
            (standing, Some(beside))
        }
        None => (run(version, call, limits).await, None),
    };
    pinned.slot.stats.add(&evaluation);
    log(pinned, version, &evaluation, &example);
    // The server's own faults are no reason to doubt a filter.
    let blamed = evaluation.verdict.as_ref().err().map(|failure| failure.cause).filter(|cause| *cause != Cause::Host);
    if pinned.slot.note(version, hook, blamed, now) {
        give_up(manager, pinned, version);
    }
    (evaluation, canary)
}

/// Back to the version before, which also stands after a restart.
fn give_up(manager: &Arc<Manager>, pinned: &Pinned, version: &Arc<Version>) {
    let filter = pinned.slot.name.as_str();
    let Some(previous) = pinned.slot.rollback_from(version) else {
        let version = version.short();
        tracing::error!(
            filter,
            version,
            "a filter keeps failing, and there is no version before it: on-failure answers"
        );
        return;
    };
    let (version, manager, name) = (Arc::clone(version), Arc::clone(manager), filter.to_owned());
    let (from, to) = (version.short(), previous.short());
    tracing::error!(
        filter,
        version = from,
        previous = to,
        "a filter keeps failing: the version before it stands again"
    );
    tokio::task::spawn_blocking(move || manager.noticed_rollback(&name, &version, &previous));
}

pub(super) async fn run(version: &Version, call: Call, limits: &Limits) -> Evaluation {
    let hook = call.hook;
    let configured = if version.no_snapshot.is_some() { limits.configure_deadline } else { Duration::ZERO };
    let time = limits.time(hook).saturating_add(configured).saturating_add(CALL_GRACE);
    let Ok(mut evaluation) = tokio::time::timeout(time, version.evaluator.call(call)).await else {
        return failed(hook, Cause::Deadline, "the sandbox did not end the call");
    };
    let early = matches!(hook, Hook::Connect | Hook::Greeting | Hook::Recipient);
    if early && matches!(evaluation.verdict, Ok(Verdict::Discard(_))) {
        let detail = format!("discard is no answer to {hook}");
        evaluation.verdict = Err(Failure { hook, cause: Cause::Verdict, call: None, detail });
    }
    if evaluation.verdict.is_err() {
        evaluation.scores.clear();
        evaluation.edits.clear();
        evaluation.notes = None;
    }
    evaluation
}

fn failed(hook: Hook, cause: Cause, detail: &str) -> Evaluation {
    Evaluation {
        verdict: Err(Failure { hook, cause, call: None, detail: detail.to_owned() }),
        scores: Vec::new(),
        edits: Vec::new(),
        notes: None,
        log: Vec::new(),
        log_dropped: 0,
        counters: Vec::new(),
        host_calls: 0,
        took: Duration::ZERO,
    }
}

/// What the filter wrote, and why it failed.
pub(super) fn log(pinned: &Pinned, version: &Version, evaluation: &Evaluation, id: &str) {
    let (filter, version) = (pinned.slot.name.as_str(), version.short());
    for line in &evaluation.log {
        let fields: String =
            line.fields.iter().map(|(name, value)| format!(" {}={:?}", text(name), text(value))).collect();
        let message = format!("{}{fields}", text(&line.message));
        match line.level {
            Level::Trace => tracing::trace!(target: "filter", filter, version, id, "{message}"),
            Level::Debug => tracing::debug!(target: "filter", filter, version, id, "{message}"),
            Level::Info => tracing::info!(target: "filter", filter, version, id, "{message}"),
            Level::Warn => tracing::warn!(target: "filter", filter, version, id, "{message}"),
            Level::Error | Level::Critical => tracing::error!(target: "filter", filter, version, id, "{message}"),
        }
    }
    if evaluation.log_dropped > 0 {
        tracing::warn!(target: "filter", filter, version, id, lines = evaluation.log_dropped, "log lines were dropped");
    }
    if let Err(failure) = &evaluation.verdict {
        tracing::warn!(
            filter,
            version,
            id,
            hook = failure.hook.interface(),
            cause = failure.cause.name(),
            call = failure.call,
            detail = text(&failure.detail),
            "a filter failed"
        );
    }
}
