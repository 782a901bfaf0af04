//! The PROXY protocol header, v1 and v2, from listed networks only.
//!
//! Reads exactly the header and not one byte more, so that what follows (a TLS hello, SMTP) is
//! still in the socket. <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The whole header must be there within this time after the connect.
pub const HEADER_WAIT_MAX: Duration = Duration::from_secs(5);

/// A v1 line with its CRLF, as the protocol says.
pub const V1_BYTES_MAX: usize = 107;

/// A v2 header with addresses and extensions; real ones stay below 536.
pub const V2_BYTES_MAX: usize = 4096;

/// Signature, command, family and length of v2.
const V2_FIXED_BYTES: usize = 16;

/// Enough to tell v1 from v2; the shortest v1 header is longer.
const SIGNATURE_BYTES: usize = 12;

/// What the header says about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The proxy speaks for itself (LOCAL, a health check), or does not know: the addresses are the socket's.
    Socket,
    Relayed {
        client: SocketAddr,
        local: SocketAddr,
    },
}

/// Reads the header. `InvalidData` where it is none, `TimedOut` where it does not come within `wait`.
pub async fn read_header<S: AsyncRead + Unpin>(stream: &mut S, wait: Duration) -> io::Result<Source> {
    match tokio::time::timeout(wait, read_untimed(stream)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no complete PROXY header in time")),
    }
}

async fn read_untimed<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Source> {
    let mut header = vec![0; SIGNATURE_BYTES];
    stream.read_exact(&mut header).await?;
    if header.as_slice() == v2::PROTOCOL_PREFIX {
        let mut rest = [0; V2_FIXED_BYTES - SIGNATURE_BYTES];
        stream.read_exact(&mut rest).await?;
        header.extend_from_slice(&rest);
        let [_, _, high, low] = rest;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if header.len() + length > V2_BYTES_MAX {
            return Err(invalid("a PROXY v2 header longer than any real one"));
        }
        header.resize(header.len() + length, 0);
        stream.read_exact(header.split_at_mut(V2_FIXED_BYTES).1).await?;
        return parse_v2(&header);
    }
    if !header.starts_with(b"PROXY ") {
        return Err(invalid("no PROXY header"));
    }
    while !header.ends_with(b"\r\n") {
        if header.len() >= V1_BYTES_MAX {
            return Err(invalid("a PROXY v1 header without an end"));
        }
        header.push(stream.read_u8().await?);
    }
    parse_v1(&header)
}

fn parse_v1(header: &[u8]) -> io::Result<Source> {
    let header = v1::Header::try_from(header).map_err(|error| invalid(&format!("PROXY v1: {error}")))?;
    Ok(match header.addresses {
        v1::Addresses::Unknown => Source::Socket,
        v1::Addresses::Tcp4(a) => Source::Relayed {
            client: (a.source_address, a.source_port).into(),
            local: (a.destination_address, a.destination_port).into(),
        },
        v1::Addresses::Tcp6(a) => Source::Relayed {
            client: (a.source_address, a.source_port).into(),
            local: (a.destination_address, a.destination_port).into(),
        },
    })
}

fn parse_v2(header: &[u8]) -> io::Result<Source> {
    let header = v2::Header::try_from(header).map_err(|error| invalid(&format!("PROXY v2: {error}")))?;
    if header.command == v2::Command::Local {
        return Ok(Source::Socket);
    }
    Ok(match header.addresses {
        v2::Addresses::IPv4(a) => Source::Relayed {
            client: (a.source_address, a.source_port).into(),
            local: (a.destination_address, a.destination_port).into(),
        },
        v2::Addresses::IPv6(a) => Source::Relayed {
            client: (a.source_address, a.source_port).into(),
            local: (a.destination_address, a.destination_port).into(),
        },
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => Source::Socket,
    })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use tokio::io::AsyncWriteExt;

    /// What was read as header, and what is left for the session.
    async fn read(bytes: &[u8]) -> (io::Result<Source>, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(64 << 10);
        theirs.write_all(bytes).await.unwrap();
        drop(theirs);
        let source = read_header(&mut ours, HEADER_WAIT_MAX).await;
        let mut left = Vec::new();
        ours.read_to_end(&mut left).await.unwrap();
        (source, left)
    }

    fn relayed(client: &str, local: &str) -> Source {
        Source::Relayed { client: client.parse().unwrap(), local: local.parse().unwrap() }
    }

    fn v2_header(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = v2::PROTOCOL_PREFIX.to_vec();
        header.extend([0x20 | command, family]);
        header.extend((payload.len() as u16).to_be_bytes());
        header.extend(payload);
        header
    }

    #[tokio::test]
    async fn v1_names_the_client_and_leaves_the_rest() {
        let (source, left) = read(b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\nEHLO x\r\n").await;
        assert_eq!(source.unwrap(), relayed("192.0.2.7:4711", "198.51.100.1:25"));
        assert_eq!(left, b"EHLO x\r\n");
        let (source, _) = read(b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n").await;
        assert_eq!(source.unwrap(), relayed("[2001:db8::7]:4711", "[2001:db8::1]:25"));
        assert_eq!(read(b"PROXY UNKNOWN\r\nEHLO x\r\n").await.0.unwrap(), Source::Socket);
    }

    #[tokio::test]
    async fn v2_names_the_client_and_leaves_the_rest() {
        let mut bytes = v2_header(1, 0x11, &[192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0, 25, 4, 0, 1, 42]);
        bytes.extend(b"EHLO x\r\n");
        let (source, left) = read(&bytes).await;
        assert_eq!(source.unwrap(), relayed("192.0.2.7:4711", "198.51.100.1:25"));
        assert_eq!(left, b"EHLO x\r\n");
        assert_eq!(read(&v2_header(0, 0x00, &[])).await.0.unwrap(), Source::Socket);
        assert_eq!(
            read(&v2_header(0, 0x11, &[192, 0, 2, 7, 198, 51, 100, 1, 0, 1, 0, 25])).await.0.unwrap(),
            Source::Socket
        );
    }

    #[tokio::test]
    async fn what_is_no_header_is_an_error() {
        let long_v1 = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200], b"\r\n"].concat();
        let long_v2 = v2_header(1, 0x11, &vec![0; V2_BYTES_MAX]);
        for bytes in [
            b"EHLO mail.example.com\r\n".as_slice(),
            b"PROXY",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n",
            b"PROXY TCP4 192.0.2.7",
            &long_v1,
            &long_v2,
            &v2_header(1, 0x11, &[1, 2, 3]),
        ] {
            assert!(read(bytes).await.0.is_err(), "{}", bytes.escape_ascii());
        }
    }

    #[tokio::test]
    async fn a_header_that_never_comes_is_waited_for_within_a_limit() {
        let (mut ours, _theirs) = tokio::io::duplex(64);
        let outcome = read_header(&mut ours, Duration::from_millis(1)).await;
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
