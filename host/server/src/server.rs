//! Starts and stops a server: store, listeners, delivery, console; reload. No protocol and no policy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Config;
use crate::config::read::Problem;
use crate::node::Node;

/// A server that was started.
pub struct Running {
    pub node: Arc<Node>,
    /// Listener name and bound address, in the configuration's order.
    pub addresses: Vec<(String, SocketAddr)>,
    pub console: SocketAddr,
}

#[allow(unused_variables, clippy::todo)]
impl Running {
    /// Graceful: no new sessions, messages in progress are finished within a limit, the rest stays queued.
    pub async fn stop(self) {
        todo!()
    }
}

#[allow(unused_variables, clippy::todo)]
pub async fn start(config: Config) -> anyhow::Result<Running> {
    todo!()
}

/// Reads the configuration file again. A file with an error changes nothing. Returns warnings, or all errors.
#[allow(unused_variables, clippy::todo)]
pub async fn reload(node: &Arc<Node>) -> Result<Vec<Problem>, Vec<Problem>> {
    todo!()
}

/// `postwarden serve`: until SIGTERM or SIGINT; SIGHUP reloads.
#[allow(unused_variables, clippy::todo)]
pub async fn serve(file: PathBuf) -> anyhow::Result<()> {
    todo!()
}
