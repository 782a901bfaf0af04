//! Names and addresses of hosts and mailboxes as operators write them in the configuration.

use std::net::{IpAddr, SocketAddr};

use postwarden_smtp::path::PathFault;
use postwarden_smtp::{Domain, Mailbox};

/// Longest domain name (RFC 1035 section 2.3.4).
const DOMAIN_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// `127.0.0.1:8025`, `[::1]:8025`.
pub(super) fn socket(text: &str, example: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let hint = if text.starts_with(':') {
            format!("write \"0.0.0.0{text}\" for all addresses")
        } else if text.parse::<IpAddr>().is_ok() {
            format!("the port is missing, as in \"{example}\"")
        } else {
            format!("write an IP address and a port, as in \"{example}\" or \"[::1]:25\"")
        };
        format!("\"{text}\" is no address to listen on: {hint}")
    })
}

/// `host`, `host:port`, `[v6]:port`; comes out as `host:port`.
pub(super) fn host_and_port(text: &str, default_port: u16) -> Result<String, String> {
    if text.contains("://") {
        return Err(format!("\"{text}\" is a URL: write \"HOST:PORT\""));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address.to_string());
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, default_port).to_string());
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse::<u16>().ok().filter(|port| *port != 0);
            (host, port.ok_or_else(|| format!("\"{text}\": after the colon stands a port from 1 to 65535"))?)
        }
        None => (text, default_port),
    };
    domain(host).map(|host| format!("{host}:{port}"))
}

/// A domain or host name, lower case, without a dot at its end.
pub fn domain(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_lowercase();
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    if name.is_empty() {
        return Err("a domain name is missing, as in \"example.com\"".into());
    }
    if name.len() > DOMAIN_BYTES_MAX || !name.split('.').all(label) {
        let hint = if text.contains('@') {
            "write only what stands after the @"
        } else {
            "write letters, digits and hyphens with dots between, as in \"example.com\""
        };
        return Err(format!("\"{text}\" is no domain name: {hint}"));
    }
    Ok(name)
}

/// `user@domain`, lower case, by the parser that reads MAIL and RCPT.
pub fn mailbox(text: &str) -> Result<String, String> {
    let as_in = "write it as in \"user@example.com\"";
    let mailbox = Mailbox::parse(text.trim()).map_err(|fault| match fault {
        PathFault::Unbalanced => format!("\"{text}\" is unbalanced: {fault}; {as_in}"),
        _ => format!("\"{text}\" is no mail address: {as_in}"),
    })?;
    match mailbox.domain {
        Domain::Name(name) => Ok(format!("{}@{}", mailbox.local.to_lowercase(), domain(&name)?)),
        Domain::Literal(_) => Err(format!("\"{text}\" has an IP address where a domain is needed: {as_in}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("relay.example.net", "relay.example.net:25"),
            ("Relay.Example.NET:587", "relay.example.net:587"),
            ("192.0.2.1", "192.0.2.1:25"),
            ("192.0.2.1:2525", "192.0.2.1:2525"),
            ("[2001:db8::1]", "[2001:db8::1]:25"),
            ("2001:db8::1", "[2001:db8::1]:25"),
            ("[2001:db8::1]:26", "[2001:db8::1]:26"),
        ] {
            assert_eq!(host_and_port(text, 25).as_deref(), Ok(expected), "{text}");
        }
        for bad in ["", "a b", "host:", "host:0", "host:99999", "smtp://host:25", "-x.example"] {
            assert!(host_and_port(bad, 25).is_err(), "{bad}");
        }
    }

    #[test]
    fn mailboxes() {
        assert_eq!(mailbox("Alice.B@Example.COM").as_deref(), Ok("alice.b@example.com"));
        assert_eq!(mailbox("<alice@example.com>").as_deref(), Ok("alice@example.com"));
        for bad in ["", "alice", "@example.com", "alice@", "a b@example.com", "a@b@c", "a@[192.0.2.1]", "a@b.c d@e.f"] {
            assert!(mailbox(bad).is_err(), "{bad}");
        }
        for unbalanced in ["<a@b.example", "\"a@b.example"] {
            assert!(mailbox(unbalanced).is_err_and(|said| said.contains("unbalanced")), "{unbalanced}");
        }
    }
}
