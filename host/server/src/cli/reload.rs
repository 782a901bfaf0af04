//! `postwarden reload`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, note};
use crate::admin::status;

/// Make the running server read its configuration again. A file with an error changes nothing,
/// and its errors are told here.
#[derive(Args)]
#[command(after_help = "\
Example:
  postwarden check && postwarden reload")]
pub(super) struct Reload {}

impl Reload {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let reply = Connection::server(config)?.call(status::Reload {})?;
        if out.json {
            out.value(&reply)?;
            return Ok(ExitCode::SUCCESS);
        }
        for warning in &reply.warnings {
            note(format!("warning: {warning}"));
        }
        out.line("reloaded")?;
        Ok(ExitCode::SUCCESS)
    }
}
