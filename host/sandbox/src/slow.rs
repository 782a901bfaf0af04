//! Threads of low priority: for guests that take longer than a tick, and for loading. They give way to everything else
//! the machine has to do; no call begins here.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::call::Evaluation;
use crate::failure::Cause;
use crate::hook::Hook;
use crate::instance::failed;

/// Of -20 to 19: a tenth of what a session gets where both compute, all of it where none does.
const NICE: i32 = 10;

/// Ends without waiting: its calls end with it.
pub(crate) struct Slow(Option<Runtime>);

impl Slow {
    pub(crate) fn start() -> io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("filter-slow")
            .enable_all()
            .on_thread_start(|| {
                // 0 is the calling thread, on Linux; elsewhere all threads stay equal.
                #[cfg(target_os = "linux")]
                if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                    tracing::debug!(%error, "slow filters keep the priority of the server");
                }
            })
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs what computes long, such as the compiler. A panic there, or too long a time, is an error.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        time: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let Some(runtime) = &self.0 else { return Err("the sandbox is closed".to_owned()) };
        match tokio::time::timeout(time, runtime.spawn_blocking(work)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it took longer than {time:?}")),
        }
    }

    /// Goes on with a call that has begun elsewhere. Dropping the future ends it.
    pub(crate) async fn finish(
        &self,
        running: Pin<Box<dyn Future<Output = Evaluation> + Send>>,
        hook: Hook,
    ) -> Evaluation {
        let Some(runtime) = &self.0 else { return failed(hook, Cause::Host, "the sandbox is closed") };
        let mut tasks = JoinSet::new();
        tasks.spawn_on(running, runtime.handle());
        match tasks.join_next().await {
            Some(Ok(evaluation)) => evaluation,
            Some(Err(error)) => failed(hook, Cause::Host, &format!("the call was lost: {error}")),
            None => failed(hook, Cause::Host, "the call was lost"),
        }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
