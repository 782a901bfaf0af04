//! The embedded store in processes of their own: killed at random moments, and measured.
//! A child is this test binary again, with its task in an environment variable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use postwarden_store::body::INLINE_BYTES_MAX;
use postwarden_store::queue::{Envelope, Lease, NewMessage, NewRecipient, Outcome, QueueFilter, Route, Settlement};
use postwarden_store::{Backend, Body, Draft, Drafts, HistoryQuery, HistoryRecord, Id, Opened, Store, open};

const TASK: &str = "POSTWARDEN_STORE_TEST_TASK";
const FOLDER: &str = "POSTWARDEN_STORE_TEST_FOLDER";
const NOW: i64 = 1_780_000_000_000;

/// Not a test: what a child does. In the parent it does nothing.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let folder = std::env::var(FOLDER).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match task.as_str() {
        "work" => runtime.block_on(work(Path::new(&folder))),
        "measure" => runtime.block_on(measure(Path::new(&folder))),
        _ => panic!("{task}"),
    }
}

fn start(task: &str, folder: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Bytes of content of a message: mixed, some above what a row holds.
fn length(id: Id) -> usize {
    let number = (id.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (match number % 10 {
        0 => 70_000 + number % 100_000,
        1 => 0,
        _ => number % 10_000,
    }) as usize
}

/// The content that belongs to an id, different for each.
fn content(id: Id) -> Vec<u8> {
    let words = (id.0 as u64..).flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.take(length(id)).collect()
}

fn message(id: Id) -> NewMessage {
    let recipient = |address: &str| NewRecipient {
        address: address.to_owned(),
        original: address.to_owned(),
        route: Route::Local(address.to_owned()),
        sender: None,
        notify: None,
        orcpt: None,
        due: NOW,
        expires: NOW,
    };
    NewMessage {
        id,
        envelope: Envelope { envid: Some(id.to_string()), ..Envelope::default() },
        trace: id.to_string().into_bytes(),
        content: Draft::from(Vec::new()),
        recipients: vec![recipient("a@one.example"), recipient("b@one.example")],
        hold: None,
        history: Some(HistoryRecord { time: NOW, id: id.to_string(), ..HistoryRecord::default() }),
    }
}

/// One line in one write, so that a kill cannot cut a line that counts.
fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

/// Accepts and settles for ever; says what was acknowledged.
async fn work(folder: &Path) {
    let Opened { store, ids } = open(&Backend::Sqlite, folder, "child").await.unwrap();
    let drafts = Drafts::new(folder.join("spool"), 1 << 20).unwrap();
    let ids = Arc::new(ids);
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let (store, drafts, ids) = (Arc::clone(&store), drafts.clone(), Arc::clone(&ids));
        tasks.push(tokio::spawn(async move {
            loop {
                let id = ids.next(NOW);
                let mut message = message(id);
                message.content = drafts.open();
                for part in content(id).chunks(20_000) {
                    message.content.append(part).await.unwrap();
                }
                store.accept(message).await.unwrap();
                say(&format!("accepted {id}"));
                // Few enough to be checked after each kill.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }));
    }
    tasks.push(tokio::spawn(async move {
        loop {
            let lease = Lease { node: "child".to_owned(), until: NOW + 60_000 };
            for job in store.claim(NOW, 2, lease).await.unwrap() {
                let id = job.message.id;
                let outcomes = job.message.recipients.iter().map(|to| (to.index, Outcome::Done)).collect();
                say(&format!("settling {id}"));
                let settlement = Settlement { id, outcomes, follow_up: None, history: None };
                store.settle("child", settlement).await.unwrap();
                say(&format!("settled {id}"));
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }));
    // Until the kill; a task that ends has failed.
    let last = tasks.pop().unwrap();
    last.await.unwrap();
}

/// What the children said of an id.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Accepted,
    /// May be there or not.
    Settling,
    Settled,
}

#[test]
fn killed_at_random_moments_nothing_acknowledged_is_lost() {
    const KILLS: u32 = 25;
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut fates, mut read) = (HashMap::new(), HashSet::new());
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for kill in 0..KILLS {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut child = start("work", folder.path());
        let output = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(40 + seed % 160));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in reader.join().unwrap() {
            let Some((word, id)) = line.split_once(' ') else { continue };
            let Ok(id) = id.parse::<Id>() else { continue };
            match word {
                "accepted" => {
                    // A settlement may be said before the accepting task gets to say its line.
                    fates.entry(id).or_insert(Fate::Accepted);
                }
                "settling" => drop(fates.insert(id, Fate::Settling)),
                "settled" => drop(fates.insert(id, Fate::Settled)),
                _ => {}
            }
        }
        if kill + 1 == KILLS {
            read.clear();
        }
        runtime.block_on(verify(folder.path(), &fates, &mut read, kill));
    }
    let accepted = fates.len();
    println!("{KILLS} kills, {accepted} messages");
    assert!(accepted > 1_000, "only {accepted} messages: the test shows little");
}

/// Content is read once after the first kill that a message has seen, and all at the end.
async fn verify(folder: &Path, fates: &HashMap<Id, Fate>, read: &mut HashSet<Id>, kill: u32) {
    let Opened { store, .. } = open(&Backend::Sqlite, folder, "parent").await.unwrap();
    let mut there = HashSet::new();
    let mut files = 0;
    let mut after = None;
    loop {
        let page = store.list(&QueueFilter::default(), after, 500).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for message in &page {
            let id = message.id;
            assert_eq!(message.recipients.len(), 2, "kill {kill}: {id}");
            assert_eq!(message.envelope.envid, Some(id.to_string()));
            files += usize::from(length(id) > INLINE_BYTES_MAX);
            if read.insert(id) {
                let (trace, body) = store.content(id).await.unwrap();
                assert_eq!(trace, id.to_string().into_bytes());
                assert!(read_all(body).await == content(id), "kill {kill}: content of {id}");
            }
            there.insert(id);
        }
    }
    assert_eq!(store.count().await.unwrap(), (there.len() as u64, 2 * there.len() as u64));
    assert_eq!(std::fs::read_dir(folder.join("bodies")).unwrap().count(), files, "kill {kill}: content files");
    for (id, fate) in fates {
        match fate {
            Fate::Accepted => assert!(there.contains(id), "kill {kill}: {id} was acknowledged and is lost"),
            Fate::Settled => assert!(!there.contains(id), "kill {kill}: {id} was settled and is back"),
            Fate::Settling => {}
        }
    }
    history_is_whole(&store, &there).await;
}

/// A message and its record come together.
async fn history_is_whole(store: &Arc<dyn Store>, there: &HashSet<Id>) {
    for id in there.iter().take(20) {
        let query = HistoryQuery { id: Some(id.to_string()), ..HistoryQuery::default() };
        assert_eq!(store.find(&query).await.unwrap().len(), 1);
    }
}

async fn read_all(mut body: Body) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await.unwrap() {
        all.extend_from_slice(&chunk);
    }
    all
}

/// Streams 50 MB in, and out through a claim; says by how much the process grew at its highest.
async fn measure(folder: &Path) {
    const PARTS: usize = 800;
    let Opened { store, ids } = open(&Backend::Sqlite, folder, "child").await.unwrap();
    let drafts = Drafts::new(folder.join("spool"), 8 << 20).unwrap();
    let small = ids.next(NOW);
    let mut first = message(small);
    first.content.append(&content(small)).await.unwrap();
    store.accept(first).await.unwrap();
    let before = highest_memory();
    let mut large = message(ids.next(NOW + 1));
    large.content = drafts.open();
    let part = vec![b'x'; 64 << 10];
    for _ in 0..PARTS {
        large.content.append(&part).await.unwrap();
    }
    store.accept(large).await.unwrap();
    let lease = Lease { node: "child".to_owned(), until: NOW + 60_000 };
    let mut bytes = 0;
    for mut job in store.claim(NOW, 9, lease).await.unwrap() {
        while let Some(chunk) = job.body.next().await.unwrap() {
            bytes += chunk.len();
        }
    }
    assert!(bytes >= PARTS * part.len());
    say(&format!("grew {}", highest_memory() - before));
}

/// KiB.
fn highest_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn fifty_megabytes_pass_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start("measure", folder.path());
    let output = BufReader::new(child.stdout.take().unwrap());
    let lines: Vec<String> = output.lines().map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success());
    let grew = lines.iter().find_map(|line| line.strip_prefix("grew ")?.parse::<u64>().ok());
    let grew = grew.expect("the child says how much it grew");
    assert!(grew < 16 << 10, "{grew} KiB");
    println!("50 MB: {grew} KiB");
}
