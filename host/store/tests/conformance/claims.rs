//! Claiming, settling, leases.

use std::collections::HashSet;
use std::sync::Arc;

use postwarden_store::queue::{Outcome, RecipientState, Settlement};
use postwarden_store::{Error, HistoryQuery, HistoryRecord};

use crate::backend::Bench;
use crate::make::{accept, keys, lease, message, now, read_all, settlement};

const SOON: i64 = 60_000;

pub(crate) async fn oldest_due_first_and_only_once(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let late = accept(bench, &*store, &["a@one.example"], now - 10).await;
    let early = accept(bench, &*store, &["a@one.example", "b@one.example"], now - 20).await;
    let future = accept(bench, &*store, &["a@one.example"], now + 1).await;
    let jobs = store.claim(now, 1, lease("n", now + SOON)).await.unwrap();
    assert_eq!(keys(&jobs), [(early, vec![0, 1])]);
    assert_eq!(jobs[0].trace, b"Received: from here\r\n");
    assert_eq!(jobs[0].body.inline(), Some(&b"Subject: x\r\n\r\nHello\r\n"[..]));
    assert_eq!(jobs[0].message.recipients[0].state, RecipientState::Leased);
    assert_eq!(keys(&store.claim(now, 10, lease("n", now + SOON)).await.unwrap()), [(late, vec![0])]);
    assert_eq!(keys(&store.claim(now, 10, lease("n", now + SOON)).await.unwrap()), []);
    assert_eq!(keys(&store.claim(now + 1, 10, lease("n", now + SOON)).await.unwrap()), [(future, vec![0])]);
    assert_eq!(store.show(late).await.unwrap().recipients[0].state, RecipientState::Leased);
}

pub(crate) async fn done_removes_row_message_and_content(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let mut large = message(bench, &["a@one.example", "b@one.example"], now);
    large.content = bench.drafts.open();
    large.content.append(&vec![7; 200_000]).await.unwrap();
    let id = large.id;
    store.accept(large).await.unwrap();
    let mut jobs = store.claim(now, 1, lease("n", now + SOON)).await.unwrap();
    store.settle("n", settlement(id, vec![(0, Outcome::Done)])).await.unwrap();
    assert_eq!(store.show(id).await.unwrap().recipients[0].index, 1);
    assert_eq!(read_all(jobs.remove(0).body).await, vec![7; 200_000]);
    store.settle("n", settlement(id, vec![(1, Outcome::Done)])).await.unwrap();
    assert!(matches!(store.show(id).await, Err(Error::NotFound(_))));
    assert!(matches!(store.content(id).await, Err(Error::NotFound(_))));
    assert_eq!(store.count().await.unwrap(), (0, 0));
    assert_eq!(store.next_due().await.unwrap(), None);
    for _ in 0..100 {
        if bench.content_files() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the content file stays");
}

pub(crate) async fn retry_waits_until_due(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let id = accept(bench, &*store, &["a@one.example"], now).await;
    for attempt in 1..=3 {
        let at = now + i64::from(attempt) * 1_000;
        assert_eq!(store.claim(at - 1_000, 9, lease("n", now + SOON)).await.unwrap().len(), 1);
        let error = format!("try {attempt}: 4.4.1 '\u{e9}'");
        let retry = Outcome::Retry { due: at, error: error.clone(), warned: attempt == 2 };
        store.settle("n", settlement(id, vec![(0, retry)])).await.unwrap();
        let shown = &store.show(id).await.unwrap().recipients[0];
        assert_eq!((shown.attempts, &shown.last_error, shown.warned), (attempt, &error, attempt == 2));
        assert_eq!((&shown.state, shown.recipient.due), (&RecipientState::Queued, at));
        assert_eq!(store.claim(at - 1, 9, lease("n", now + SOON)).await.unwrap().len(), 0);
        assert_eq!(store.next_due().await.unwrap(), Some(at));
    }
}

pub(crate) async fn release_does_not_count(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let id = accept(bench, &*store, &["a@one.example"], now).await;
    for _ in 0..2 {
        assert_eq!(store.claim(now, 9, lease("n", now + SOON)).await.unwrap().len(), 1);
        store.settle("n", settlement(id, vec![(0, Outcome::Release)])).await.unwrap();
    }
    // Nor does what found no room; it only waits.
    let later = now + SOON;
    assert_eq!(store.claim(now, 9, lease("n", now + SOON)).await.unwrap().len(), 1);
    store.settle("n", settlement(id, vec![(0, Outcome::Later { due: later })])).await.unwrap();
    assert_eq!(store.claim(later - 1, 9, lease("n", later)).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap(), Some(later));
    let shown = &store.show(id).await.unwrap().recipients[0];
    assert_eq!((shown.attempts, shown.last_error.as_str()), (0, ""));
}

pub(crate) async fn hold_is_never_due(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let id = accept(bench, &*store, &["a@one.example"], now).await;
    store.claim(now, 9, lease("n", now + SOON)).await.unwrap();
    let hold = Outcome::Hold { error: "over the limit".to_owned() };
    store.settle("n", settlement(id, vec![(0, hold)])).await.unwrap();
    let shown = &store.show(id).await.unwrap().recipients[0];
    assert_eq!((&shown.state, shown.last_error.as_str()), (&RecipientState::Held, "over the limit"));
    assert_eq!(store.claim(i64::MAX - 1, 9, lease("n", i64::MAX)).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap(), None);
}

/// A node that died: its work returns when the lease ends, and its late answer is refused.
pub(crate) async fn a_lease_ends(bench: &Bench) {
    let (one, two, now) = (bench.store().await, bench.second().await, now());
    let id = accept(bench, &*one, &["a@one.example"], now).await;
    assert_eq!(one.claim(now, 9, lease("dead", now + SOON)).await.unwrap().len(), 1);
    assert_eq!(two.claim(now + SOON - 5_000, 9, lease("alive", now + 9 * SOON)).await.unwrap().len(), 0);
    let jobs = two.claim(now + SOON + 5_000, 9, lease("alive", now + 9 * SOON)).await.unwrap();
    assert_eq!(keys(&jobs), [(id, vec![0])]);
    let late = one.settle("dead", settlement(id, vec![(0, Outcome::Done)])).await;
    assert!(matches!(late, Err(Error::Lost(_))), "{late:?}");
    two.settle("alive", settlement(id, vec![(0, Outcome::Done)])).await.unwrap();
    assert_eq!(one.count().await.unwrap(), (0, 0));
}

pub(crate) async fn renewal_moves_the_end(bench: &Bench) {
    let (one, two, now) = (bench.store().await, bench.second().await, now());
    let id = accept(bench, &*one, &["a@one.example"], now).await;
    one.claim(now, 9, lease("one", now + SOON)).await.unwrap();
    one.renew("one", now + 10 * SOON).await.unwrap();
    two.renew("two", now + 20 * SOON).await.unwrap();
    assert_eq!(two.claim(now + 9 * SOON, 9, lease("two", now + 20 * SOON)).await.unwrap().len(), 0);
    one.settle("one", settlement(id, vec![(0, Outcome::Done)])).await.unwrap();
}

/// A lease that has ended but that nobody took: the work was done, so its outcome counts.
pub(crate) async fn a_living_node_keeps_its_claims(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let id = accept(bench, &*store, &["a@one.example"], now).await;
    store.claim(now, 9, lease("slow", now - SOON)).await.unwrap();
    store.settle("slow", settlement(id, vec![(0, Outcome::Done)])).await.unwrap();
    assert_eq!(store.count().await.unwrap(), (0, 0));
}

pub(crate) async fn settlement_is_one_transaction(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let id = accept(bench, &*store, &["a@one.example", "b@one.example", "c@one.example"], now).await;
    store.claim(now, 9, lease("n", now + SOON)).await.unwrap();
    let record = |event: &str| HistoryRecord {
        time: now,
        id: id.to_string(),
        event: event.to_owned(),
        ..HistoryRecord::default()
    };
    // The bounce has an id that is taken: nothing of the settlement happens.
    let mut taken = message(bench, &["sender@example.com"], now);
    taken.id = id;
    let failing = Settlement {
        id,
        outcomes: vec![(0, Outcome::Done), (1, Outcome::Hold { error: "no".to_owned() })],
        follow_up: Some(taken),
        history: Some(record("failed")),
    };
    assert!(matches!(store.settle("n", failing).await, Err(Error::Exists(_))));
    let shown = store.show(id).await.unwrap();
    assert_eq!(shown.recipients.len(), 3);
    assert!(shown.recipients.iter().all(|recipient| recipient.state == RecipientState::Leased));
    assert_eq!(store.find(&HistoryQuery::default()).await.unwrap(), []);

    let bounce = message(bench, &["sender@example.com"], now);
    let bounce_id = bounce.id;
    let good = Settlement {
        id,
        outcomes: vec![
            (0, Outcome::Done),
            (1, Outcome::Done),
            (2, Outcome::Retry { due: now + 5, error: "busy".to_owned(), warned: false }),
        ],
        follow_up: Some(bounce),
        history: Some(record("bounced")),
    };
    store.settle("n", good).await.unwrap();
    assert_eq!(store.count().await.unwrap(), (2, 2));
    assert_eq!(keys(&store.claim(now, 9, lease("n", now + SOON)).await.unwrap()), [(bounce_id, vec![0])]);
    assert_eq!(store.find(&HistoryQuery::default()).await.unwrap(), [record("bounced")]);
}

pub(crate) async fn only_the_claimer_settles(bench: &Bench) {
    let (one, two, now) = (bench.store().await, bench.second().await, now());
    let id = accept(bench, &*one, &["a@one.example", "b@one.example"], now).await;
    let outcomes = || settlement(id, vec![(0, Outcome::Done), (1, Outcome::Done)]);
    assert!(matches!(one.settle("one", outcomes()).await, Err(Error::Lost(_))), "nobody claimed it");
    one.claim(now, 9, lease("one", now + SOON)).await.unwrap();
    assert!(matches!(two.settle("two", outcomes()).await, Err(Error::Lost(_))), "another node claimed it");
    assert_eq!(one.count().await.unwrap(), (1, 2));
    one.settle("one", outcomes()).await.unwrap();
    assert!(matches!(one.settle("one", outcomes()).await, Err(Error::Lost(_))), "it is settled");
}

pub(crate) async fn concurrent_claims_never_meet(bench: &Bench) {
    const MESSAGES: usize = 300;
    let (one, two, now) = (bench.store().await, bench.second().await, now());
    for _ in 0..MESSAGES {
        accept(bench, &*one, &["a@one.example", "b@two.example"], now).await;
    }
    let mut tasks = Vec::new();
    for (node, store) in [("one", &one), ("two", &two), ("one", &one), ("two", &two)] {
        let store = Arc::clone(store);
        tasks.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            let mut empty = 0;
            while empty < 3 {
                let jobs = store.claim(now, 7, lease(node, now + SOON)).await.unwrap();
                empty = if jobs.is_empty() { empty + 1 } else { 0 };
                for (id, positions) in keys(&jobs) {
                    mine.extend(positions.iter().map(|position| (id, *position)));
                    // Half is settled while others claim.
                    if id.0 % 2 == 0 {
                        let outcomes = positions.iter().map(|position| (*position, Outcome::Done)).collect();
                        store.settle(node, settlement(id, outcomes)).await.unwrap();
                    }
                }
            }
            mine
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    let different: HashSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (2 * MESSAGES, 2 * MESSAGES));
}

/// The last of several settlements takes the message with it, also when they come at once.
pub(crate) async fn recipients_of_one_message_settle_apart(bench: &Bench) {
    let (one, two, now) = (bench.store().await, bench.second().await, now());
    for _ in 0..20 {
        let id = accept(bench, &*one, &["a@one.example", "b@one.example"], now).await;
        one.claim(now, 9, lease("n", now + SOON)).await.unwrap();
        let done = |position| settlement(id, vec![(position, Outcome::Done)]);
        let (first, second) = tokio::join!(one.settle("n", done(0)), two.settle("n", done(1)));
        first.unwrap();
        second.unwrap();
        assert!(matches!(one.show(id).await, Err(Error::NotFound(_))));
    }
    assert_eq!(one.count().await.unwrap(), (0, 0));
}
