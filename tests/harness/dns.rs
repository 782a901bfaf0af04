//! A name server of a few lines, for tests: a zone written as text, true answers and every kind of broken
//! one. UDP, one thread; it uses nothing but the standard library.
//!
//! ```text
//! example.org      MX     10 mx.example.org
//! mx.example.org   A      127.0.0.1
//! mx.example.org   AAAA   ::1
//! www.example.org  CNAME  example.org
//! example.org      TXT    v=spf1 -all
//! broken.example   SERVFAIL
//! ```
//!
//! With a key the zone is the signed root of a DNS of its own: see [`Zone::sign`].
//!
//! A name that stands nowhere gets NXDOMAIN; a known name without the asked type an empty answer. `.` as
//! target is the root. The faults: SERVFAIL, REFUSED, NOTIMP; SILENT (no answer), LAME (a referral to
//! nobody), GARBAGE (no DNS at all), TRUNCATED (and no TCP), FOREIGN (answers another question), UNSIGNED. A fault
//! concerns all types of its name, or one: `example.org MX:SERVFAIL`.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const TYPES: [(&str, u16); 8] =
    [("A", 1), ("NS", 2), ("CNAME", 5), ("PTR", 12), ("MX", 15), ("TXT", 16), ("AAAA", 28), ("TLSA", 52)];
const CNAME: u16 = 5;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;
/// CNAMEs put into one answer.
const CHAIN_MAX: usize = 4;
/// Larger answers are truncated.
const ANSWER_BYTES_MAX: usize = 1232;

const SOA: u16 = 6;
const RRSIG: u16 = 46;
const NSEC: u16 = 47;
const DNSKEY: u16 = 48;

/// What the server says.
#[derive(Clone, Default)]
pub struct Zone {
    records: Vec<(String, u16, Vec<u8>)>,
    faults: Vec<(String, Option<u16>, String)>,
    signer: Option<Signer>,
}

/// Signs with Ed25519 what it is given.
pub type Sign = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

#[derive(Clone)]
struct Signer {
    key: Vec<u8>,
    sign: Sign,
}

impl Zone {
    pub fn parse(text: &str) -> Self {
        let mut zone = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, rest) = line.split_once(char::is_whitespace).unwrap_or_else(|| panic!("zone: {line}"));
            let (kind, data) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
            let name = name.to_lowercase();
            if data.is_empty() {
                let (only, fault) = kind.split_once(':').map_or((None, kind), |(only, fault)| (Some(only), fault));
                zone.faults.push((name, only.map(number), fault.to_owned()));
                continue;
            }
            let kind = number(kind);
            zone.records.push((name, kind, record(kind, data.trim())));
        }
        zone
    }

    /// Makes it the signed root. What is not there is denied by an NSEC record made for the question (RFC 4470).
    #[allow(dead_code)]
    pub fn sign(mut self, public_key: &[u8], sign: Sign) -> Self {
        // Zone key and entry point, protocol 3, Ed25519.
        let key = [&[1, 1, 3, 15], public_key].concat();
        self.records.extend([(String::new(), DNSKEY, key.clone()), (String::new(), SOA, soa())]);
        self.signer = Some(Signer { key, sign });
        self
    }

    fn data(&self, name: &str, kind: u16) -> Vec<&[u8]> {
        let records = self.records.iter().filter(|(at, of, _)| at == name && *of == kind);
        records.map(|(.., data)| data.as_slice()).collect()
    }
}

fn number(kind: &str) -> u16 {
    TYPES.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("zone: no type {kind}")).1
}

fn record(kind: u16, data: &str) -> Vec<u8> {
    match kind {
        1 | 28 => match data.parse().expect("an address") {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        },
        15 => {
            let (preference, host) = data.split_once(' ').expect("a preference and a host");
            [preference.parse::<u16>().expect("a preference").to_be_bytes().to_vec(), write_name(host.trim())].concat()
        }
        16 => data
            .as_bytes()
            .chunks(255)
            .flat_map(|part| [&[u8::try_from(part.len()).expect("a part")], part].concat())
            .collect(),
        52 => {
            let words: Vec<&str> = data.split(' ').collect();
            let hex = |text: &str| -> Vec<u8> {
                (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).expect("hex")).collect()
            };
            let fields = words[..3].iter().map(|word| word.parse().expect("a number"));
            fields.chain(hex(words[3])).collect()
        }
        _ => write_name(data),
    }
}

pub struct Dns {
    pub address: SocketAddr,
    queries: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Dns {
    pub fn start(zone: Zone) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let address = socket.local_addr().expect("an address");
        let (stop, queries) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopping, counter) = (stop.clone(), queries.clone());
        std::thread::spawn(move || {
            let mut query = [0; 1500];
            while !stopping.load(Ordering::Relaxed) {
                let Ok((length, client)) = socket.recv_from(&mut query) else { continue };
                counter.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = answer(&zone, &query[..length]) {
                    let _ = socket.send_to(&answer, client);
                }
            }
        });
        Self { address, queries, stop }
    }

    /// How often it was asked.
    #[allow(dead_code)]
    pub fn queries(&self) -> usize {
        self.queries.load(Ordering::Relaxed)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn answer(zone: &Zone, query: &[u8]) -> Option<Vec<u8>> {
    let (mut name, end) = read_name(query, 12)?;
    let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
    let question = query.get(12..end + 4)?;
    let id = query.get(..2)?;
    let fault = zone.faults.iter().find(|(at, only, _)| *at == name && only.is_none_or(|only| only == kind));
    let fault = fault.map(|(.., fault)| fault.as_str());
    match fault {
        None | Some("UNSIGNED") => {}
        Some("SILENT") => return None,
        Some("GARBAGE") => return Some([id, b"this is not DNS"].concat()),
        Some("TRUNCATED") => return Some(message(id, 0x87, 0, question, &[], &[])),
        Some("FOREIGN") => {
            let other = [write_name("other.example"), question[question.len() - 4..].to_vec()].concat();
            return Some(message(id, 0x85, 0, &other, &[], &[]));
        }
        Some("LAME") => {
            let referral = resource(&write_name("example"), 2, &write_name("ns.nobody.example"));
            return Some(message(id, 0x81, 0, question, &[], &[referral]));
        }
        Some("SERVFAIL") => return Some(message(id, 0x85, SERVFAIL, question, &[], &[])),
        Some("NOTIMP") => return Some(message(id, 0x85, NOTIMP, question, &[], &[])),
        Some("REFUSED") => return Some(message(id, 0x85, REFUSED, question, &[], &[])),
        Some(other) => panic!("zone: no fault {other}"),
    }
    let mut found = Vec::new();
    for _ in 0..CHAIN_MAX {
        let records = zone.data(&name, kind);
        let alias = zone.data(&name, CNAME).into_iter().next().filter(|_| records.is_empty());
        found.extend(records.iter().map(|data| resource(&write_name(&name), kind, data)));
        let Some(target) = alias else { break };
        found.push(resource(&write_name(&name), CNAME, target));
        name = read_name(target, 0)?.0;
    }
    if let Some(signer) = &zone.signer {
        let signed = |records: Vec<Vec<u8>>| if lie(fault) { records } else { signer.with_signatures(&records) };
        if !found.is_empty() {
            return Some(message(id, 0x85, 0, question, &signed(found), &[]));
        }
        let types = zone.records.iter().filter(|(at, ..)| *at == name).map(|(_, kind, _)| *kind);
        let nsec = resource(&write_name(&name), NSEC, &nsec(&name, types.chain([RRSIG, NSEC]).collect()));
        let soa = resource(&[0], SOA, &soa());
        return Some(message(id, 0x85, 0, question, &[], &signed(vec![soa, nsec])));
    }
    let known = zone.records.iter().any(|(at, ..)| *at == name);
    let code = if known || !found.is_empty() { 0 } else { NXDOMAIN };
    let nothing = if found.is_empty() { vec![resource(&[0], SOA, &soa())] } else { Vec::new() };
    let whole = message(id, 0x85, code, question, &found, &nothing);
    Some(if whole.len() > ANSWER_BYTES_MAX { message(id, 0x87, code, question, &[], &[]) } else { whole })
}

fn soa() -> Vec<u8> {
    [vec![0], write_name("nobody"), [0, 0, 0, 1].repeat(5)].concat()
}

/// In a signed zone: no signature where there must be one.
fn lie(fault: Option<&str>) -> bool {
    fault == Some("UNSIGNED")
}

impl Signer {
    /// Each set of records with its signature. Sets come one after the other, each with one name and type.
    fn with_signatures(&self, records: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for set in records.chunk_by(|one, other| owner_and_type(one) == owner_and_type(other)) {
            out.extend_from_slice(set);
            out.push(self.signature(set));
        }
        out
    }

    /// RFC 4034 section 3.1.
    fn signature(&self, set: &[Vec<u8>]) -> Vec<u8> {
        let (owner, kind) = owner_and_type(&set[0]);
        let labels = read_name(owner, 0).expect("a name").0.split('.').filter(|label| !label.is_empty()).count();
        let times = [0x9000_0000_u32.to_be_bytes(), 0x6500_0000_u32.to_be_bytes()].concat();
        let fields = [
            kind,
            &[15, u8::try_from(labels).expect("labels")],
            &60_u32.to_be_bytes(),
            &times,
            &key_tag(&self.key).to_be_bytes(),
            &[0],
        ]
        .concat();
        let mut sorted = set.to_vec();
        sorted.sort();
        let signature = (self.sign)(&[fields.clone(), sorted.concat()].concat());
        resource(owner, RRSIG, &[fields, signature].concat())
    }
}

fn owner_and_type(record: &[u8]) -> (&[u8], &[u8]) {
    let end = read_name(record, 0).expect("a name").1;
    (&record[..end], &record[end..end + 2])
}

/// RFC 4034 appendix B.
fn key_tag(key: &[u8]) -> u16 {
    let sum: u32 = key.iter().zip([8, 0].into_iter().cycle()).map(|(byte, shift)| u32::from(*byte) << shift).sum();
    u16::try_from((sum + (sum >> 16)) & 0xffff).expect("16 bits")
}

/// The next name is the first below this one.
fn nsec(name: &str, mut types: Vec<u16>) -> Vec<u8> {
    types.sort_unstable();
    let mut bits = [0_u8; 32];
    for kind in types {
        bits[usize::from(kind) / 8] |= 0x80 >> (kind % 8);
    }
    let used = bits.iter().rposition(|bits| *bits != 0).expect("types") + 1;
    let window = [0, u8::try_from(used).expect("a length")];
    [&[1, 0][..], &write_name(name), &window, &bits[..used]].concat()
}

fn message(id: &[u8], flags: u8, code: u8, question: &[u8], answers: &[Vec<u8>], authority: &[Vec<u8>]) -> Vec<u8> {
    let count = |records: &[Vec<u8>]| u16::try_from(records.len()).expect("a count").to_be_bytes();
    [id, &[flags, 0x80 | code, 0, 1], &count(answers), &count(authority), &[0, 0], question]
        .concat()
        .into_iter()
        .chain(answers.iter().chain(authority).flatten().copied())
        .collect()
}

fn resource(name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("a length").to_be_bytes();
    [name, &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 60], &length, data].concat()
}

fn read_name(packet: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
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

fn write_name(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).expect("a label"));
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}
