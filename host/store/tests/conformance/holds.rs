//! Quarantine and challenge.

use postwarden_store::holds::NewHold;
use postwarden_store::queue::{QueueChange, QueueFilter, RecipientState};
use postwarden_store::{Error, HoldReason, Id, Store, Timestamp};

use crate::backend::Bench;
use crate::make::{accept, keys, lease, message, now};

async fn hold(bench: &Bench, store: &dyn Store, reason: HoldReason, expires: Option<Timestamp>) -> Id {
    let mut held = message(bench, &["a@one.example", "b@one.example"], now());
    held.hold = Some(NewHold { reason, detail: "virus: 'Test'".to_owned(), expires });
    let id = held.id;
    store.accept(held).await.unwrap();
    id
}

pub(crate) async fn held_until_released(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let one = hold(bench, &*store, HoldReason::Quarantine, Some(now + 9)).await;
    let two = hold(bench, &*store, HoldReason::Challenge, None).await;
    accept(bench, &*store, &["a@one.example"], now + 1_000).await;
    assert_eq!(store.claim(now + 1, 9, lease("n", now + 60_000)).await.unwrap().len(), 0);
    let ids = async |reason, after| {
        let held = store.list_held(reason, after, 10).await.unwrap();
        held.iter().map(|message| message.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, None).await, [one, two]);
    assert_eq!(ids(Some(HoldReason::Challenge), None).await, [two]);
    assert_eq!(ids(None, Some(one)).await, [two]);
    let listed = store.list_held(None, None, 1).await.unwrap();
    let expected =
        NewHold { reason: HoldReason::Quarantine, detail: "virus: 'Test'".to_owned(), expires: Some(now + 9) };
    let given = listed[0].hold.clone().unwrap();
    assert_eq!((&given.reason, &given.detail), (&expected.reason, &expected.detail));
    assert_eq!(listed[0].recipients.len(), 2);
    assert!(listed[0].recipients.iter().all(|recipient| recipient.state == RecipientState::Held));

    store.release(one, now + 2).await.unwrap();
    assert_eq!(ids(None, None).await, [two]);
    assert_eq!(store.show(one).await.unwrap().hold, None);
    assert_eq!(keys(&store.claim(now + 2, 9, lease("n", now + 60_000)).await.unwrap()), [(one, vec![0, 1])]);
    assert!(matches!(store.release(one, now).await, Err(Error::NotFound(_))));
}

pub(crate) async fn held_until_deleted(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let id = hold(bench, &*store, HoldReason::Challenge, None).await;
    let queued = accept(bench, &*store, &["a@one.example"], now).await;
    store.delete(id).await.unwrap();
    assert!(matches!(store.show(id).await, Err(Error::NotFound(_))));
    assert!(matches!(store.delete(id).await, Err(Error::NotFound(_))));
    assert!(matches!(store.delete(queued).await, Err(Error::NotFound(_))), "what is not held is not deleted");
    assert_eq!(store.count().await.unwrap(), (1, 1));
}

pub(crate) async fn held_until_expired(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let first = hold(bench, &*store, HoldReason::Quarantine, Some(now + 10)).await;
    let second = hold(bench, &*store, HoldReason::Quarantine, Some(now + 20)).await;
    let never = hold(bench, &*store, HoldReason::Quarantine, None).await;
    let released = hold(bench, &*store, HoldReason::Quarantine, Some(now + 10)).await;
    store.release(released, now).await.unwrap();
    assert_eq!(store.expire_holds(now + 9).await.unwrap(), 0);
    assert_eq!(store.expire_holds(now + 10).await.unwrap(), 1);
    assert!(matches!(store.show(first).await, Err(Error::NotFound(_))));
    assert_eq!(store.expire_holds(i64::MAX).await.unwrap(), 1);
    assert!(matches!(store.show(second).await, Err(Error::NotFound(_))));
    store.show(never).await.unwrap();
    store.show(released).await.unwrap();
}

pub(crate) async fn a_filters_hold_is_not_released_by_a_queue_command(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let spam = hold(bench, &*store, HoldReason::Quarantine, None).await;
    let limit = hold(bench, &*store, HoldReason::Operator, None).await;
    let all = QueueFilter::default();
    assert_eq!(store.change(&all, QueueChange::Release(now)).await.unwrap(), 2);
    assert_eq!(store.show(spam).await.unwrap().recipients[0].state, RecipientState::Held);
    let released = store.show(limit).await.unwrap();
    assert_eq!((released.recipients[0].state.clone(), released.hold), (RecipientState::Queued, None));
    assert_eq!(store.change(&all, QueueChange::Remove).await.unwrap(), 4);
}
