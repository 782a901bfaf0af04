//! Sockets to other servers: TCP or a local socket. No protocol.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// For one address; a host with several gets it for each, within [`CONNECT_ALL`].
const CONNECT: Duration = Duration::from_secs(15);
const CONNECT_ALL: Duration = Duration::from_secs(30);
/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 8;

/// A connection, in clear or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Connects to `host:port` or `unix:/path`.
pub(super) async fn connect(to: &str) -> io::Result<Box<dyn Wire>> {
    if let Some(path) = to.strip_prefix("unix:") {
        return Ok(Box::new(timeout(CONNECT, UnixStream::connect(path)).await??));
    }
    timeout(CONNECT_ALL, async {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in tokio::net::lookup_host(to).await?.take(ADDRESSES_MAX) {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true)?;
                    return Ok(Box::new(stream) as Box<dyn Wire>);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    })
    .await?
}
