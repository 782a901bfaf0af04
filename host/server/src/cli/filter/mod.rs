//! `postwarden filter`: those of a running server, and those somebody writes.

mod bench;
mod check;
mod new;
mod replay;
mod run;
mod standing;
mod test;
mod told;
mod watch;

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
#[expect(clippy::large_enum_variant, reason = "there is one, made of the command line")]
enum Action {
    /// Make a project: a small filter in the language you like
    New(new::New),
    /// Build a project's component
    Build(new::Build),
    /// What a component is, what it needs, and whether a server would load it
    Check(check::Check),
    /// Ask a filter about messages whose verdicts are known
    Test(test::Test),
    /// What a filter costs each message, beside one that does nothing
    Bench(bench::Bench),
    /// Build again at each save, and tell the verdict on a message again
    Watch(watch::Watch),
    /// Where a candidate and the version in the configuration differ, over held messages or files
    Replay(replay::Replay),
    /// Try a filter on messages from files, without a server
    Run(run::Run),
    #[command(flatten)]
    Standing(standing::Standing),
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        match self.action {
            Action::New(command) => command.run(out),
            Action::Build(command) => command.run(out),
            Action::Check(command) => command.run(config, out),
            Action::Test(command) => command.run(config, out),
            Action::Bench(command) => command.run(config, out),
            Action::Watch(command) => command.run(config, out),
            Action::Replay(command) => command.run(config, out),
            Action::Run(command) => command.run(config, out),
            Action::Standing(command) => command.run(config, out),
        }
    }
}
