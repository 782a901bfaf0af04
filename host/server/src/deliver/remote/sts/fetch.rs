//! Fetches a policy by HTTPS (RFC 8461 section 3.3): one request to a host whose certificate is valid, no
//! redirects, a limit for everything.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::super::{Security, tls, transport};

/// For the whole fetch, name lookup included.
const FETCH: Duration = Duration::from_secs(20);
/// A longer policy is none.
const POLICY_BYTES_MAX: usize = 32 << 10;

/// The text of the policy of `domain`, from one of these addresses.
pub(super) async fn fetch(domain: &str, addresses: &[SocketAddr]) -> io::Result<String> {
    let host = format!("mta-sts.{domain}");
    tokio::time::timeout(FETCH, async {
        let mut last = io::Error::other("the host has no address");
        for address in addresses {
            match ask(&host, *address).await {
                Ok(text) => return Ok(text),
                Err(error) => last = error,
            }
        }
        Err(last)
    })
    .await?
}

async fn ask(host: &str, address: SocketAddr) -> io::Result<String> {
    let wire = transport::connect(&address.to_string()).await?;
    let wire = tls::start(wire, host, &Security::Required).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(wire)).await.map_err(io::Error::other)?;
    let request = Request::get("/.well-known/mta-sts.txt")
        .header(HOST, host)
        .header(USER_AGENT, "postwarden")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let asked = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        if response.status() != StatusCode::OK {
            return Err(io::Error::other(format!("the answer is {}", response.status())));
        }
        let plain = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !plain.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/plain")) {
            return Err(io::Error::other("the answer is not text/plain"));
        }
        let body = Limited::new(response.into_body(), POLICY_BYTES_MAX).collect().await.map_err(io::Error::other)?;
        String::from_utf8(body.to_bytes().to_vec()).map_err(io::Error::other)
    };
    // The connection works only while it is polled; it ends with this function.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    asked.await
}
