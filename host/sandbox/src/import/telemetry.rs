//! The filter's log and counters. Keeps what its budgets allow and counts the rest; writes nothing itself.

use wasmtime::Result;

use crate::call::{Level, LogLine};
use crate::context::Context;
use crate::track_0_1::postwarden::filter::telemetry as wit;

/// Different counters of one call.
const COUNTERS_MAX: usize = 64;
/// Bytes of a counter's name.
const COUNTER_NAME_BYTES_MAX: usize = 64;

impl wit::Host for Context {
    fn log(&mut self, level: wit::Level, message: String, fields: Vec<(String, String)>) -> Result<()> {
        self.enter("telemetry.log")?;
        self.keep(LogLine { level: of(level), message, fields });
        Ok(())
    }

    fn is_enabled(&mut self, level: wit::Level) -> Result<bool> {
        self.enter("telemetry.is-enabled")?;
        Ok(match of(level) {
            Level::Trace => tracing::enabled!(target: "filter", tracing::Level::TRACE),
            Level::Debug => tracing::enabled!(target: "filter", tracing::Level::DEBUG),
            Level::Info => tracing::enabled!(target: "filter", tracing::Level::INFO),
            Level::Warn => tracing::enabled!(target: "filter", tracing::Level::WARN),
            Level::Error | Level::Critical => tracing::enabled!(target: "filter", tracing::Level::ERROR),
        })
    }

    fn add_to_counter(&mut self, name: String, delta: u64) -> Result<()> {
        self.enter("telemetry.add-to-counter")?;
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > COUNTER_NAME_BYTES_MAX || !name.bytes().all(allowed) {
            return Ok(());
        }
        let counters = &mut self.staged.counters;
        if let Some((_, sum)) = counters.iter_mut().find(|(known, _)| *known == name) {
            *sum = sum.saturating_add(delta);
        } else if counters.len() < COUNTERS_MAX {
            counters.push((name, delta));
        }
        Ok(())
    }
}

impl Context {
    /// A line of the log, within its budgets.
    pub(crate) fn keep(&mut self, line: LogLine) {
        let bytes = line
            .fields
            .iter()
            .map(|(name, value)| name.len().saturating_add(value.len()))
            .fold(line.message.len(), usize::saturating_add);
        let sum = self.staged.log_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let lines = u32::try_from(self.staged.log.len()).unwrap_or(u32::MAX);
        if lines >= self.shared.limits.log_lines || sum > self.shared.limits.log_bytes {
            self.staged.log_dropped = self.staged.log_dropped.saturating_add(1);
            return;
        }
        self.staged.log_bytes = sum;
        self.staged.log.push(line);
    }

    /// What the guest has written to standard error, as lines of its log.
    pub(crate) fn keep_stderr(&mut self) {
        for line in self.said().lines() {
            self.keep(LogLine { level: Level::Error, message: line.to_owned(), fields: Vec::new() });
        }
    }
}

fn of(level: wit::Level) -> Level {
    match level {
        wit::Level::Trace => Level::Trace,
        wit::Level::Debug => Level::Debug,
        wit::Level::Info => Level::Info,
        wit::Level::Warn => Level::Warn,
        wit::Level::Error => Level::Error,
        wit::Level::Critical => Level::Critical,
    }
}
