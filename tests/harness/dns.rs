//! A name server of a few lines, for tests of reverse names: UDP, one thread, fixed answers.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const TYPE_A: u16 = 1;
const TYPE_PTR: u16 = 12;
const NXDOMAIN: u8 = 3;
const SERVFAIL: u8 = 2;

/// What the server says. Names are lower case without a trailing dot.
#[derive(Clone, Default)]
pub struct Zone {
    pub ptr: BTreeMap<String, String>,
    pub a: BTreeMap<String, [u8; 4]>,
    /// Names whose lookup fails at the server.
    pub broken: Vec<String>,
}

pub struct Dns {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Dns {
    pub fn start(zone: Zone) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let address = socket.local_addr().expect("an address");
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        std::thread::spawn(move || {
            let mut query = [0; 1500];
            while !stopping.load(Ordering::Relaxed) {
                let Ok((length, client)) = socket.recv_from(&mut query) else { continue };
                if let Some(answer) = answer(&zone, &query[..length]) {
                    let _ = socket.send_to(&answer, client);
                }
            }
        });
        Self { address, stop }
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn answer(zone: &Zone, query: &[u8]) -> Option<Vec<u8>> {
    let (name, end) = read_name(query, 12)?;
    let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
    let question = query.get(12..end + 4)?;
    let data = match kind {
        TYPE_PTR => zone.ptr.get(&name).map(|target| write_name(target)),
        TYPE_A => zone.a.get(&name).map(|address| address.to_vec()),
        _ => None,
    };
    let known = zone.ptr.contains_key(&name) || zone.a.contains_key(&name);
    let code = match () {
        () if zone.broken.contains(&name) => SERVFAIL,
        () if known => 0,
        () => NXDOMAIN,
    };
    let mut out = query.get(..2)?.to_vec();
    out.extend_from_slice(&[0x85, 0x80 | code, 0, 1, 0, u8::from(data.is_some()), 0, 0, 0, 0]);
    out.extend_from_slice(question);
    if let Some(data) = data {
        out.extend_from_slice(&[0xc0, 12]);
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        out.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
        out.extend_from_slice(&data);
    }
    Some(out)
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
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).expect("a label"));
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}
