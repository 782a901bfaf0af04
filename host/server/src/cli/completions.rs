//! `postwarden completions`

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::failure::Failure;

/// Completions for a shell, on standard output.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden completions bash > /etc/bash_completion.d/postwarden
  postwarden completions zsh > ~/.zfunc/_postwarden
  postwarden completions fish > ~/.config/fish/completions/postwarden.fish")]
pub(super) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "postwarden", &mut text);
        super::output::Output::new(false).line(String::from_utf8_lossy(&text).trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}
