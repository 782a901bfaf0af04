//! `postwarden dev`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::failure::Failure;
use super::serve::runtime;

/// A whole server on loopback, no configuration needed: accounts alice@localhost and bob@localhost,
/// their passwords printed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden dev
  swaks --server 127.0.0.1:2525 --from carol@example.org --to alice@localhost
  postwarden dev --data /tmp/try --smtp 127.0.0.1:3525

Its configuration is DATA/postwarden.toml: other commands reach it with --config DATA/postwarden.toml.")]
pub(super) struct Dev {
    /// Where mail, queue and configuration are kept between runs
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where mail comes in [default: 127.0.0.1:2525]
    #[arg(long, value_name = "ADDR")]
    smtp: Option<SocketAddr>,
    /// Where users log in and send [default: 127.0.0.1:2587]
    #[arg(long, value_name = "ADDR")]
    submission: Option<SocketAddr>,
    /// Console and API [default: 127.0.0.1:8025]
    #[arg(long, value_name = "ADDR")]
    console: Option<SocketAddr>,
    /// Filter components to load, or folders of their projects, in this order. A file FILE.toml beside FILE.wasm may
    /// have their settings, grants and other keys of a [[filter]]
    #[arg(long = "filter", value_name = "FILE|DIR")]
    filters: Vec<PathBuf>,
}

impl Dev {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let options = crate::dev::Options {
            data: self.data,
            smtp: self.smtp,
            submission: self.submission,
            console: self.console,
            filters: self.filters,
        };
        runtime()?.block_on(crate::dev::run(options))?;
        Ok(ExitCode::SUCCESS)
    }
}
