//! What the virus scanner costs: a clean message of 5 KB with few signatures, 1 MB with 50,000 of them, and 50 MB
//! attached, in the sandbox and natively. Prints medians.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub, dead_code)]

#[path = "../../sandbox/tests/sandbox/support.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use postwarden::content::MessageContent;
use postwarden_filter::testing::FakeHost;
use postwarden_sandbox::{Assets, Call, Hook, Limits, Source};
use postwarden_virus::Virus;
use serde_json::json;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn hex(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| format!("{:02x}", self.next() as u8)).collect()
    }
}

/// Half of them bodies, most of the rest hashes, some logical.
fn signatures(count: usize) -> [(&'static str, String); 3] {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut bodies, mut hashes, mut logical) = (String::new(), String::new(), String::new());
    for number in 0..count {
        match number % 10 {
            0..5 => {
                let (head, tail) = (random.hex(12), random.hex(20));
                bodies.push_str(&format!("Body.{number}:0:*:{head}??{{2-20}}{tail}\n"));
            }
            5..9 => hashes.push_str(&format!("{}:{}:Hash.{number}\n", random.hex(16), random.next() % 1_000_000)),
            _ => {
                let (one, two) = (random.hex(10), random.hex(10));
                logical.push_str(&format!("Logical.{number};Target:0;0&1;{one};{two}\n"));
            }
        }
    }
    [("signatures/a.ndb", bodies), ("signatures/b.hdb", hashes), ("signatures/c.ldb", logical)]
}

/// Text, and an attachment of random bytes: `size` in all.
fn message(size: usize) -> String {
    use base64::Engine as _;
    let mut random = Random(7);
    let text: String = (0..size.min(3000) / 8).map(|_| format!("{:07x}\n", random.next() & 0xFFF_FFFF)).collect();
    let attachment: Vec<u8> = (0..size.saturating_sub(3000) * 3 / 4).map(|_| random.next() as u8).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(attachment);
    let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "From: a@example.org\r\nDate: now\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{text}\r\n--b\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    )
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (count, size, rounds) in
        [(10, 5_000, 300), (50_000, 5_000, 300), (10, 1_000_000, 30), (50_000, 1_000_000, 30), (50_000, 68_000_000, 1)]
    {
        let files = signatures(count);
        let text = message(size);

        let mut host = FakeHost::new().message(&text);
        for (name, content) in &files {
            host = host.asset(name, content.clone());
        }
        let filter = host.configure::<Virus>(json!({ "signatures": "signatures" })).unwrap();
        let native = (0..rounds).map(|_| {
            let started = Instant::now();
            host.on_message(&filter).unwrap();
            started.elapsed()
        });
        let native = median(native.collect());

        let mut assets = Assets::default();
        for (name, content) in &files {
            assets = assets.with(name, content.clone().into_bytes());
        }
        let source = Source {
            name: "virus".to_owned(),
            component: postwarden::filters::builtin("virus").unwrap().to_vec(),
            limits: Limits { deadline: Duration::from_secs(20), ..postwarden::filters::builtin_limits("virus") },
            assets,
            ..support::source(json!({ "signatures": "signatures" }))
        };
        let filter = runtime.block_on(support::sandbox().load(source)).unwrap();
        assert_eq!(filter.no_snapshot(), None);
        let content = Arc::new(MessageContent::new(text.into_bytes()));
        let question = Call { message: Some(content), ..support::call(Hook::Message) };
        let sandboxed = (0..rounds).map(|_| {
            let evaluation = runtime.block_on(filter.call(question.clone()));
            assert!(evaluation.verdict.is_ok(), "{:?}", evaluation.verdict);
            evaluation.took
        });
        let sandboxed = median(sandboxed.collect());
        let loaded = filter.report().took;
        println!("{count} signatures, {size} bytes: native {native:?}, sandbox {sandboxed:?}, loaded in {loaded:?}");
    }
}
