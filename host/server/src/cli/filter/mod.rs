//! `postwarden filter`: those of a running server, and those somebody writes.

mod run;
mod standing;
mod told;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output::Output;

/// Filters: what stands in a running server and changing it while mail flows; and the workbench of those who write one,
/// which needs no server.
#[derive(Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Try a filter on messages from files, without a server
    Run(run::Run),
    #[command(flatten)]
    Standing(standing::Standing),
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        match self.action {
            Action::Run(command) => command.run(config, out),
            Action::Standing(command) => command.run(config, out),
        }
    }
}
