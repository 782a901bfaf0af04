//! For benchmarks only: one instance asked again and again, and many instances alive at one time. The server never
//! does either.

use std::time::{Duration, Instant};

use wasmtime::Store;

use crate::call::Call;
use crate::context::Context;
use crate::instance::{Filter, store_of};

/// An instance that was asked once and is still alive.
pub struct Live(#[expect(dead_code, reason = "it is held for the memory it takes")] Store<Context>);

/// Time of so many calls in one instance; none: a call failed.
pub async fn repeat(filter: &Filter, call: &Call, times: u32) -> Option<Duration> {
    let mut context = Context::for_call(filter.0.shared.clone(), filter.0.room.growth.clone(), call.clone());
    context.sets = filter.0.sets.clone();
    let mut store = store_of(filter.0.pre.engine(), context);
    filter.0.room.wake();
    let instance = filter.0.pre.instantiate_async(&mut store).await.ok()?;
    let started = Instant::now();
    for _ in 0..times {
        store.data_mut().renew();
        filter.0.hooks.call(&mut store, &instance, call).await.ok()?;
    }
    Some(started.elapsed())
}

/// An instance that has answered and is kept.
pub async fn keep(filter: &Filter, call: &Call) -> Option<Live> {
    let mut context = Context::for_call(filter.0.shared.clone(), filter.0.room.growth.clone(), call.clone());
    context.sets = filter.0.sets.clone();
    let mut store = store_of(filter.0.pre.engine(), context);
    let instance = filter.0.pre.instantiate_async(&mut store).await.ok()?;
    filter.0.hooks.call(&mut store, &instance, call).await.ok()?;
    Some(Live(store))
}
