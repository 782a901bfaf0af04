//! The API of a running server, for the command line and the console: HTTP on loopback, a token, JSON.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::node::Node;

#[allow(unused_variables, clippy::todo)]
pub async fn serve(node: Arc<Node>, listener: TcpListener, token: String, stop: CancellationToken) {
    todo!()
}
