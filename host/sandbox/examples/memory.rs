//! Proportional memory (PSS) of a live instance: `cargo run --release -p postwarden-sandbox --example memory`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub, dead_code)]

#[path = "../tests/sandbox/support.rs"]
mod support;

use postwarden_sandbox::{Hook, Source, measure};
use serde_json::json;
use support::{call, component, sandbox, source};

const INSTANCES: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let cases = [
        ("headers", json!({})),
        ("scan, 50,000 patterns", json!({ "patterns": 50_000, "body": true })),
        ("headers, 20 MB table", json!({ "table-mb": 20 })),
    ];
    for (name, settings) in cases {
        let filter = sandbox().load(Source { component: component("scan"), ..source(settings) }).await.unwrap();
        measure::keep(&filter, &call(Hook::Message)).await.unwrap();
        let before = pss();
        let mut live = Vec::new();
        for _ in 0..INSTANCES {
            live.push(measure::keep(&filter, &call(Hook::Message)).await.unwrap());
        }
        let each = pss().saturating_sub(before) / INSTANCES;
        println!("{name}: {each} KiB for each of {} live instances", live.len());
    }
}

/// KiB.
fn pss() -> usize {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
