//! `postwarden explain`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::failure::Failure;
use super::output::Output;

/// What a reply, a log line or a bounce means here, and what to change; or what became of a message.
#[derive(Args)]
pub(super) struct Explain {
    /// A reply, a log or bounce line, the key or number of a row, or a queue id
    #[arg(required = true, value_name = "ID|TEXT")]
    text: Vec<String>,
}

impl Explain {
    pub(super) fn run(self, _config: Option<&Path>, _out: &mut Output) -> Result<ExitCode, Failure> {
        Err(Failure::refused(format!("nothing is known about \"{}\" yet", self.text.join(" "))))
    }
}
