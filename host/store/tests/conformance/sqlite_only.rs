//! What concerns the embedded store alone: its owner, its files, its limits.

use std::os::unix::fs::PermissionsExt;

use postwarden_store::queue::{Outcome, Queue};
use postwarden_store::sqlite::Sqlite;
use postwarden_store::{Draft, Error, FilterState, History, HistoryQuery, HistoryRecord, Id, Ids};

use crate::make::{accept_result, lease, message_with_id, now, read_all, settlement};

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test);
}

#[test]
fn one_process_owns_it_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    let error = Sqlite::open(folder.path()).unwrap_err();
    let owner = format!("process {}", std::process::id());
    assert!(matches!(&error, Error::InUse(text) if text.contains(&owner)), "{error}");
    drop(store);
    Sqlite::open(folder.path()).unwrap();
}

#[test]
fn files_are_for_this_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let _store = Sqlite::open(folder.path()).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert!(mode & 0o077 == 0 || name == "store.lock", "{name}: {mode:o}");
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Sqlite::open(folder.path()).unwrap());
    let path = folder.path().join("store.sqlite");
    let set = |pragma: &str| rusqlite::Connection::open(&path).unwrap().execute_batch(pragma).unwrap();
    set("pragma user_version = 99");
    let error = Sqlite::open(folder.path()).unwrap_err();
    assert!(matches!(&error, Error::Invalid(text) if text.contains("99")), "{error}");
    set("pragma user_version = 1; pragma application_id = 7");
    assert!(matches!(Sqlite::open(folder.path()), Err(Error::Invalid(_))));
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    assert!(matches!(Sqlite::open(folder.path()), Err(Error::Damaged(_))));
}

#[test]
fn orphans_go_at_the_start() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        let ids = Ids::new(0);
        let mut large = message_with_id(ids.next(now()), &["a@one.example"], now());
        large.content = Draft::from(vec![1; 100_000]);
        let id = large.id;
        store.accept(large).await.unwrap();
        drop(store);
        let bodies = folder.path().join("bodies");
        for orphan in [ids.next(now()).to_string(), "draft-abc".to_owned(), "x\u{e9}".to_owned()] {
            std::fs::write(bodies.join(orphan), "x").unwrap();
        }
        let store = Sqlite::open(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(&bodies).unwrap().count(), 1);
        assert_eq!(read_all(store.content(id).await.unwrap().1).await.len(), 100_000);
    });
}

/// Content that vanished or was cut is told, not guessed; the others still go out.
#[test]
fn damaged_content_is_told() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        let (ids, now) = (Ids::new(0), now());
        let mut large = Vec::new();
        for _ in 0..2 {
            let mut message = message_with_id(ids.next(now), &["a@one.example"], now);
            message.content = Draft::from(vec![1; 100_000]);
            large.push(message.id);
            store.accept(message).await.unwrap();
        }
        let file = |id: Id| folder.path().join("bodies").join(id.to_string());
        std::fs::remove_file(file(large[0])).unwrap();
        std::fs::write(file(large[1]), vec![1; 70_000]).unwrap();
        let error = store.content(large[0]).await.unwrap().1.next().await.unwrap_err();
        assert!(matches!(error, Error::NotFound(_)), "{error}");
        let mut body = store.content(large[1]).await.unwrap().1;
        body.next().await.unwrap();
        let error = body.next().await.unwrap_err();
        assert!(matches!(error, Error::Damaged(_)), "{error}");

        let database = rusqlite::Connection::open(folder.path().join("store.sqlite")).unwrap();
        database.execute("update message set envelope = '{' where id = ?1", [large[0].0]).unwrap();
        assert!(matches!(store.show(large[0]).await, Err(Error::Damaged(_))));
        let jobs = store.claim(now, 9, lease("n", now + 60_000)).await.unwrap();
        assert_eq!(jobs.len(), 1);
    });
}

/// At many fill levels: what is refused is `Full` and leaves nothing, what is there drains, and
/// space that comes back is used without a new start.
#[test]
fn full_refuses_and_recovers() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        let (ids, now) = (Ids::new(0), now());
        let mut refused_in_all = 0;
        for round in 0..40 {
            store.limit_pages(60 + round).await.unwrap();
            let (mut accepted, mut refused) = (Vec::new(), Vec::new());
            for number in 0..60 {
                let mut message = message_with_id(ids.next(now), &["a@one.example", "b@one.example"], now);
                let large = number % 10 == 9;
                message.content = Draft::from(vec![1; if large { 70_000 } else { 3_000 + 100 * number }]);
                message.history = Some(HistoryRecord { id: message.id.to_string(), time: now, ..Default::default() });
                let id = message.id;
                match store.accept(message).await {
                    Ok(()) => accepted.push((id, large)),
                    Err(error) => {
                        assert!(matches!(error, Error::Full(_)), "{error}");
                        refused.push(id);
                    }
                }
            }
            for id in &refused {
                assert!(matches!(store.show(*id).await, Err(Error::NotFound(_))));
                let query = HistoryQuery { id: Some(id.to_string()), ..Default::default() };
                assert_eq!(store.find(&query).await.unwrap(), []);
            }
            let files = std::fs::read_dir(folder.path().join("bodies")).unwrap().count();
            assert_eq!(files, accepted.iter().filter(|(_, large)| *large).count());
            assert_eq!(store.count().await.unwrap(), (accepted.len() as u64, 2 * accepted.len() as u64));
            // The queue drains although nothing can be added.
            for job in store.claim(now, 1_000, lease("n", now + 60_000)).await.unwrap() {
                let outcomes = vec![(0, Outcome::Done), (1, Outcome::Done)];
                store.settle("n", settlement(job.message.id, outcomes)).await.unwrap();
            }
            assert_eq!(store.count().await.unwrap(), (0, 0));
            store.expire_history(i64::MAX).await.unwrap();
            while std::fs::read_dir(folder.path().join("bodies")).unwrap().count() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            refused_in_all += refused.len();
        }
        assert!(refused_in_all >= 200, "{refused_in_all}");
        store.limit_pages(0).await.unwrap();
        accept_result(&ids, &store, now).await.unwrap();
        store.increment("b", "k", 1, None, 0).await.unwrap();
    });
}
