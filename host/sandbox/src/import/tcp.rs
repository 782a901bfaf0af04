//! TCP connections to what the `connect` grant lists. A connection ends with the call.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wasmtime::Result;
use wasmtime::component::Resource;

use crate::context::Context;
use crate::track_0_1::postwarden::filter::tcp as wit;

/// Bytes of one call, in and out, over all its connections.
const TRANSFER_BYTES_MAX: u64 = 256 << 20;
/// Bytes handed out by one read.
const PIECE_BYTES: usize = 64 << 10;

#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection {
    stream: TcpStream,
}

type Done<T> = std::result::Result<T, wit::Error>;

impl wit::Host for Context {}

impl wit::HostConnection for Context {
    async fn open(&mut self, host: String, port: u16) -> Result<Done<Resource<Connection>>> {
        self.enter("tcp.connection.open")?;
        if self.call.is_none() || !self.shared.grants.may_connect(&host, port) {
            return Ok(Err(wit::Error::AccessDenied));
        }
        if self.connections >= self.shared.limits.connections {
            return Ok(Err(wit::Error::LimitExceeded));
        }
        self.connections = self.connections.saturating_add(1);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(match tokio::time::timeout(self.time_left(), TcpStream::connect((host.as_str(), port))).await {
            Ok(Ok(stream)) => Ok(self.hand(Connection { stream })?),
            Ok(Err(error)) => Err(error_of(&error)),
            Err(_) => Err(wit::Error::Timeout),
        })
    }

    async fn write(&mut self, this: Resource<Connection>, bytes: Vec<u8>) -> Result<Done<()>> {
        self.enter("tcp.connection.write")?;
        if !self.transfer(bytes.len()) {
            return Ok(Err(wit::Error::LimitExceeded));
        }
        let time = self.time_left();
        let connection = self.table.get_mut(&this)?;
        Ok(match tokio::time::timeout(time, connection.stream.write_all(&bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error_of(&error)),
            Err(_) => Err(wit::Error::Timeout),
        })
    }

    async fn read(&mut self, this: Resource<Connection>, limit: u32) -> Result<Done<Vec<u8>>> {
        self.enter("tcp.connection.read")?;
        let time = self.time_left();
        let mut piece = vec![0; self.piece(limit).min(PIECE_BYTES)];
        let connection = self.table.get_mut(&this)?;
        Ok(match tokio::time::timeout(time, connection.stream.read(&mut piece)).await {
            Ok(Ok(count)) if self.transfer(count) => {
                piece.truncate(count);
                Ok(piece)
            }
            Ok(Ok(_)) => Err(wit::Error::LimitExceeded),
            Ok(Err(error)) => Err(error_of(&error)),
            Err(_) => Err(wit::Error::Timeout),
        })
    }

    fn drop(&mut self, this: Resource<Connection>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Context {
    /// Counts bytes that cross the network; false: no more may.
    fn transfer(&mut self, bytes: usize) -> bool {
        self.transferred = self.transferred.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.transferred <= TRANSFER_BYTES_MAX
    }
}

fn error_of(error: &std::io::Error) -> wit::Error {
    use std::io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected, TimedOut, UnexpectedEof,
    };
    match error.kind() {
        ConnectionRefused => wit::Error::Refused,
        TimedOut => wit::Error::Timeout,
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof => wit::Error::Closed,
        _ => wit::Error::Other(error.to_string()),
    }
}
