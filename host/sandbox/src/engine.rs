//! The engine all filters share: its limits, the linker, the clock that interrupts computing guests, and room for
//! instances. Knows no filter.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};

use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

use crate::context::Context;
use crate::import;
use crate::limits::TICK;
use crate::slow::Slow;

/// Instances that live at one time, of all filters together.
pub(crate) const INSTANCES_DEFAULT: u32 = 200;
/// Bytes of one linear memory; no filter's `memory` may be more.
pub(crate) const MEMORY_MAX: u64 = 1 << 30;
/// Elements of one table; no filter's `table-elements` may be more.
pub(crate) const TABLE_ELEMENTS_MAX: u64 = 200_000;
/// Core instances of one component; no filter's `instances` may be more.
pub(crate) const CORE_INSTANCES_MAX: u32 = 128;
/// Bytes that filters may add to their memories while they run, all together. What was there at load is shared.
pub(crate) const GROWTH_BYTES_MAX: u64 = 4 << 30;
const MEMORIES_OF_A_COMPONENT_MAX: u32 = 8;
const TABLES_OF_A_COMPONENT_MAX: u32 = 32;
/// Core instances (Python and Go come with a dozen) per component instance, on average.
const CORE_INSTANCES_EACH: u32 = 16;
/// Bytes of the guest's own stack, and of the host's stack it runs on.
const WASM_STACK_BYTES: usize = 512 << 10;
const ASYNC_STACK_BYTES: usize = 1 << 20;
/// Bytes of memory and of tables that a slot keeps mapped for its next instance.
const MEMORY_RESIDENT_BYTES: usize = 256 << 20;
const TABLE_RESIDENT_BYTES: usize = 64 << 10;

/// What the server decides about the sandbox as a whole.
#[derive(Clone, Debug, Default)]
pub struct SandboxSettings {
    /// A folder of this server's own for compiled code; none: compile at each start.
    pub cache: Option<PathBuf>,
    /// Instances that live at one time; 0: [`INSTANCES_DEFAULT`].
    pub instances: u32,
}

/// Runs filters. One for a process.
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Context>,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) room: Arc<Room>,
    /// One component is compiled at a time.
    pub(crate) compiling: Semaphore,
}

/// What instances compete for.
pub(crate) struct Room {
    pub(crate) instances: Semaphore,
    /// Bytes all memories have grown by.
    pub(crate) growth: Arc<AtomicU64>,
    /// Where guests go on that take long.
    pub(crate) slow: Slow,
    ticker: Ticker,
}

impl Sandbox {
    /// Fails only where the machine or the settings do not allow an engine.
    pub fn new(settings: SandboxSettings) -> Result<Arc<Self>, String> {
        let instances = if settings.instances == 0 { INSTANCES_DEFAULT } else { settings.instances };
        let build = || -> Result<(Engine, Linker<Context>)> {
            let engine = Engine::new(&config(instances))?;
            let mut linker = Linker::new(&engine);
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            import::add_to_linker(&mut linker)?;
            Ok((engine, linker))
        };
        let (engine, linker) = build().map_err(|error| format!("the sandbox cannot start: {error:#}"))?;
        let ticker = Ticker::start(&engine).map_err(|error| format!("the sandbox cannot start its clock: {error}"))?;
        let slow = Slow::start().map_err(|error| format!("the sandbox cannot start its threads: {error}"))?;
        let room = Room {
            instances: Semaphore::new(usize::try_from(instances).unwrap_or(usize::MAX)),
            growth: Arc::default(),
            slow,
            ticker,
        };
        let room = Arc::new(room);
        Ok(Arc::new(Self { engine, linker, cache: settings.cache, room, compiling: Semaphore::new(1) }))
    }
}

impl Room {
    /// Guests that compute are looked at from now on.
    pub(crate) fn wake(&self) {
        self.ticker.wake();
    }
}

fn config(instances: u32) -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.memory_init_cow(true);
    // A larger image would be copied into each instance.
    config.memory_guaranteed_dense_image_size(MEMORY_MAX);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(ASYNC_STACK_BYTES);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    config
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_EACH))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_OF_A_COMPONENT_MAX)
        .max_tables_per_component(TABLES_OF_A_COMPONENT_MAX)
        .max_memory_size(usize::try_from(MEMORY_MAX).unwrap_or(usize::MAX))
        .table_elements(usize::try_from(TABLE_ELEMENTS_MAX).unwrap_or(usize::MAX))
        .max_component_instance_size(8 << 20)
        .max_core_instance_size(8 << 20)
        .max_unused_warm_slots(instances);
    // Kernels before 6.7 cannot say which pages were written; keeping pages would mean to copy them all.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(MEMORY_RESIDENT_BYTES)
            .table_keep_resident(TABLE_RESIDENT_BYTES);
    } else {
        pool.pagemap_scan(Enabled::No);
    }
    pool
}

/// A thread that moves the engine's epoch each [`TICK`] while filters run, and sleeps when none has for a while.
struct Ticker {
    calls: Arc<AtomicU64>,
    asleep: Arc<AtomicBool>,
    thread: Thread,
}

/// Ticks without a call until the clock sleeps.
const IDLE_TICKS: u32 = 500;

impl Ticker {
    fn start(engine: &Engine) -> std::io::Result<Self> {
        let calls = Arc::new(AtomicU64::new(0));
        let asleep = Arc::new(AtomicBool::new(false));
        let (seen, sleeping, weak) = (calls.clone(), asleep.clone(), engine.weak());
        let handle = thread::Builder::new().name("filter-clock".to_owned()).spawn(move || {
            let (mut last, mut idle) = (0, 0_u32);
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                let now = seen.load(Ordering::SeqCst);
                idle = if now == last { idle.saturating_add(1) } else { 0 };
                last = now;
                if idle < IDLE_TICKS {
                    thread::sleep(TICK);
                    continue;
                }
                sleeping.store(true, Ordering::SeqCst);
                // A call may have begun between the look and the sleep: then do not sleep.
                // A guest that still computes is ended by a longer tick at the latest.
                if seen.load(Ordering::SeqCst) == last {
                    thread::park_timeout(TICK.saturating_mul(IDLE_TICKS));
                }
                sleeping.store(false, Ordering::SeqCst);
            }
        })?;
        Ok(Self { calls, asleep, thread: handle.thread().clone() })
    }

    fn wake(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
    }
}
