//! What the host keeps for one instance: its handles, its budgets, the call it is in and what the call has staged.
//! Enforces every budget that is counted in the host; waits for nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{ResourceLimiter, Result, UpdateDeadline};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::assets::Assets;
use crate::call::{Call, LogLine};
use crate::engine::GROWTH_BYTES_MAX;
use crate::failure::{Cause, Stop};
use crate::grants::Grants;
use crate::hook::Hook;
use crate::limits::{Limits, TICK};
use crate::patterns::{Lists, Sets};
use crate::reads::Reads;
use crate::services::Services;
use crate::verdict::{Edit, Score};

/// Bytes that one host call hands out or takes while a filter is configured, whatever its budget for calls: it reads its
/// files and what it has learned, and defines its patterns.
pub(crate) const CONFIGURE_PIECE_BYTES_MAX: usize = 64 << 20;

/// Bytes of standard error that are kept; a guest that writes more is told that it is closed.
const STDERR_BYTES_MAX: usize = 16 << 10;

/// What all instances of one filter version share.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) assets: Assets,
    pub(crate) services: Arc<dyn Services>,
}

pub(crate) struct Context {
    pub(crate) table: ResourceTable,
    /// Made at the first WASI call: a filter that makes none pays nothing.
    wasi: Option<Box<WasiCtx>>,
    /// What the guest writes to standard error: the last words of most language runtimes.
    stderr: Option<MemoryOutputPipe>,
    pub(crate) shared: Arc<Shared>,
    /// None during `configure`.
    pub(crate) call: Option<Call>,
    pub(crate) staged: Staged,
    pub(crate) deadline: Instant,
    /// From its beginning to the deadline.
    time: Duration,
    /// Set at the first tick: the guest takes long.
    pub(crate) ticked: Arc<AtomicBool>,
    /// What `configure` has read from the state, and the patterns it has defined.
    pub(crate) reads: Reads,
    pub(crate) lists: Lists,
    /// What calls search for; none: what this instance itself has defined.
    pub(crate) sets: Option<Arc<Sets>>,
    /// Ticks in which the guest computed, and how many it may; none while it is configured or learns.
    ticks: u32,
    ticks_max: Option<u32>,
    pub(crate) host_calls: u64,
    pub(crate) last_call: Option<&'static str>,
    memory: u64,
    /// Bytes its memories have grown by since it was made, also counted in `growth_of_all`.
    growth: u64,
    growth_of_all: Arc<AtomicU64>,
    table_elements: u64,
    pub(crate) dns_queries: u32,
    pub(crate) connections: u32,
    /// Bytes read and written over them.
    pub(crate) transferred: u64,
}

/// What takes effect if the call returns, and the log, which is kept in any case.
#[derive(Default)]
pub(crate) struct Staged {
    pub(crate) scores: Vec<Score>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) notes: Option<BTreeMap<String, Vec<u8>>>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) log_bytes: u64,
    pub(crate) log_dropped: u64,
    pub(crate) counters: Vec<(String, u64)>,
}

impl Context {
    pub(crate) fn for_configure(shared: Arc<Shared>, growth_of_all: Arc<AtomicU64>) -> Self {
        let deadline = shared.limits.configure_deadline;
        Self::new(shared, growth_of_all, None, deadline, None)
    }

    pub(crate) fn for_call(shared: Arc<Shared>, growth_of_all: Arc<AtomicU64>, call: Call) -> Self {
        let limits = &shared.limits;
        let ticks = limits.cpu.as_nanos().div_ceil(TICK.as_nanos().max(1));
        let ticks_max = u32::try_from(ticks).unwrap_or(u32::MAX).max(1);
        let ticks_max = (call.hook != Hook::Feedback).then_some(ticks_max);
        let time = limits.time(call.hook);
        Self::new(shared, growth_of_all, Some(call), time, ticks_max)
    }

    fn new(
        shared: Arc<Shared>,
        growth_of_all: Arc<AtomicU64>,
        call: Option<Call>,
        time: Duration,
        ticks_max: Option<u32>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(shared.limits.handles).unwrap_or(usize::MAX));
        let now = Instant::now();
        Self {
            table,
            wasi: None,
            stderr: None,
            shared,
            call,
            staged: Staged::default(),
            deadline: now.checked_add(time).unwrap_or(now),
            time,
            reads: Reads::default(),
            lists: Lists::default(),
            sets: None,
            ticked: Arc::default(),
            ticks: 0,
            ticks_max,
            host_calls: 0,
            last_call: None,
            memory: 0,
            growth: 0,
            growth_of_all,
            table_elements: 0,
            dns_queries: 0,
            connections: 0,
            transferred: 0,
        }
    }

    /// As for another call, with the budgets full again. For measurements: a guest is asked once.
    pub(crate) fn renew(&mut self) {
        self.staged = Staged::default();
        (self.ticks, self.host_calls) = (0, 0);
        let now = Instant::now();
        self.deadline = now.checked_add(self.shared.limits.deadline).unwrap_or(now);
    }

    /// A handle that the guest is given.
    pub(crate) fn hand<T: Send + 'static>(&mut self, thing: T) -> Result<Resource<T>> {
        Ok(self.table.push(thing)?)
    }

    /// Begins a host call: counts it and remembers its name.
    pub(crate) fn enter(&mut self, name: &'static str) -> Result<()> {
        self.last_call = Some(name);
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.shared.limits.host_calls {
            return Err(stop(Cause::HostCalls, format!("more than {} host calls", self.shared.limits.host_calls)));
        }
        Ok(())
    }

    /// What the guest has written to standard error.
    pub(crate) fn said(&mut self) -> String {
        let written = self.stderr.take().map(|pipe| pipe.contents());
        written.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned()).unwrap_or_default()
    }

    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Bytes that one host call hands out: what is asked for, within the budget.
    pub(crate) fn piece(&self, limit: u32) -> usize {
        let most = usize::try_from(self.shared.limits.returned_bytes).unwrap_or(usize::MAX);
        let most = if self.call.is_none() { most.max(CONFIGURE_PIECE_BYTES_MAX) } else { most };
        usize::try_from(limit).unwrap_or(usize::MAX).min(most)
    }

    /// A tick has passed while the guest computed.
    pub(crate) fn tick(&mut self) -> Result<UpdateDeadline> {
        if Instant::now() >= self.deadline {
            return Err(stop(Cause::Deadline, format!("after {:?}", self.time)));
        }
        if self.host_calls > self.shared.limits.host_calls {
            return Err(stop(Cause::HostCalls, format!("more than {} host calls", self.shared.limits.host_calls)));
        }
        self.ticked.store(true, Ordering::Relaxed);
        self.ticks = self.ticks.saturating_add(1);
        if self.ticks_max.is_some_and(|most| self.ticks > most) {
            return Err(stop(Cause::Cpu, format!("more than {:?} of computing", self.shared.limits.cpu)));
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

pub(crate) fn stop(cause: Cause, detail: impl Into<String>) -> wasmtime::Error {
    wasmtime::Error::new(Stop { cause, detail: detail.into() })
}

/// The engine asks before any memory or table grows; sums are over all of the instance.
impl ResourceLimiter for Context {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let sum = self.memory.saturating_add(more);
        if sum > self.shared.limits.memory {
            return Err(stop(Cause::Memory, format!("{sum} bytes wanted, {} allowed", self.shared.limits.memory)));
        }
        if current > 0 {
            let all = self.growth_of_all.fetch_add(more, Ordering::Relaxed).saturating_add(more);
            self.growth = self.growth.saturating_add(more);
            if all > GROWTH_BYTES_MAX {
                return Err(stop(Cause::Memory, format!("all filters together may grow by {GROWTH_BYTES_MAX} bytes")));
            }
        }
        self.memory = sum;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let sum = self.table_elements.saturating_add(more);
        if sum > self.shared.limits.table_elements {
            let most = self.shared.limits.table_elements;
            return Err(stop(Cause::Tables, format!("{sum} table elements wanted, {most} allowed")));
        }
        self.table_elements = sum;
        Ok(true)
    }

    fn instances(&self) -> usize {
        usize::try_from(self.shared.limits.instances).unwrap_or(usize::MAX)
    }

    fn memories(&self) -> usize {
        self.instances()
    }

    fn tables(&self) -> usize {
        self.instances()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.growth_of_all.fetch_sub(self.growth, Ordering::Relaxed);
    }
}

/// A closed WASI: no files, no environment, no arguments, no network; clocks and random numbers answer.
impl WasiView for Context {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.last_call = Some("wasi");
        self.host_calls = self.host_calls.saturating_add(1);
        let ctx = self.wasi.get_or_insert_with(|| {
            let mut builder = WasiCtxBuilder::new();
            builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
            builder.stderr(self.stderr.insert(MemoryOutputPipe::new(STDERR_BYTES_MAX)).clone());
            Box::new(builder.build())
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}
