//! A name server with the records of a test: UDP on loopback, CNAMEs followed, some names broken (SERVFAIL).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::net::UdpSocket;

const CNAME: u16 = 5;

#[derive(Clone, Default)]
pub(crate) struct Zone {
    records: BTreeMap<String, Vec<(u16, Vec<u8>)>>,
    /// Questions for types that these names do not have end in SERVFAIL.
    broken: BTreeSet<String>,
}

impl Zone {
    /// Lines such as `_dmarc.example.org TXT v=DMARC1; p=reject`; `NAME broken`.
    pub(crate) fn new(lines: &[&str]) -> Self {
        let mut zone = Self::default();
        for line in lines {
            let mut words = line.splitn(3, ' ');
            let (name, kind) = (words.next().unwrap(), words.next().unwrap());
            match kind {
                "broken" => zone.break_name(name),
                _ => zone.add(name, kind, &Value::from(words.next().unwrap())),
            }
        }
        zone
    }

    pub(crate) fn break_name(&mut self, name: &str) {
        self.broken.insert(name.to_lowercase());
    }

    /// A record as the suite writes it.
    pub(crate) fn add(&mut self, name: &str, kind: &str, value: &Value) {
        let text = || value.as_str().unwrap();
        let (kind, data) = match kind {
            "A" => (1, text().parse::<std::net::Ipv4Addr>().unwrap().octets().to_vec()),
            "AAAA" => (28, text().parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec()),
            "CNAME" => (CNAME, written(text())),
            "PTR" => (12, written(text())),
            "MX" => {
                let preference = u16::try_from(value[0].as_u64().unwrap()).unwrap();
                (15, [&preference.to_be_bytes()[..], &written(value[1].as_str().unwrap())].concat())
            }
            "TXT" => {
                let strings: Vec<&str> = match value {
                    Value::Array(strings) => strings.iter().map(|one| one.as_str().unwrap()).collect(),
                    _ => vec![text()],
                };
                let mut data = Vec::new();
                // Latin-1 in the suite; a string has 255 bytes.
                for string in strings {
                    let bytes: Vec<u8> = string.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
                    for piece in bytes.chunks(255).chain(bytes.is_empty().then_some(&[][..])) {
                        data.push(u8::try_from(piece.len()).unwrap());
                        data.extend_from_slice(piece);
                    }
                }
                (16, data)
            }
            other => panic!("no record type {other}"),
        };
        self.records.entry(name.to_lowercase()).or_default().push((kind, data));
    }

    /// RFC 1035 section 4, for one question.
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = read_name(query)?;
        let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
        let mut asked = name.clone();
        let mut answers: Vec<(String, u16, Vec<u8>)> = Vec::new();
        for _ in 0..8 {
            let known = self.records.get(&asked).map(Vec::as_slice).unwrap_or_default();
            answers.extend(
                known.iter().filter(|(own, _)| *own == kind).map(|(own, data)| (asked.clone(), *own, data.clone())),
            );
            let Some((_, target)) = known.iter().find(|(own, _)| *own == CNAME && kind != CNAME) else { break };
            answers.push((asked.clone(), CNAME, target.clone()));
            asked = read_name(&[&[0; 12][..], target].concat())?.0;
        }
        let found = answers.iter().any(|(_, own, _)| *own == kind);
        let code = match () {
            () if !found && (self.broken.contains(&asked) || asked.starts_with("error.")) => 2,
            () if self.records.contains_key(&asked) => 0,
            () => 3,
        };
        let mut out = query.get(..2)?.to_vec();
        out.extend_from_slice(&[0x85, 0x80 | code, 0, 1, 0, u8::try_from(answers.len()).ok()?, 0, 0, 0, 0]);
        out.extend_from_slice(query.get(12..end + 4)?);
        for (name, kind, data) in answers {
            out.extend_from_slice(&written(&name));
            out.extend_from_slice(&kind.to_be_bytes());
            out.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
            out.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
            out.extend_from_slice(&data);
        }
        Some(out)
    }
}

pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    pub(crate) queries: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl NameServer {
    pub(crate) async fn start(zone: Zone) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let queries = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&queries);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                counter.fetch_add(1, Ordering::SeqCst);
                if let Some(answer) = zone.answer(&buffer[..length]) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Self { address, queries, task }
    }

    pub(crate) fn asked(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Of the question, in lower case, and where it ends.
fn read_name(packet: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join(".").to_lowercase(), at));
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).into_owned());
        at += length;
    }
}

fn written(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}
