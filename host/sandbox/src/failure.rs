//! Why a call gave no verdict: who is to blame and which budget ended. What follows from it is the operator's choice.

use std::fmt;

use crate::hook::Hook;

/// A call without a verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{hook}: {cause}{}{}", .call.map(|call| format!(" in {call}")).unwrap_or_default(), detail_of(.detail))]
pub struct Failure {
    pub hook: Hook,
    pub cause: Cause,
    /// The host function the guest was in or called last.
    pub call: Option<&'static str>,
    pub detail: String,
}

/// The named causes; `on-failure` may answer each one differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// Wall time of the call is over.
    Deadline,
    /// The guest has computed too long.
    Cpu,
    Memory,
    Tables,
    /// No room for another instance.
    Instances,
    HostCalls,
    ReturnedBytes,
    Handles,
    Stack,
    /// `unreachable`, a panic, a wild access, a bad handle.
    Trap,
    /// The guest ended its program.
    Exit,
    /// It answered with something the contract does not allow here.
    Verdict,
    /// It said itself that it could not decide.
    Guest,
    /// It refused its settings, or failed with them, in an instance of its own.
    Configure,
    /// The server's fault.
    Host,
}

impl Cause {
    pub const ALL: [Self; 15] = [
        Self::Deadline,
        Self::Cpu,
        Self::Memory,
        Self::Tables,
        Self::Instances,
        Self::HostCalls,
        Self::ReturnedBytes,
        Self::Handles,
        Self::Stack,
        Self::Trap,
        Self::Exit,
        Self::Verdict,
        Self::Guest,
        Self::Configure,
        Self::Host,
    ];

    /// The name in configuration, log and history.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Tables => "tables",
            Self::Instances => "instances",
            Self::HostCalls => "host-calls",
            Self::ReturnedBytes => "returned-bytes",
            Self::Handles => "handles",
            Self::Stack => "stack",
            Self::Trap => "trap",
            Self::Exit => "exit",
            Self::Verdict => "verdict",
            Self::Guest => "guest",
            Self::Configure => "configure",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn detail_of(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

/// Ends a guest from inside a host call or a limiter; carried through the engine as its error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}: {detail}")]
pub(crate) struct Stop {
    pub(crate) cause: Cause,
    pub(crate) detail: String,
}
