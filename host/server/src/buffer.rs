//! Input of a connection between the socket and the session. A buffer is borrowed from the thread
//! for the time there is something in it: an idle connection has none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// One read takes at most this many bytes.
pub const READ_BYTES_MAX: usize = 32 << 10;

/// Buffers a thread keeps for the next reads.
const SPARE_BUFFERS_MAX: usize = 8;

thread_local! {
    static SPARE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes that were read and not yet taken.
#[derive(Default)]
pub struct Input {
    buffer: Option<Box<[u8]>>,
    start: usize,
    end: usize,
}

impl Input {
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub fn bytes(&self) -> &[u8] {
        self.buffer.as_deref().and_then(|buffer| buffer.get(self.start..self.end)).unwrap_or_default()
    }

    /// Up to and with the first LF, or all.
    pub fn line(&self) -> &[u8] {
        let bytes = self.bytes();
        memchr::memchr(b'\n', bytes).and_then(|end| bytes.get(..=end)).unwrap_or(bytes)
    }

    /// The first `taken` bytes are done with.
    pub fn consume(&mut self, taken: usize) {
        self.start = (self.start + taken).min(self.end);
        if self.is_empty() {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        if let Some(buffer) = self.buffer.take() {
            give_back(buffer);
        }
    }

    /// One read into an empty buffer; 0 is the end of the stream.
    pub fn poll_fill<S: AsyncRead + Unpin>(&mut self, cx: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty());
        let mut buffer = take_spare();
        let mut read = ReadBuf::new(&mut buffer);
        let outcome = Pin::new(stream).poll_read(cx, &mut read);
        let length = read.filled().len();
        if length == 0 {
            give_back(buffer);
        } else {
            (self.start, self.end) = (0, length);
            self.buffer = Some(buffer);
        }
        ready!(outcome)?;
        Poll::Ready(Ok(length))
    }
}

fn take_spare() -> Box<[u8]> {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; READ_BYTES_MAX].into_boxed_slice())
}

fn give_back(buffer: Box<[u8]>) {
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < SPARE_BUFFERS_MAX {
            spare.push(buffer);
        }
    });
}
