//! `postwarden status`

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, counted};
use crate::admin::status;
use crate::config::units;

/// How the running server is: version, age, queue, free space.
#[derive(Args)]
pub(super) struct Status {}

impl Status {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let reply = Connection::server(config)?.call(status::Status {})?;
        if out.json {
            out.value(&reply)?;
            return Ok(ExitCode::SUCCESS);
        }
        let queue =
            format!("{}, {}", counted(reply.queued_messages, "message"), counted(reply.queued_recipients, "recipient"));
        let mut fields = vec![
            ("version", reply.version),
            ("hostname", reply.hostname),
            ("node", reply.node),
            ("running for", units::show_duration(Duration::from_secs(reply.uptime_seconds))),
            ("queue", queue),
        ];
        if let Some(free) = reply.spool_free {
            fields.push(("free for new mail", units::show_size(free)));
        }
        if let Some(file) = reply.config {
            fields.push(("configuration", file));
        }
        out.fields(&fields)?;
        Ok(ExitCode::SUCCESS)
    }
}
