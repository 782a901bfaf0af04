//! The budgets of one call, each with its unit and the cause that names its end. Defaults are an operator's, not a test's.

use std::time::Duration;

use crate::hook::Hook;

/// What one call of a filter may use. Every field is a configuration key of the filter (with `-` for `_`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall time of one call.
    pub deadline: Duration,
    /// Time the guest itself computes in one call, counted in ticks of [`TICK`].
    pub cpu: Duration,
    /// Wall time of `configure` and of learning; their CPU time is not counted apart.
    pub configure_deadline: Duration,
    /// Bytes of all linear memories of one instance.
    pub memory: u64,
    /// Elements of all tables of one instance.
    pub table_elements: u64,
    /// Core instances, memories and tables of one component instance.
    pub instances: u32,
    /// Calls from the guest into the host.
    pub host_calls: u64,
    /// Bytes that cross into the host in one host call or one returned value.
    pub returned_bytes: u64,
    /// Handles the guest holds at one time.
    pub handles: u32,
    /// Log lines kept; more are dropped and counted.
    pub log_lines: u32,
    /// Bytes of log text kept; more are dropped and counted.
    pub log_bytes: u64,
    /// Edits staged.
    pub edits: u32,
    /// Bytes of new contents of body parts.
    pub edit_bytes: u64,
    /// Symbols scored.
    pub scores: u32,
    /// Bytes of notes of one filter on one connection.
    pub note_bytes: u64,
    /// DNS questions.
    pub dns_queries: u32,
    /// TCP connections opened.
    pub connections: u32,
}

/// How often a computing guest is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(1);

impl Limits {
    /// Wall time of a call of this hook.
    pub fn time(&self, hook: Hook) -> Duration {
        if hook == Hook::Feedback { self.configure_deadline } else { self.deadline }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(250),
            cpu: Duration::from_millis(200),
            configure_deadline: Duration::from_secs(60),
            memory: 256 << 20,
            table_elements: 200_000,
            instances: 64,
            host_calls: 100_000,
            returned_bytes: 4 << 20,
            handles: 10_000,
            log_lines: 100,
            log_bytes: 64 << 10,
            edits: 100,
            edit_bytes: 16 << 20,
            scores: 500,
            note_bytes: 64 << 10,
            dns_queries: 100,
            connections: 4,
        }
    }
}
