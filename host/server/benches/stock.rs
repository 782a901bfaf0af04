//! What the stock filters cost: microseconds of each hook for a message of 5 KB, loaded as the server loads them, the
//! DNS answered by a fake. Prints one table: `cargo bench -p postwarden --bench stock`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use postwarden::config::{self, read};
use postwarden::content::MessageContent;
use postwarden::filters::builtin;
use postwarden::filters::load::{Loader as _, SandboxLoader};
use postwarden_sandbox::{
    Call, DnsAnswer, DnsError, Evaluation, Hook, Outcome, Recipient, Services, Session, StateError, Transaction,
};

/// Calls that are measured, after as many that are not.
const CALLS: usize = 2000;
const MESSAGE_BYTES: usize = 5 << 10;
/// Entries of each list, and signatures.
const ENTRIES: usize = 100_000;
const SIGNATURES: usize = 50_000;

/// Name of a row, and what its section says.
const CASES: &[(&str, &str)] = &[
    ("access, no entry", "component = 'builtin:access'\ngrants = ['accept']\nsettings = { black = 'empty.txt' }"),
    (
        "access",
        "component = 'builtin:access'\ngrants = ['accept', 'state']\n\
         settings = { black = 'black.txt', white = 'white.txt', bypass = 'white.txt' }",
    ),
    ("virus, EICAR alone", "component = 'builtin:virus'"),
    ("virus", "component = 'builtin:virus'\nsettings = { signatures = 'signatures' }"),
    (
        "content",
        "component = 'builtin:content'\ngrants = ['discard', 'edit', 'recipients', 'custom-replies']\n\
         settings = { rules = 'content.toml' }",
    ),
    ("spam", "component = 'builtin:spam'\ngrants = ['dns', 'state', 'edit']"),
];
/// The rows that make up the chain of the reference configuration.
const CHAIN: &[&str] = &["access", "virus", "content", "spam"];

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    let loader = SandboxLoader::new(Some(dir.path().join("compiled")), Arc::new(Fake::default()));
    println!("{:<22}{:>10}{:>10}{:>10}{:>10}  (µs, median of {CALLS})", "", "rcpt", "message", "outcome", "load ms");
    let mut chain = 0.0;
    for (name, section) in CASES {
        let filter = filter(section, dir.path());
        let Some(component) = filter.component.strip_prefix("builtin:").and_then(builtin) else { continue };
        let started = Instant::now();
        let version = runtime.block_on(loader.load(&filter, component.to_vec(), name)).unwrap();
        let load = started.elapsed().as_millis();
        let mut row = format!("{name:<22}");
        for hook in [Hook::Recipient, Hook::Message, Hook::Outcome] {
            if !version.evaluator.hooks().contains(&hook) {
                row.push_str("         -");
                continue;
            }
            let micros = median(CALLS, || runtime.block_on(version.evaluator.call(call(hook))));
            if CHAIN.contains(name) && hook != Hook::Outcome {
                chain += micros;
            }
            write!(row, "{micros:>10.1}").unwrap();
        }
        println!("{row}{load:>10}");
    }
    println!("whole chain, one recipient, before the reply: {chain:.0} µs");
}

fn median(calls: usize, ask: impl Fn() -> Evaluation) -> f64 {
    let mut times: Vec<Duration> = Vec::with_capacity(calls);
    for round in 0..calls * 2 {
        let started = Instant::now();
        let evaluation = ask();
        let took = started.elapsed();
        assert!(evaluation.verdict.is_ok(), "{:?}", evaluation.verdict);
        if round >= calls {
            times.push(took);
        }
    }
    times.sort();
    times.get(calls / 2).copied().unwrap_or_default().as_secs_f64() * 1e6
}

fn filter(section: &str, folder: &Path) -> config::Filter {
    let text = format!("hostname = 'mx.example.com'\n[[filter]]\nname = 'measured'\n{section}\n");
    read::parse(&text, &folder.join("postwarden.toml")).unwrap().config.filters.remove(0)
}

fn files(folder: &Path) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let entries = |domain: &str| -> String {
        (0..ENTRIES).map(|number| format!("s:user{number}@d{}.{domain}\n", number % 5000)).collect()
    };
    write("empty.txt", "");
    write("black.txt", &(entries("black.example") + "192.0.2.128/25\n"));
    write("white.txt", &entries("white.example"));
    write("content.toml", RULES);
    std::fs::create_dir(folder.join("signatures")).unwrap();
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed >> 16
    };
    let hash = |a: u64, b: u64, c: u64| format!("{a:012x}{b:012x}{:08x}", c & 0xffff_ffff);
    let hashes: String = (0..SIGNATURES / 2)
        .map(|n| format!("{}:{}:Own.Hash.{n}\n", hash(random(), random(), random()), n + 100))
        .collect();
    let bodies: String = (0..SIGNATURES / 2)
        .map(|n| format!("Own.Body.{n}:0:*:{:012x}{:012x}??{:012x}\n", random(), random(), random()))
        .collect();
    write("signatures/own.hdb", &hashes);
    write("signatures/own.ndb", &bodies);
}

/// The kinds of rule of the reference.
const RULES: &str = r#"
[[rule]]
name = "executables from strangers"
when = { authenticated = false, attachment = { type = "application/x-dosexec" } }
action = "reject"
[[rule]]
name = "casino"
when = { any = [{ subject = { contains = "casino" } }, { body = { regex = '\bjackpot\b' } }] }
action = "reject"
[[rule]]
name = "drop the old robot"
when = { sender = { equals = "robot@old.example" } }
action = "discard"
[[rule]]
name = "invoices from outside"
when = { subject = { word = ["invoice", "payment"] }, not = { dmarc = "pass" }, size = { below = "128KiB" } }
action = { score = 2.5 }
[[rule]]
name = "tag"
when = { header = { name = "X-Campaign", exists = true } }
action = { add-header = ["X-Bulk", "yes"], tag-subject = "[bulk]" }
"#;

/// Text and HTML, as most mail is.
fn message() -> Vec<u8> {
    const WORDS: &str = "the meeting about next week was moved to the large room please bring your notes and tell the others \
                         who will come as we need to know how many chairs there should be";
    let mut text = "From: Carol <carol@example.org>\r\nTo: Alice <alice@example.com>\r\nSubject: Meeting next week\r\n\
         Date: Wed, 25 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        .to_owned();
    let fill = |text: &mut String, until: usize, before: &str, after: &str| {
        while text.len() < until {
            let line: Vec<&str> = WORDS.split_whitespace().cycle().skip(text.len() % 31).take(12).collect();
            write!(text, "{before}{}{after}\r\n", line.join(" ")).unwrap();
        }
    };
    fill(&mut text, MESSAGE_BYTES / 2, "", "");
    text.push_str("\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>\r\n");
    fill(&mut text, MESSAGE_BYTES - 150, "<p>", "</p>");
    text.push_str("<a href=\"https://www.example.org/agenda\">Agenda</a></body></html>\r\n--b--\r\n");
    text.into_bytes()
}

fn call(hook: Hook) -> Call {
    let recipient = Recipient { address: "alice@example.com".to_owned(), parameters: Vec::new() };
    Call {
        hook,
        session: Some(Arc::new(Session {
            id: "S1".to_owned(),
            listener: "mx".to_owned(),
            remote: [192, 0, 2, 1].into(),
            remote_port: 40_000,
            local: [192, 0, 2, 25].into(),
            reverse_name: Some("mx.example.org".to_owned()),
            helo: Some("mx.example.org".to_owned()),
            tls_version: Some("TLSv1.3".to_owned()),
            user: None,
            attributes: BTreeMap::new(),
        })),
        transaction: Some(Arc::new(Transaction {
            id: "T1".to_owned(),
            sender: "carol@example.org".to_owned(),
            recipients: vec![recipient.clone()],
            ..Transaction::default()
        })),
        recipient: (hook == Hook::Recipient).then_some(recipient),
        message: (hook == Hook::Message).then(|| Arc::new(MessageContent::new(message())) as _),
        outcome: (hook == Hook::Outcome)
            .then(|| Outcome { outcome: "queued".to_owned(), reply: "250 2.0.0 Ok".to_owned() }),
        class: None,
        score: 0.0,
        notes: BTreeMap::new(),
        time: 1_795_000_000_000,
        shadow: false,
    }
}

/// A resolver that has every answer at hand, and a store in memory.
#[derive(Default)]
struct Fake {
    state: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

type Stated<T> = Result<T, StateError>;

#[async_trait]
impl Services for Fake {
    async fn resolve(&self, _: &str, _: u16) -> Result<DnsAnswer, DnsError> {
        Err(DnsError::NoSuchName)
    }
    async fn get_many(&self, bucket: &str, keys: &[String]) -> Stated<Vec<Option<Vec<u8>>>> {
        let state = self.state.lock().unwrap();
        Ok(keys.iter().map(|key| state.get(&(bucket.to_owned(), key.clone())).cloned()).collect())
    }
    async fn set(&self, bucket: &str, key: &str, value: &[u8], _: Option<Duration>) -> Stated<()> {
        self.state.lock().unwrap().insert((bucket.to_owned(), key.to_owned()), value.to_vec());
        Ok(())
    }
    async fn delete(&self, bucket: &str, key: &str) -> Stated<()> {
        self.state.lock().unwrap().remove(&(bucket.to_owned(), key.to_owned()));
        Ok(())
    }
    async fn increment_many(&self, bucket: &str, deltas: &[(String, i64)], _: Option<Duration>) -> Stated<Vec<i64>> {
        let mut state = self.state.lock().unwrap();
        let mut sums = Vec::new();
        for (key, delta) in deltas {
            let value = state.entry((bucket.to_owned(), key.clone())).or_insert_with(|| b"0".to_vec());
            let sum = String::from_utf8_lossy(value).parse::<i64>().unwrap_or(0).saturating_add(*delta);
            *value = sum.to_string().into_bytes();
            sums.push(sum);
        }
        Ok(sums)
    }
    async fn compare_and_set(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        _: Option<Duration>,
    ) -> Stated<bool> {
        let mut state = self.state.lock().unwrap();
        let place = (bucket.to_owned(), key.to_owned());
        let fits = state.get(&place).map(Vec::as_slice) == expected;
        if fits {
            state.insert(place, value.to_vec());
        }
        Ok(fits)
    }
    async fn list_keys(&self, _: &str, _: &str, _: Option<&str>, _: usize) -> Stated<Vec<String>> {
        Ok(Vec::new())
    }
    async fn bucket_bytes(&self, _: &str) -> Stated<u64> {
        Ok(0)
    }
}
