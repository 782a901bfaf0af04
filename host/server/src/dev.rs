//! `postwarden dev`: a whole server on loopback without a configuration file.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What the command line may change.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Default: a folder below the user's data folder, kept between runs.
    pub data: Option<PathBuf>,
    pub smtp: Option<SocketAddr>,
    pub submission: Option<SocketAddr>,
    pub console: Option<SocketAddr>,
    /// Components to load in this order; refused until the filter chain exists.
    pub filters: Vec<PathBuf>,
}

#[allow(unused_variables, clippy::todo)]
pub async fn run(options: Options) -> anyhow::Result<()> {
    todo!()
}
