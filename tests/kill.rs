//! kill -9 at random moments under load: what was acknowledged is there afterwards, whole.
//!
//! The oracle lives here, outside the server: client threads write down each id whose dot was
//! answered with 250; afterwards the Maildir is compared with that list and with the bytes that
//! were sent. That the oracle can fail is shown at the end: a mail is removed and another one
//! damaged behind its back, and it must report both.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::harness::{Client, Server, mail, peer, wait_for};

const KILLS: usize = 22;
const CLIENTS: u64 = 8;
/// The moments differ from run to run by scheduling anyway; the seed makes the pauses repeatable.
const SEED: u64 = 0x5eed_2026;
/// Fewer acknowledged messages would prove nothing.
const ACKNOWLEDGED_MIN: usize = 200;

/// xorshift: enough for pauses.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// The content of message `id`: 0 to 20 KB, different for each.
fn content(id: u64) -> String {
    let mut random = Random(id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut text = format!("X-Test-Id: {id}\r\nSubject: load\r\n\r\n");
    for _ in 0..random.below(300) {
        text.push_str(&format!("{:016x}{:048x}\r\n", random.below(u64::MAX), random.below(u64::MAX)));
    }
    text
}

struct Load {
    address: Mutex<SocketAddr>,
    stop: AtomicBool,
    next: AtomicU64,
    acknowledged: Mutex<BTreeSet<u64>>,
    /// Sent up to the dot, then the connection died: may or may not be there.
    open: Mutex<BTreeSet<u64>>,
}

impl Load {
    fn work(&self) {
        while !self.stop.load(Ordering::SeqCst) {
            // An error is a killed server; the next round talks to its successor.
            let _ = self.session();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn session(&self) -> std::io::Result<()> {
        let address = *self.address.lock().unwrap();
        let mut client = Client::raw(address)?;
        client.try_reply()?;
        client.bytes(b"EHLO load.example.org\r\n")?;
        client.try_reply()?;
        while !self.stop.load(Ordering::SeqCst) {
            let id = self.next.fetch_add(1, Ordering::SeqCst);
            let recipient = if id.is_multiple_of(2) { "alice" } else { "bob" };
            let envelope = format!("MAIL FROM:<load@example.org>\r\nRCPT TO:<{recipient}@example.com>\r\nDATA\r\n");
            client.bytes(envelope.as_bytes())?;
            for code in [250, 250, 354] {
                if client.try_reply()?.code != code {
                    return Ok(());
                }
            }
            self.open.lock().unwrap().insert(id);
            client.bytes(content(id).as_bytes())?;
            client.bytes(b".\r\n")?;
            let reply = client.try_reply()?;
            self.open.lock().unwrap().remove(&id);
            if reply.code == 250 {
                self.acknowledged.lock().unwrap().insert(id);
            }
            client.transcript.clear();
        }
        Ok(())
    }
}

#[derive(Debug, Default, PartialEq)]
struct Audit {
    lost: Vec<u64>,
    damaged: Vec<u64>,
    /// Copies beyond the first.
    duplicates: usize,
    /// There though its dot was answered otherwise.
    ghosts: Vec<u64>,
    found: usize,
}

/// Compares what was acknowledged with what lies in the Maildirs.
fn audit(acknowledged: &BTreeSet<u64>, open: &BTreeSet<u64>, mails: &[Vec<u8>]) -> Audit {
    let mut copies: BTreeMap<u64, Vec<bool>> = BTreeMap::new();
    for mail in mails {
        let text = String::from_utf8_lossy(mail);
        let id = text.lines().find_map(|line| line.strip_prefix("X-Test-Id: ")?.trim().parse().ok());
        // smtp-source's messages have no id.
        let Some(id) = id else { continue };
        let at = memchr::memmem::find(mail, b"X-Test-Id: ").unwrap();
        let same = Sha256::digest(crlf(&mail[at..])) == Sha256::digest(content(id).as_bytes());
        copies.entry(id).or_default().push(same);
    }
    Audit {
        lost: acknowledged.iter().filter(|id| !copies.contains_key(id)).copied().collect(),
        damaged: copies.iter().filter(|(_, same)| same.contains(&false)).map(|(id, _)| *id).collect(),
        duplicates: copies.values().map(|same| same.len() - 1).sum(),
        ghosts: copies.keys().filter(|id| !acknowledged.contains(id) && !open.contains(id)).copied().collect(),
        found: copies.len(),
    }
}

/// A Maildir may keep LF line ends; the comparison is of the message's lines.
fn crlf(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()
}

#[test]
fn nothing_acknowledged_is_lost_or_damaged() {
    let mut server = Server::start("[smtp]\nmax-sessions-per-ip = 0\n[log]\nlevel = \"warn\"");
    let load = Arc::new(Load {
        address: Mutex::new(server.address("mx")),
        stop: AtomicBool::new(false),
        next: AtomicU64::new(1),
        acknowledged: Mutex::default(),
        open: Mutex::default(),
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let load = load.clone();
            std::thread::spawn(move || load.work())
        })
        .collect();
    let source = peer::need("smtp-source");
    let mut random = Random(SEED);
    for kill in 0..KILLS {
        let mut generator = source.as_ref().map(|source| {
            let address = server.address("mx");
            let mut command = Command::new(source);
            command.args(["-s", "4", "-l", "5120", "-m", "100000", "-d", "-f", "load@example.org"]);
            command.args(["-t", "judy@reject.example", &format!("inet:{address}")]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("smtp-source")
        });
        let before = load.acknowledged.lock().unwrap().len();
        // Not before the load is on, so that no kill hits an idle server.
        wait_for("load on the server", || (load.acknowledged.lock().unwrap().len() > before).then_some(()));
        std::thread::sleep(Duration::from_millis(random.below(400)));
        server.kill();
        if let Some(generator) = generator.as_mut() {
            let _ = generator.kill();
            let _ = generator.wait();
        }
        if kill + 1 == KILLS {
            load.stop.store(true, Ordering::SeqCst);
        }
        server.launch();
        *load.address.lock().unwrap() = server.address("mx");
    }
    for client in clients {
        client.join().unwrap();
    }
    server.wait_queued(0);
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let open = load.open.lock().unwrap().clone();
    let mails = || {
        let mut mails = server.mails("alice@example.com");
        mails.extend(server.mails("bob@example.com"));
        mails
    };
    let report = audit(&acknowledged, &open, &mails());
    println!(
        "kills {KILLS}, acknowledged {}, found {}, lost {}, damaged {}, duplicates {}, ghosts {}, by smtp-source {}",
        acknowledged.len(),
        report.found,
        report.lost.len(),
        report.damaged.len(),
        report.duplicates,
        report.ghosts.len(),
        server.mails("judy@reject.example").len()
    );
    assert!(acknowledged.len() >= ACKNOWLEDGED_MIN, "only {} acknowledged: no load", acknowledged.len());
    assert!(report.lost.is_empty(), "acknowledged and gone: {:?}", report.lost);
    assert!(report.damaged.is_empty(), "other bytes than were sent: {:?}", report.damaged);
    assert!(report.ghosts.is_empty(), "delivered though refused: {:?}", report.ghosts);
    // Only what was delivered and not yet settled at a kill may come twice.
    let duplicates_max = KILLS + acknowledged.len() / 1000;
    assert!(report.duplicates <= duplicates_max, "{} duplicates, more than {duplicates_max}", report.duplicates);

    negative_control(&server, &acknowledged, &open, mails);
}

/// The same audit over the same mail, with one mail removed and one damaged.
fn negative_control(
    server: &Server,
    acknowledged: &BTreeSet<u64>,
    open: &BTreeSet<u64>,
    mails: impl Fn() -> Vec<Vec<u8>>,
) {
    let files = mail::files(&server.maildir("alice@example.com"));
    let id_of = |file: &std::path::Path| -> Option<u64> {
        let text = std::fs::read(file).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().find_map(|line| line.strip_prefix("X-Test-Id: ")?.trim().parse().ok())
    };
    let mut counts: BTreeMap<u64, Vec<std::path::PathBuf>> = BTreeMap::new();
    for file in files {
        if let Some(id) = id_of(&file).filter(|id| acknowledged.contains(id)) {
            counts.entry(id).or_default().push(file);
        }
    }
    let mut single = counts.into_iter().filter(|(_, files)| files.len() == 1);
    let (removed, file) = single.next().expect("a mail");
    std::fs::remove_file(&file[0]).unwrap();
    let (damaged, file) = single.next().expect("another mail");
    let mut bytes = std::fs::read(&file[0]).unwrap();
    let at = bytes.len() - 3;
    bytes[at] ^= 1;
    std::fs::write(&file[0], bytes).unwrap();
    let report = audit(acknowledged, open, &mails());
    assert_eq!(report.lost, vec![removed]);
    assert_eq!(report.damaged, vec![damaged]);
}
