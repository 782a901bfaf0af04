//! One call in an instance of its own: made, asked and thrown away. Enforces the budgets of time; turns whatever the
//! engine says into a verdict or a named cause.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Instant;

use wasmtime::component::{InstancePre, ResourceTableError};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use crate::call::{Call, Evaluation, Level, LogLine};
use crate::context::{Context, Shared, Staged};
use crate::engine::{Room, Sandbox};
use crate::failure::{Cause, Failure, Stop};
use crate::hook::Hook;
use crate::hooks::{Answer, Hooks};
use crate::load::LoadReport;
use crate::patterns::Sets;
use crate::reads::StateRead;
use crate::services::{Services, StateError};
use crate::snapshot::configure;
use crate::track_0_1::postwarden::filter::types as wit;
use crate::verdict::{Objection, Reason, Verdict};

/// Bytes of a guest's words that are kept for log and history.
const DETAIL_BYTES_MAX: usize = 1024;
/// Bytes of a reply text of its own (RFC 5321 section 4.5.3.1.5 leaves 512 for the line).
const REPLY_TEXT_BYTES_MAX: usize = 400;

/// A loaded version of a filter. Every call gets a fresh instance; calls may run at the same time.
pub struct Filter(pub(crate) Arc<Loaded>);

/// What all calls of a version share.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) shared: Arc<Shared>,
    pub(crate) room: Arc<Room>,
    pub(crate) pre: InstancePre<Context>,
    pub(crate) hooks: Hooks,
    pub(crate) exported: Vec<Hook>,
    /// The settings, where each instance must be configured.
    pub(crate) configure_each: Option<String>,
    pub(crate) id: String,
    pub(crate) component: String,
    pub(crate) report: LoadReport,
    /// What the snapshot was built from.
    pub(crate) state: Option<StateRead>,
    pub(crate) reads_authentication: bool,
    /// What its calls search for; none: it has defined nothing, or each instance does.
    pub(crate) sets: Option<Arc<Sets>>,
}

impl Filter {
    pub fn name(&self) -> &str {
        &self.0.shared.name
    }

    /// SHA-256 of component, settings, files, grants and budgets, in hex.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// SHA-256 of the component alone, in hex.
    pub fn component_digest(&self) -> &str {
        &self.0.component
    }

    /// The hooks it exports; others need not be called and pass.
    pub fn hooks(&self) -> &[Hook] {
        &self.0.exported
    }

    /// Whether it can ask for authentication results: they cost lookups.
    pub fn reads_authentication(&self) -> bool {
        self.0.reads_authentication
    }

    /// Why each instance is configured anew; none: instances are copies of a snapshot.
    pub fn no_snapshot(&self) -> Option<&str> {
        self.0.report.no_snapshot.as_deref()
    }

    pub fn report(&self) -> &LoadReport {
        &self.0.report
    }

    /// SHA-256 of all that `configure` has read from the state, in hex; none: it has read nothing.
    pub fn state_digest(&self) -> Option<&str> {
        self.0.state.as_ref().map(|state| state.digest.as_str())
    }

    /// Whether a value that `configure` has got from the state is another one today.
    pub async fn is_stale(&self) -> Result<bool, StateError> {
        match &self.0.state {
            Some(state) => state.is_stale(self.0.shared.services.as_ref()).await,
            None => Ok(false),
        }
    }

    /// The same filter, as it was configured, with other services for its calls.
    pub fn with_services(&self, services: Arc<dyn Services>) -> Self {
        let Shared { name, grants, limits, assets, .. } = self.0.shared.as_ref();
        let (name, grants, limits, assets) = (name.clone(), grants.clone(), limits.clone(), assets.clone());
        let shared = Arc::new(Shared { name, grants, limits, assets, services });
        Self(Arc::new(Loaded { shared, ..Loaded::clone(&self.0) }))
    }

    /// Asks the filter. Ends within its deadline, whatever the guest does; dropping the future ends the guest.
    ///
    /// A guest that computes for longer than a tick goes on beside the caller's runtime, at low priority: it takes no
    /// turn from the sessions of others.
    pub async fn call(&self, call: Call) -> Evaluation {
        let (started, hook) = (Instant::now(), call.hook);
        let ticked = Arc::new(AtomicBool::new(false));
        let mut running = Box::pin(Arc::clone(&self.0).evaluate(call, Arc::clone(&ticked)));
        let first = poll_fn(|context| match running.as_mut().poll(context) {
            Poll::Ready(evaluation) => Poll::Ready(Some(evaluation)),
            Poll::Pending if ticked.load(Ordering::Relaxed) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let mut evaluation = match first.await {
            Some(evaluation) => evaluation,
            None => self.0.room.slow.finish(running, hook).await,
        };
        evaluation.took = started.elapsed();
        evaluation
    }
}

impl Loaded {
    async fn evaluate(self: Arc<Self>, call: Call, ticked: Arc<AtomicBool>) -> Evaluation {
        let hook = call.hook;
        let limit = self.shared.limits.time(hook);
        let deadline = tokio::time::Instant::now().checked_add(limit);
        let Some(deadline) = deadline else { return failed(hook, Cause::Host, "the deadline is out of range") };
        let permit = match tokio::time::timeout_at(deadline, self.room.instances.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return failed(hook, Cause::Host, "the sandbox is closed"),
            Err(_) => return failed(hook, Cause::Instances, "all instances were busy until the deadline"),
        };
        self.room.wake();
        let mut context = Context::for_call(self.shared.clone(), self.room.growth.clone(), call.clone());
        (context.ticked, context.sets) = (ticked, self.sets.clone());
        let mut store = store_of(self.pre.engine(), context);
        let result = tokio::time::timeout_at(deadline, self.run(&mut store, &call)).await;
        let result = match result {
            Ok(Ok(answer)) => judge(answer, hook, &self.shared, store.data_mut()),
            Ok(Err(Ended::Call(error))) => Err(cause_of(&error, &store)),
            Ok(Err(Ended::Configure(why))) => Err((Cause::Configure, why)),
            Err(_) => Err((Cause::Deadline, format!("after {limit:?}"))),
        };
        store.data_mut().keep_stderr();
        let last = store.data().last_call;
        let host_calls = store.data().host_calls;
        let staged = std::mem::take(&mut store.data_mut().staged);
        drop(store);
        drop(permit);
        conclude(hook, result, last, host_calls, staged)
    }

    async fn run(&self, store: &mut Store<Context>, call: &Call) -> Result<Answer, Ended> {
        let instance = self.pre.instantiate_async(&mut *store).await.map_err(Ended::Call)?;
        if let (Some(settings), Some(setup)) = (&self.configure_each, &self.hooks.setup) {
            let call = store.data_mut().call.take();
            configure(store, &instance, setup, settings).await.map_err(|error| Ended::Configure(error.to_string()))?;
            store.data_mut().call = call;
        }
        self.hooks.call(store, &instance, call).await.map_err(Ended::Call)
    }
}

enum Ended {
    Call(wasmtime::Error),
    Configure(String),
}

pub(crate) fn new_store(sandbox: &Sandbox, context: Context) -> Store<Context> {
    sandbox.room.wake();
    store_of(&sandbox.engine, context)
}

pub(crate) fn store_of(engine: &wasmtime::Engine, context: Context) -> Store<Context> {
    let limits = &context.shared.limits;
    let fuel = usize::try_from(limits.returned_bytes).unwrap_or(usize::MAX);
    let handles = usize::try_from(limits.handles).unwrap_or(usize::MAX);
    let mut store = Store::new(engine, context);
    store.limiter(|context| context);
    store.set_hostcall_fuel(fuel);
    store.set_max_component_handles(handles);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut context| context.data_mut().tick());
    store
}

/// The name of what ended a guest. The engine's own text is the detail.
pub(crate) fn cause_of(error: &wasmtime::Error, store: &Store<Context>) -> (Cause, String) {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return (stop.cause, stop.detail.clone());
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return (Cause::Exit, format!("status {}", exit.0));
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return (Cause::Instances, "the server's memories, tables or instances for filters are all in use".to_owned());
    }
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return (Cause::Handles, format!("more than {} handles", store.data().shared.limits.handles));
    }
    let text = cut(format!("{:#}", error.root_cause()), DETAIL_BYTES_MAX);
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => (Cause::Stack, text),
        Some(Trap::Interrupt) => (Cause::Cpu, text),
        Some(Trap::MemoryOutOfBounds) => {
            (Cause::Trap, format!("{text} (a wild pointer, or the guest's stack in its memory is exhausted)"))
        }
        Some(_) => (Cause::Trap, text),
        // The engine has no types for these two.
        None if text.contains("fuel allocated for hostcalls") => {
            (Cause::ReturnedBytes, format!("more than {} bytes at once", store.data().shared.limits.returned_bytes))
        }
        None if text.contains("handle limit exceeded") => {
            (Cause::Handles, format!("more than {} handles", store.data().shared.limits.handles))
        }
        None => (Cause::Trap, text),
    }
}

/// What the contract and the grants make of the guest's words.
fn judge(answer: Answer, hook: Hook, shared: &Shared, context: &mut Context) -> Result<Verdict, (Cause, String)> {
    let verdict = match answer {
        None => return Ok(Verdict::Pass),
        Some(Ok(verdict)) => verdict,
        Some(Err(failure)) => {
            let again = if failure.retryable { "" } else { " (it says that a later attempt will not succeed either)" };
            return Err((Cause::Guest, format!("{}{again}", cut(failure.message, DETAIL_BYTES_MAX))));
        }
    };
    Ok(match verdict {
        wit::Verdict::Pass => Verdict::Pass,
        wit::Verdict::Accept if shared.grants.accept => Verdict::Accept,
        wit::Verdict::Accept => {
            note(context, "its `accept` counts as a pass: it is not granted \"accept\"");
            Verdict::Pass
        }
        wit::Verdict::Reject(o) => Verdict::Reject(objection(o, shared, context)),
        wit::Verdict::Defer(o) => Verdict::Defer(objection(o, shared, context)),
        wit::Verdict::Quarantine(o) => Verdict::Quarantine(objection(o, shared, context)),
        wit::Verdict::Challenge(o) => Verdict::Challenge(objection(o, shared, context)),
        wit::Verdict::Discard(o) => {
            if !shared.grants.discard {
                return Err((Cause::Verdict, "discard, without the grant \"discard\"".to_owned()));
            }
            if matches!(hook, Hook::Connect | Hook::Greeting | Hook::Recipient) {
                return Err((Cause::Verdict, format!("discard is no answer to {hook}")));
            }
            Verdict::Discard(objection(o, shared, context))
        }
        wit::Verdict::Other(name) => {
            let name = cut(name, DETAIL_BYTES_MAX);
            return Err((Cause::Verdict, format!("this server does not know the verdict {name:?}")));
        }
    })
}

fn objection(objection: wit::Objection, shared: &Shared, context: &mut Context) -> Objection {
    let reason = match objection.reason {
        wit::Reason::Virus => Reason::Virus,
        wit::Reason::Content => Reason::Content,
        wit::Reason::Spam => Reason::Spam,
        wit::Reason::Access => Reason::Access,
        wit::Reason::Filter | wit::Reason::Other(_) => Reason::Filter,
    };
    let reply_text = objection.reply_text.and_then(|text| match text {
        _ if !shared.grants.custom_replies => {
            note(context, "its reply text is not used: it is not granted \"custom-replies\"");
            None
        }
        text if text.len() > REPLY_TEXT_BYTES_MAX || text.chars().any(char::is_control) || text.trim().is_empty() => {
            note(context, "its reply text is not used: it is empty, too long or holds a control character");
            None
        }
        text => Some(text),
    });
    let detail = objection.detail.map(|detail| cut(detail, DETAIL_BYTES_MAX));
    Objection { reason, detail, reply_text }
}

/// A line of the host's own in the filter's log.
fn note(context: &mut Context, message: &str) {
    context.staged.log.push(LogLine { level: Level::Warn, message: message.to_owned(), fields: Vec::new() });
}

fn conclude(
    hook: Hook,
    result: Result<Verdict, (Cause, String)>,
    last_call: Option<&'static str>,
    host_calls: u64,
    staged: Staged,
) -> Evaluation {
    let Staged { scores, edits, notes, log, log_dropped, counters, .. } = staged;
    match result {
        Ok(verdict) => Evaluation {
            verdict: Ok(verdict),
            scores,
            edits,
            notes,
            log,
            log_dropped,
            counters,
            host_calls,
            took: Default::default(),
        },
        Err((cause, detail)) => Evaluation {
            log,
            log_dropped,
            counters,
            host_calls,
            ..failure(Failure { hook, cause, call: last_call, detail })
        },
    }
}

pub(crate) fn failed(hook: Hook, cause: Cause, detail: &str) -> Evaluation {
    failure(Failure { hook, cause, call: None, detail: detail.to_owned() })
}

fn failure(failure: Failure) -> Evaluation {
    Evaluation {
        verdict: Err(failure),
        scores: Vec::new(),
        edits: Vec::new(),
        notes: None,
        log: Vec::new(),
        log_dropped: 0,
        counters: Vec::new(),
        host_calls: 0,
        took: Default::default(),
    }
}

/// At most so many bytes, cut between characters.
fn cut(mut text: String, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text
}
