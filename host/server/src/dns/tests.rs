//! Tests of reverse names against a name server of the tests' own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::config::read;

/// A name server on loopback that knows a few names and is silent about others.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    pub(crate) queries: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the stub says to a question, by its name and type.
fn told(name: &str, kind: u16) -> Said {
    const PTR: u16 = 12;
    const A: u16 = 1;
    const TXT: u16 = 16;
    match (name, kind) {
        ("1.2.0.192.in-addr.arpa", PTR) => Said::Name("Mail.Client.example"),
        ("mail.client.example", A) => Said::Address([192, 0, 2, 1]),
        ("2.2.0.192.in-addr.arpa", PTR) => Said::Name("liar.example"),
        ("liar.example", A) => Said::Address([198, 51, 100, 1]),
        ("4.2.0.192.in-addr.arpa", PTR) => Said::Code(2),
        ("5.2.0.192.in-addr.arpa", PTR) => Said::Name("broken.example"),
        ("broken.example", A) => Said::Code(2),
        ("6.2.0.192.in-addr.arpa", PTR) => Said::Code(0),
        ("7.2.0.192.in-addr.arpa", PTR) => Said::Nothing,
        ("txt.example", TXT) => Said::Text(&["v=spf1 ", "-all"]),
        ("txt.example", _) => Said::Code(0),
        ("refused.example", _) => Said::Code(5),
        ("failing.example", _) => Said::Code(2),
        ("silent.example", _) => Said::Nothing,
        _ => Said::Code(3),
    }
}

enum Said {
    Name(&'static str),
    Address([u8; 4]),
    /// The strings of one record.
    Text(&'static [&'static str]),
    /// NOERROR without records (0), SERVFAIL (2), NXDOMAIN (3), REFUSED (5).
    Code(u8),
    Nothing,
}

pub(crate) async fn stub() -> Stub {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let queries = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&queries);
    let task = tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::SeqCst);
            if let Some(answer) = answer(&buffer[..length]) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    Stub { address, queries, task }
}

/// RFC 1035 section 4, for one question.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_lowercase());
        at += 1 + length;
    }
    let question = &query[12..at + 5];
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let data = match told(&labels.join("."), kind) {
        Said::Nothing => return None,
        Said::Code(code) => {
            let mut bytes = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0];
            bytes.extend(question);
            return Some(bytes);
        }
        Said::Address(ip) => ip.to_vec(),
        Said::Text(strings) => {
            strings.iter().flat_map(|text| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()).collect()
        }
        Said::Name(name) => {
            let mut bytes = Vec::new();
            for label in name.split('.') {
                bytes.push(u8::try_from(label.len()).unwrap());
                bytes.extend(label.as_bytes());
            }
            bytes.push(0);
            bytes
        }
    };
    let mut bytes = vec![query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    bytes.extend(question);
    bytes.extend([0xc0, 12]);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 0, 60]);
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    Some(bytes)
}

fn dns(stub: &Stub) -> Dns {
    let text = format!("hostname = \"mx.example.com\"\n[delivery]\nresolver = [\"{}\"]\n", stub.address);
    Dns::new(&read::parse(&text, Path::new("test.toml")).unwrap().config).unwrap()
}

#[tokio::test]
async fn reverse_names() {
    let stub = stub().await;
    let dns = dns(&stub);
    let cases = [
        ("192.0.2.1", Ok(Reverse::Confirmed("mail.client.example".to_owned()))),
        ("192.0.2.2", Ok(Reverse::Unconfirmed("liar.example".to_owned()))),
        ("192.0.2.3", Ok(Reverse::None)),
        ("192.0.2.4", Err(())),
        ("192.0.2.5", Ok(Reverse::Unconfirmed("broken.example".to_owned()))),
        ("192.0.2.6", Ok(Reverse::None)),
        ("2001:db8::1", Ok(Reverse::None)),
    ];
    for (client, expected) in cases {
        let client: IpAddr = client.parse().unwrap();
        let found = dns.reverse(client, 0).await.map_err(|_| ());
        assert_eq!(found, expected, "{client}");
        // Answers are remembered for a while, failures are not.
        assert_eq!(dns.known(client, KEPT_MS - 1), expected.clone().ok(), "{client}");
        assert_eq!(dns.known(client, KEPT_MS), None, "{client}");
    }
    let before = stub.queries.load(Ordering::SeqCst);
    dns.reverse("192.0.2.1".parse().unwrap(), 1000).await.unwrap();
    assert_eq!(stub.queries.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn silence_is_a_failure_in_time() {
    let stub = stub().await;
    let dns = dns(&stub);
    assert!(dns.reverse("192.0.2.7".parse().unwrap(), 0).await.is_err());
}

/// What a filter that asks is told apart: no such name, no such record, a server that fails, one that is silent.
#[tokio::test]
async fn answers_for_filters() {
    use postwarden_sandbox::{DnsAnswer, DnsError, DnsRecord};
    let stub = stub().await;
    let dns = dns(&stub);
    let answer = |records, ttl| Ok(DnsAnswer { records, ttl, authenticated: false });
    let cases = [
        ("mail.client.example", 1, answer(vec![DnsRecord::Address([192, 0, 2, 1].into())], 60)),
        ("Mail.Client.Example.", 1, answer(vec![DnsRecord::Address([192, 0, 2, 1].into())], 60)),
        ("1.2.0.192.in-addr.arpa", 12, answer(vec![DnsRecord::Name("mail.client.example".to_owned())], 60)),
        ("txt.example", 16, answer(vec![DnsRecord::Txt(b"v=spf1 -all".to_vec())], 60)),
        ("txt.example", 15, answer(Vec::new(), 0)),
        ("no-such-name.example", 16, Err(DnsError::NoSuchName)),
        ("failing.example", 16, Err(DnsError::ServerFailure)),
        ("refused.example", 16, Err(DnsError::ServerFailure)),
        ("silent.example", 16, Err(DnsError::Timeout)),
        ("a..b", 16, Err(DnsError::InvalidName)),
        (&format!("{}.example", "x".repeat(64)), 16, Err(DnsError::InvalidName)),
    ];
    for (name, kind, expected) in cases {
        assert_eq!(dns.lookup(name, kind).await, expected, "{name} {kind}");
    }
}
