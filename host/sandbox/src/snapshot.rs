//! Configures a component once and returns it with the memory it then has. Says why where that cannot be; never
//! leaves out `configure`.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Component, Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::call::{Level, LogLine};
use crate::context::{CONFIGURE_PIECE_BYTES_MAX, Context, Shared};
use crate::engine::Sandbox;
use crate::failure::Cause;
use crate::inspect;
use crate::instance::{cause_of, new_store};
use crate::load::LoadError;
use crate::patterns::Lists;
use crate::reads::StateRead;
use crate::track_0_1::exports::postwarden::filter::setup;

/// The result of `configure`.
pub(crate) enum Snapshot {
    Taken(Image),
    /// It exports no `setup`: there is nothing to run.
    Needless,
    /// Why each instance must be configured anew.
    Impossible(String),
}

/// A configured component.
pub(crate) struct Image {
    /// With its memory.
    pub(crate) component: Vec<u8>,
    /// What of the state is in it.
    pub(crate) state: Option<StateRead>,
    /// The patterns it has defined.
    pub(crate) lists: Lists,
    /// What it had to say, which each later start says again.
    pub(crate) told: Vec<LogLine>,
}

/// Runs `configure` in an instrumented copy and takes its memory. Blocks on the compiler: call it off the runtime's
/// workers.
pub(crate) async fn take(
    sandbox: &Sandbox,
    shared: &Arc<Shared>,
    wasm: &[u8],
    settings: &str,
) -> Result<Snapshot, LoadError> {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    let (context, instrumented) = match wizer.instrument_component(wasm) {
        Ok(done) => done,
        Err(error) => return Ok(Snapshot::Impossible(format!("{error:#}"))),
    };
    let component = match Component::new(&sandbox.engine, &instrumented) {
        Ok(component) => component,
        Err(error) => return Ok(Snapshot::Impossible(format!("{error:#}"))),
    };
    inspect::interfaces(&sandbox.engine, &component, &shared.grants)?;
    let pre = sandbox.linker.instantiate_pre(&component).map_err(|error| LoadError::Shape(format!("{error:#}")))?;
    let Ok(indices) = setup::GuestIndices::new(&pre) else { return Ok(Snapshot::Needless) };
    let mut store = new_store(sandbox, Context::for_configure(shared.clone(), sandbox.room.growth.clone()));
    store.set_hostcall_fuel(CONFIGURE_PIECE_BYTES_MAX);
    let instance = match pre.instantiate_async(&mut store).await {
        Ok(instance) => instance,
        Err(error) => return Err(LoadError::Start(cause_of(&error, &store))),
    };
    let configured = configure(&mut store, &instance, &indices, settings).await;
    let told = std::mem::take(&mut store.data_mut().staged.log);
    tell(&shared.name, &told);
    configured?;
    if !store.data().table.is_empty() {
        return Ok(Snapshot::Impossible(
            "after configure it still holds a handle, such as standard output it has printed to".to_owned(),
        ));
    }
    let state = std::mem::take(&mut store.data_mut().reads).finish();
    let lists = std::mem::take(&mut store.data_mut().lists);
    // The whole memory crosses as one list.
    store.set_hostcall_fuel(usize::MAX);
    let mut probe = Probe { store: &mut store, instance, failed: None };
    let taken = wizer.snapshot_component(&context, &mut probe).await;
    match (probe.failed, taken) {
        (Some(error), _) | (None, Err(error)) => Ok(Snapshot::Impossible(format!("{error:#}"))),
        (None, Ok(component)) => Ok(Snapshot::Taken(Image { component, state, lists, told })),
    }
}

/// Calls `configure`, in an instance that serves for a snapshot or for one call.
pub(crate) async fn configure(
    store: &mut Store<Context>,
    instance: &Instance,
    indices: &setup::GuestIndices,
    settings: &str,
) -> Result<(), LoadError> {
    let guest = indices.load(&mut *store, instance).map_err(|error| LoadError::Shape(format!("setup: {error:#}")))?;
    let limit = store.data().shared.limits.configure_deadline;
    match tokio::time::timeout(limit, guest.call_configure(&mut *store, settings)).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(problems))) => {
            Err(LoadError::Settings(problems.into_iter().map(|problem| (problem.path, problem.message)).collect()))
        }
        Ok(Err(error)) => {
            let (cause, detail) = cause_of(&error, store);
            let said = store.data_mut().said();
            let said = if said.is_empty() { said } else { format!("; it wrote: {said}") };
            Err(LoadError::Start((cause, format!("{detail}{said}"))))
        }
        Err(_) => Err(LoadError::Start((Cause::Deadline, format!("configure took longer than {limit:?}")))),
    }
}

/// What `configure` has to say to the operator, who is not waiting for a message.
pub(crate) fn tell(filter: &str, lines: &[LogLine]) {
    for line in lines {
        let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
        let message = format!("{}{fields}", line.message.escape_debug());
        match line.level {
            Level::Trace => tracing::trace!(target: "filter", filter, "{message}"),
            Level::Debug => tracing::debug!(target: "filter", filter, "{message}"),
            Level::Info => tracing::info!(target: "filter", filter, "{message}"),
            Level::Warn => tracing::warn!(target: "filter", filter, "{message}"),
            Level::Error | Level::Critical => tracing::error!(target: "filter", filter, "{message}"),
        }
    }
}

/// Reads the globals and memories of the instrumented copy. A failed look is remembered, since the reader's interface
/// has no room for it.
struct Probe<'a> {
    store: &'a mut Store<Context>,
    instance: Instance,
    failed: Option<wasmtime::Error>,
}

impl Probe<'_> {
    async fn ask<R: Lift + Send + Sync + 'static>(&mut self, interface: &str, function: &str) -> Option<R> {
        let found = async {
            let missing = || wasmtime::format_err!("the snapshot cannot find {interface} {function}");
            let interface_index =
                self.instance.get_export_index(&mut *self.store, None, interface).ok_or_else(missing)?;
            let index = self
                .instance
                .get_export_index(&mut *self.store, Some(&interface_index), function)
                .ok_or_else(missing)?;
            let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, index)?;
            Ok::<_, wasmtime::Error>(function.call_async(&mut *self.store, ()).await?.0)
        };
        match found.await {
            Ok(value) => Some(value),
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }
}

impl ComponentInstanceState for Probe<'_> {
    async fn call_func_ret_list_u8(&mut self, interface: &str, function: &str, contents: impl FnOnce(&[u8]) + Send) {
        match self.ask::<WasmList<u8>>(interface, function).await {
            Some(list) => contents(list.as_le_slice(&*self.store)),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, interface: &str, function: &str) -> i32 {
        self.ask(interface, function).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, interface: &str, function: &str) -> i64 {
        self.ask(interface, function).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, interface: &str, function: &str) -> u32 {
        self.ask::<f32>(interface, function).await.map_or(0, f32::to_bits)
    }

    async fn call_func_ret_f64(&mut self, interface: &str, function: &str) -> u64 {
        self.ask::<f64>(interface, function).await.map_or(0, f64::to_bits)
    }
}
