//! The other end of the API: sends an operation to the server that a configuration describes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::operation::{Kind, Operation, Refused};
use crate::config::Config;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Longer than the server's own limit of an operation.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(90);
const REPLY_BYTES_MAX: u64 = 64 << 20;

pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: String,
}

impl Client {
    /// None where nobody listens. An error where somebody does, but the token cannot be had.
    pub fn connect(config: &Config) -> anyhow::Result<Option<Self>> {
        let address = reachable(config.admin.bind);
        match std::net::TcpStream::connect_timeout(&address, CONNECT_TIME_MAX) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Ok(None),
            Err(error) => anyhow::bail!("cannot reach the server's console at {address} (admin.bind): {error}"),
        }
        let token = super::read_token(config).map_err(|error| {
            anyhow::anyhow!(
                "a server listens on {address}, but {error:#}; run this as the server's user, or name its configuration with --config"
            )
        })?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_TIME_MAX))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build()
            .new_agent();
        Ok(Some(Self { agent, base: format!("http://{address}/api/v1/"), token }))
    }

    pub fn call<O: Operation>(&self, operation: &O) -> Result<O::Reply, Refused> {
        let url = format!("{}{}", self.base, O::ROUTE);
        let failed = |error: &dyn std::fmt::Display| {
            Refused::new(Kind::Unavailable, format!("the server did not answer {url}: {error}"))
        };
        let mut response = self
            .agent
            .post(&url)
            .header("Authorization", &format!("Bearer {}", self.token))
            .send_json(operation)
            .map_err(|error| failed(&error))?;
        let ok = response.status().is_success();
        let body = response.body_mut().with_config().limit(REPLY_BYTES_MAX);
        if ok {
            return body.read_json().map_err(|error| failed(&error));
        }
        let refused: Refused =
            body.read_json().map_err(|_| failed(&format!("is this Postwarden? HTTP status {}", response.status())))?;
        Err(refused)
    }
}

/// Where to connect for what a server bound.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}
