//! What isolation costs: an instance of its own for each message, beside the same work natively and in one instance
//! that is kept. Prints medians; ratios follow from them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub, dead_code)]

#[path = "../tests/sandbox/support.rs"]
mod support;
#[path = "../../../tests/guests/scan/src/work.rs"]
mod work;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use postwarden_sandbox::{Call, Content, Filter, Hook, Source, measure};
use serde_json::json;
use support::{Mail, call, component, sandbox, source};

/// A message of 4 KiB with words that nearly match.
fn message(bytes: usize) -> Mail {
    let mut text = b"Subject: Hello\r\nTo: bob@example.net\r\n\r\n".to_vec();
    let mut seed = 7_u64;
    while text.len() < bytes {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.push(b'a' + ((seed >> 33) % 26) as u8);
        if seed.is_multiple_of(7) {
            text.push(b' ');
        }
    }
    Mail(text)
}

impl work::Mail for Mail {
    fn fields(&self) -> Vec<(String, Vec<u8>)> {
        self.list_fields(0, 20).into_iter().map(|field| (field.name, field.value)).collect()
    }
    fn read(&self, start: u64, limit: u32) -> Vec<u8> {
        Content::read(self, start, limit as usize)
    }
}

fn question(bytes: usize) -> Call {
    Call { message: Some(Arc::new(message(bytes))), ..call(Hook::Message) }
}

fn benchmark(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let load = |name: &str, settings: serde_json::Value| -> Filter {
        let source = Source { name: "scan".to_owned(), component: component(name), ..source(settings) };
        runtime.block_on(sandbox().load(source)).unwrap()
    };
    let cases = [
        ("headers", 0, 0, false, false),
        ("scan", 5_000, 0, true, false),
        ("scan by the host", 5_000, 0, true, true),
        ("headers, 20 MB table", 0, 20, false, false),
        ("scan, 50,000 patterns", 50_000, 0, true, false),
        ("scan by the host, 50,000 patterns", 50_000, 0, true, true),
    ];
    for (name, patterns, table, body, lent) in cases {
        let filter = load("scan", json!({ "patterns": patterns, "table-mb": table, "body": body, "lent": lent }));
        assert_eq!(filter.no_snapshot(), None);
        let asked = question(4096);
        let mut group = criterion.benchmark_group(name);
        group.measurement_time(Duration::from_secs(3));
        group.bench_function("fresh instance", |bencher| {
            // A hook that it does not export: made, not asked, thrown away.
            let nothing = Call { hook: Hook::Connect, ..asked.clone() };
            bencher.iter(|| runtime.block_on(filter.call(black_box(nothing.clone()))));
        });
        group.bench_function("call", |bencher| {
            bencher.iter(|| {
                let evaluation = runtime.block_on(filter.call(black_box(asked.clone())));
                assert!(evaluation.verdict.is_ok(), "{:?}", evaluation.verdict);
            });
        });
        group.bench_function("call in a kept instance", |bencher| {
            bencher.iter_custom(|times| {
                let mut sum = Duration::ZERO;
                let mut left = times;
                while left > 0 {
                    let now = left.min(1000);
                    sum += runtime.block_on(measure::repeat(&filter, &asked, now as u32)).unwrap();
                    left -= now;
                }
                sum
            });
        });
        let work = work::Work::new(patterns, table, body);
        let mail = message(4096);
        group.bench_function("native", |bencher| bencher.iter(|| black_box(work.look(black_box(&mail)))));
        group.finish();
    }
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
