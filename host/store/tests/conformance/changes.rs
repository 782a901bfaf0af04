//! What operators do to the queue.

use postwarden_store::queue::{QueueChange, QueueFilter, RecipientState, Route};
use postwarden_store::{Draft, Error};

use crate::backend::Bench;
use crate::make::{accept, lease, message, now};

fn to(mask: &str) -> QueueFilter {
    QueueFilter { recipient: Some(mask.to_owned()), ..QueueFilter::default() }
}

pub(crate) async fn each_change_does_what_it_says(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let id = accept(bench, &*store, &["a@one.example", "b@two.example"], now + 9_000).await;
    let recipient = async |at: usize| store.show(id).await.unwrap().recipients[at].clone();

    assert_eq!(store.change(&to("a@*"), QueueChange::Retry(now)).await.unwrap(), 1);
    assert_eq!((recipient(0).await.recipient.due, recipient(1).await.recipient.due), (now, now + 9_000));

    assert_eq!(store.change(&to("a@*"), QueueChange::Hold("by hand".to_owned())).await.unwrap(), 1);
    assert_eq!((recipient(0).await.state, recipient(0).await.last_error.as_str()), (RecipientState::Held, "by hand"));
    assert_eq!(store.claim(now, 9, lease("n", now + 1)).await.unwrap().len(), 0);
    assert_eq!(store.change(&to("*"), QueueChange::Hold("again".to_owned())).await.unwrap(), 1, "one is held already");
    assert_eq!(store.change(&to("*"), QueueChange::Retry(now)).await.unwrap(), 0, "held ones are released first");
    let held = QueueFilter { state: Some("held".to_owned()), ..QueueFilter::default() };
    assert_eq!(store.change(&held, QueueChange::Release(now + 1)).await.unwrap(), 2);
    assert_eq!((recipient(0).await.state, recipient(0).await.recipient.due), (RecipientState::Queued, now + 1));
    assert_eq!(store.change(&held, QueueChange::Release(now + 1)).await.unwrap(), 0);

    let route = Route::Remote("other.example".to_owned());
    assert_eq!(store.change(&to("b@*"), QueueChange::Reroute(route.clone())).await.unwrap(), 1);
    assert_eq!(recipient(1).await.recipient.route, route);
    assert_ne!(recipient(0).await.recipient.route, route);
}

pub(crate) async fn leased_recipients_are_left_alone(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let id = accept(bench, &*store, &["a@one.example"], now).await;
    store.claim(now, 9, lease("n", now + 60_000)).await.unwrap();
    for change in [
        QueueChange::Retry(now),
        QueueChange::Hold(String::new()),
        QueueChange::Release(now),
        QueueChange::Remove,
        QueueChange::Reroute(Route::Local("x@y".to_owned())),
    ] {
        assert_eq!(store.change(&QueueFilter::default(), change).await.unwrap(), 0);
    }
    let leased = QueueFilter { state: Some("leased".to_owned()), ..QueueFilter::default() };
    assert_eq!(store.list(&leased, None, 9).await.unwrap()[0].id, id);
}

pub(crate) async fn remove_takes_message_and_content(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let mut large = message(bench, &["a@one.example", "b@one.example"], now);
    large.content = Draft::from(vec![1; 100_000]);
    let id = large.id;
    store.accept(large).await.unwrap();
    assert_eq!(store.change(&to("a@*"), QueueChange::Remove).await.unwrap(), 1);
    assert_eq!(store.count().await.unwrap(), (1, 1));
    assert_eq!(store.change(&to("*"), QueueChange::Remove).await.unwrap(), 1);
    assert_eq!(store.count().await.unwrap(), (0, 0));
    assert!(matches!(store.content(id).await, Err(Error::NotFound(_))));
}

/// More than one page of messages, and only the ones meant.
pub(crate) async fn filters_choose(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    for number in 0..400 {
        let domain = if number % 2 == 0 { "a@even.example" } else { "a@odd.example" };
        accept(bench, &*store, &[domain], now).await;
    }
    let even = QueueFilter { domain: Some("EVEN.example".to_owned()), ..QueueFilter::default() };
    assert_eq!(store.change(&even, QueueChange::Remove).await.unwrap(), 200);
    assert_eq!(store.count().await.unwrap(), (200, 200));
    let none = QueueFilter { sender: Some("nobody@*".to_owned()), ..QueueFilter::default() };
    assert_eq!(store.change(&none, QueueChange::Remove).await.unwrap(), 0);
}
