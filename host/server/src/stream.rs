//! The socket of a connection, in clear or in TLS: reading, writing within a limit, closing so that the
//! last reply arrives. No protocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::buffer::Input;
use crate::node::Node;

/// A client that takes no reply for this long is gone.
pub(crate) const WRITE_WAIT_MAX: Duration = Duration::from_secs(60);

pub(crate) const LINGER_BYTES_MAX: usize = 1 << 20;

pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Between the two; never awaited on.
    None,
}

impl Stream {
    pub(crate) async fn start_tls(&mut self, node: &Node) -> io::Result<postwarden_smtp::session::Tls> {
        let Self::Plain(stream) = std::mem::replace(self, Self::None) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "TLS inside TLS"));
        };
        let (stream, facts) = node.tls.accept(stream).await?;
        *self = Self::Tls(Box::new(stream));
        Ok(facts)
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = async {
            self.write_all(bytes).await?;
            // Plain sockets keep nothing back; TLS may.
            if let Self::Tls(stream) = self { stream.flush().await } else { Ok(()) }
        };
        match timeout(WRITE_WAIT_MAX, written).await {
            Ok(outcome) => outcome,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no replies")),
        }
    }

    /// Ends our direction and waits for the other's end. Closing a socket with unread input resets
    /// it, and a reset may overtake the last reply.
    pub(crate) async fn linger(mut self, limit: Duration) {
        let drained = async {
            self.shutdown().await?;
            let mut input = Input::default();
            let mut left = LINGER_BYTES_MAX;
            loop {
                let read = std::future::poll_fn(|cx| input.poll_fill(cx, &mut self)).await?;
                input.clear();
                left = left.saturating_sub(read);
                if read == 0 || left == 0 {
                    return io::Result::Ok(());
                }
            }
        };
        let _ = timeout(limit, drained).await;
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::None => Poll::Ready(Ok(())),
        }
    }
}
