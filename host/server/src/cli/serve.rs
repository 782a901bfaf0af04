//! `postwarden serve`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::connection;
use super::failure::Failure;

/// Run the server in the foreground until SIGTERM or SIGINT.
///
/// The last line of its start says `ready` with its listeners; systemd is told too (Type=notify).
/// SIGHUP, or `postwarden reload`, reads the configuration again; a file with an error changes nothing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden check && postwarden serve
  postwarden serve --config /etc/postwarden/postwarden.toml")]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(self, config: Option<&Path>) -> Result<ExitCode, Failure> {
        let file = connection::find(config)?;
        // Errors of the file are usage errors, told all at once and before anything is started.
        connection::load(Some(&file))?;
        runtime()?.block_on(crate::server::serve(file))?;
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
