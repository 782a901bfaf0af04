//! How fast the embedded store accepts: 50 tasks at once, messages of 5 KB, each acknowledged after
//! its fsync. Also says what a message costs in CPU time. `cargo bench -p postwarden-store`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use postwarden_store::queue::{Envelope, Lease, NewMessage, NewRecipient, Outcome, Route, Settlement};
use postwarden_store::{Backend, Drafts, HistoryRecord, Ids, Opened, Store, open};

const ACCEPTORS: i64 = 50;
const CONTENT_BYTES: usize = 5_000;
const NOW: i64 = 1_780_000_000_000;

fn message(drafts: &Drafts, ids: &Ids) -> NewMessage {
    let id = ids.next(NOW);
    let address = "recipient@example.com".to_owned();
    NewMessage {
        id,
        envelope: Envelope {
            sender: "sender@example.com".to_owned(),
            received: NOW,
            session: id.to_string(),
            listener: "mx".to_owned(),
            client: "192.0.2.1".to_owned(),
            helo: "mail.example.com".to_owned(),
            body: "8BITMIME".to_owned(),
            ..Envelope::default()
        },
        trace: vec![b'R'; 250],
        content: drafts.open(),
        recipients: vec![NewRecipient {
            original: address.clone(),
            route: Route::Local(address.clone()),
            address,
            sender: None,
            notify: None,
            orcpt: None,
            due: NOW,
            expires: NOW + 345_600_000,
        }],
        hold: None,
        history: Some(HistoryRecord {
            time: NOW,
            id: id.to_string(),
            event: "received".to_owned(),
            client: "192.0.2.1".to_owned(),
            sender: "sender@example.com".to_owned(),
            recipients: vec!["recipient@example.com".to_owned()],
            size: CONTENT_BYTES as u64,
            reply: "accepted".to_owned(),
            ..HistoryRecord::default()
        }),
    }
}

async fn accept_all(store: &Arc<dyn Store>, drafts: &Drafts, ids: &Arc<Ids>, messages: u64) {
    let left = Arc::new(AtomicI64::new(messages as i64));
    let mut tasks = Vec::new();
    for _ in 0..ACCEPTORS {
        let (store, drafts, ids, left) = (Arc::clone(store), drafts.clone(), Arc::clone(ids), Arc::clone(&left));
        tasks.push(tokio::spawn(async move {
            let content = vec![b'x'; CONTENT_BYTES];
            while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                let mut message = message(&drafts, &ids);
                message.content.append(&content).await.unwrap();
                store.accept(message).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

async fn deliver_all(store: &Arc<dyn Store>) {
    let lease = Lease { node: "bench".to_owned(), until: NOW + 600_000 };
    loop {
        let jobs = store.claim(NOW, 50, lease.clone()).await.unwrap();
        if jobs.is_empty() {
            return;
        }
        let mut tasks = Vec::new();
        for job in jobs {
            let store = Arc::clone(store);
            tasks.push(tokio::spawn(async move {
                let id = job.message.id;
                let history = HistoryRecord {
                    time: NOW,
                    id: id.to_string(),
                    event: "delivered".to_owned(),
                    ..HistoryRecord::default()
                };
                let outcomes = vec![(0, Outcome::Done)];
                let settlement = Settlement { id, outcomes, follow_up: None, history: Some(history) };
                store.settle("bench", settlement).await.unwrap();
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    }
}

/// User and system time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn bench(criterion: &mut Criterion) {
    // On the disk of the build, not on a memory file system.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    bench_backend(criterion, "sqlite", &Backend::Sqlite, folder.path());
    report_size(folder.path());
    // An empty database, if there is one.
    if let Ok(url) = std::env::var("POSTWARDEN_BENCH_POSTGRES") {
        bench_backend(criterion, "postgres", &Backend::Postgres { url }, &folder.path().join("postgres"));
    }
}

fn bench_backend(criterion: &mut Criterion, name: &str, backend: &Backend, folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let Opened { store, ids } = runtime.block_on(open(backend, folder, "bench")).unwrap();
    let (drafts, ids) = (Drafts::new(folder.join("spool"), 64 << 20).unwrap(), Arc::new(ids));
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1)).sample_size(10);
    group.measurement_time(Duration::from_secs(10));

    let (mut spent, mut messages) = (Duration::ZERO, 0);
    group.bench_function("accept, 50 at once, 5 KB", |bencher| {
        bencher.iter_custom(|iterations| {
            let (start, before) = (Instant::now(), cpu());
            runtime.block_on(accept_all(&store, &drafts, &ids, iterations));
            spent += cpu() - before;
            messages += iterations;
            start.elapsed()
        });
    });
    println!("{name}: accept: {} us of CPU a message, {messages} messages", spent.as_micros() as u64 / messages.max(1));
    runtime.block_on(deliver_all(&store));

    (spent, messages) = (Duration::ZERO, 0);
    group.bench_function("accept, claim, settle, 50 at once, 5 KB", |bencher| {
        bencher.iter_custom(|iterations| {
            let (start, before) = (Instant::now(), cpu());
            runtime.block_on(async {
                accept_all(&store, &drafts, &ids, iterations).await;
                deliver_all(&store).await;
            });
            spent += cpu() - before;
            messages += iterations;
            start.elapsed()
        });
    });
    println!("{name}: accept, claim, settle: {} us of CPU a message", spent.as_micros() as u64 / messages.max(1));
    group.finish();
}

fn report_size(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
        println!("{}: {} KiB", entry.file_name().display(), bytes >> 10);
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
