//! Drafts and bodies: whole, and in bounded memory.

use postwarden_store::body::INLINE_BYTES_MAX;
use postwarden_store::{Draft, Drafts, Error};

use crate::backend::Bench;
use crate::make::{lease, message, now, read_all};

/// Bytes that differ everywhere, so that nothing can be swapped unseen.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

pub(crate) async fn small_and_large_come_back_whole(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let edge = INLINE_BYTES_MAX;
    for length in [0, 1, 5_000, edge - 1, edge, edge + 1, 2 * edge, 3 * edge + 17] {
        let content = pattern(length);
        for piece in [1 << 20, 4_096, 997] {
            let mut message = message(bench, &["a@one.example"], now);
            message.content = bench.drafts.open();
            for part in content.chunks(piece) {
                message.content.append(part).await.unwrap();
            }
            assert_eq!(message.content.size(), length as u64);
            assert_eq!(message.content.head(100).await.unwrap(), content[..length.min(100)]);
            let id = message.id;
            store.accept(message).await.unwrap();
            let (trace, body) = store.content(id).await.unwrap();
            assert_eq!((body.size(), body.inline().is_some()), (length as u64, length <= edge), "{length}");
            assert_eq!(store.show(id).await.unwrap().size, (trace.len() + length) as u64);
            assert!(read_all(body.again()).await == content, "{length} in pieces of {piece}");
            assert!(read_all(body).await == content);
            let mut jobs = store.claim(now, 1, lease("n", now + 60_000)).await.unwrap();
            assert!(read_all(jobs.remove(0).body).await == content);
        }
    }
}

pub(crate) async fn drafts_are_bounded(_: &Bench) {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let files = || std::fs::read_dir(&spool).unwrap().count() - 1;
    let drafts = Drafts::new(spool.clone(), 100_000).unwrap();
    assert!(matches!(Drafts::new(spool.clone(), 1), Err(Error::InUse(_))));
    let mut open = Vec::new();
    for _ in 0..40 {
        let mut draft = drafts.open();
        for part in pattern(60_000).chunks(1_000) {
            draft.append(part).await.unwrap();
        }
        assert!(drafts.memory_used() <= 100_000);
        open.push(draft);
    }
    assert!(files() >= 38);
    for draft in &mut open {
        assert!(draft.head(60_000).await.unwrap() == pattern(60_000));
        assert!(read_all(draft.body().await.unwrap()).await == pattern(60_000));
    }
    open.clear();
    assert_eq!((drafts.memory_used(), files()), (0, 0));
    assert!(drafts.free_bytes().unwrap() > 0);

    // What a killed process leaves behind goes at the next start; other files stay.
    drop(drafts);
    std::fs::write(spool.join("draft-old"), "x").unwrap();
    std::fs::write(spool.join("other"), "x").unwrap();
    let _drafts = Drafts::new(spool.clone(), 1).unwrap();
    assert_eq!((spool.join("draft-old").exists(), spool.join("other").exists()), (false, true));
}

pub(crate) async fn a_reader_outlives_the_draft(bench: &Bench) {
    for length in [10, 500_000] {
        let mut draft = bench.drafts.open();
        draft.append(&pattern(length)).await.unwrap();
        let body = draft.body().await.unwrap();
        draft.append(b"more").await.unwrap();
        assert_eq!(draft.size(), length as u64 + 4);
        drop(draft);
        assert!(read_all(body).await == pattern(length));
    }
}

pub(crate) async fn own_content_of_any_size(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let mut message = message(bench, &["a@one.example"], now);
    message.content = Draft::from(pattern(1_000_000));
    let id = message.id;
    store.accept(message).await.unwrap();
    assert!(read_all(store.content(id).await.unwrap().1).await == pattern(1_000_000));
}

/// Streams 50 MB in and out. Other scenarios run beside this one in the process, so the bound is
/// on what this one asks for: the drafts' budget and the chunk that is read.
pub(crate) async fn fifty_megabytes_in_bounded_memory(bench: &Bench) {
    const PARTS: usize = 800;
    let (store, now) = (bench.store().await, now());
    let part = pattern(64 << 10);
    let mut message = message(bench, &["a@one.example"], now);
    message.content = bench.drafts.open();
    for _ in 0..PARTS {
        message.content.append(&part).await.unwrap();
        assert!(bench.drafts.memory_used() <= 64 << 10);
    }
    let id = message.id;
    store.accept(message).await.unwrap();
    let (_, mut body) = store.content(id).await.unwrap();
    assert_eq!((body.size(), body.inline()), ((PARTS * part.len()) as u64, None));
    let mut chunks = 0;
    while let Some(chunk) = body.next().await.unwrap() {
        assert!(chunk == part);
        chunks += 1;
    }
    assert_eq!(chunks, PARTS);
}
