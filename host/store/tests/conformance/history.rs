//! The history.

use postwarden_store::{HistoryQuery, HistoryRecord, Timestamp};
use serde_json::json;

use crate::backend::Bench;
use crate::make::{message, now};

fn record(time: Timestamp, id: &str, event: &str, sender: &str) -> HistoryRecord {
    HistoryRecord {
        time,
        id: id.to_owned(),
        event: event.to_owned(),
        client: "192.0.2.1".to_owned(),
        sender: sender.to_owned(),
        recipients: vec!["a@one.example".to_owned(), "O'Neil@Two.example".to_owned()],
        size: 1234,
        reply: "accepted".to_owned(),
        detail: "quote ' nul \0 \u{1F4A9}".to_owned(),
        facts: json!({ "microseconds": 12, "scores": [["spam", 1.5]] }),
    }
}

pub(crate) async fn found_by_what_it_says(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let records = [
        record(now, "id1", "received", "who@example.com"),
        record(now + 10, "id1", "delivered", "who@example.com"),
        record(now + 20, "", "refused", "OTHER@example.org"),
        record(now + 30, "'; drop table history; --", "received", ""),
    ];
    for record in &records {
        store.note(record.clone()).await.unwrap();
    }
    let find = async |query: HistoryQuery| store.find(&query).await.unwrap();
    let newest_first: Vec<_> = records.iter().rev().cloned().collect();
    assert_eq!(find(HistoryQuery::default()).await, newest_first);
    assert_eq!(find(HistoryQuery { limit: 2, ..Default::default() }).await, newest_first[..2]);
    let id = Some("id1".to_owned());
    assert_eq!(find(HistoryQuery { id, ..Default::default() }).await, newest_first[2..]);
    let id = Some(records[3].id.clone());
    assert_eq!(find(HistoryQuery { id, ..Default::default() }).await, newest_first[..1]);
    let sender = Some("other@*".to_owned());
    assert_eq!(find(HistoryQuery { sender, ..Default::default() }).await, newest_first[1..2]);
    let recipient = Some("o'neil@two.example".to_owned());
    assert_eq!(find(HistoryQuery { recipient, ..Default::default() }).await.len(), 4);
    let event = Some("received".to_owned());
    assert_eq!(find(HistoryQuery { event, ..Default::default() }).await.len(), 2);
    let (after, before) = (Some(now), Some(now + 30));
    assert_eq!(find(HistoryQuery { after, before, ..Default::default() }).await, newest_first[1..3]);
    assert_eq!(find(HistoryQuery { id: Some(String::new()), ..Default::default() }).await, newest_first[1..2]);
}

pub(crate) async fn written_with_the_message(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let mut first = message(bench, &["a@one.example"], now);
    first.history = Some(record(now, &first.id.to_string(), "received", "who@example.com"));
    let (id, wanted) = (first.id, first.history.clone().unwrap());
    store.accept(first).await.unwrap();
    let mut again = message(bench, &["a@one.example"], now);
    again.id = id;
    again.history = Some(record(now, "never", "received", "who@example.com"));
    store.accept(again).await.unwrap_err();
    assert_eq!(store.find(&HistoryQuery::default()).await.unwrap(), [wanted]);
}

pub(crate) async fn expires(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    for number in 0..10 {
        store.note(record(now + number, "id", "received", "")).await.unwrap();
    }
    assert_eq!(store.expire_history(now + 4).await.unwrap(), 4);
    assert_eq!(store.expire_history(now + 4).await.unwrap(), 0);
    let left = store.find(&HistoryQuery::default()).await.unwrap();
    assert_eq!((left.len(), left.last().unwrap().time), (6, now + 4));
}

/// More records than one read or one deletion takes, many of one millisecond.
pub(crate) async fn many_pages(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let mut tasks = Vec::new();
    for number in 0..2_500 {
        let store = std::sync::Arc::clone(&store);
        let sender = if number == 3 { "rare@example.com" } else { "" };
        tasks.push(tokio::spawn(async move { store.note(record(now + number / 500, "id", "received", sender)).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let query = HistoryQuery { limit: 10_000, ..Default::default() };
    let all = store.find(&query).await.unwrap();
    assert_eq!(all.len(), 2_500);
    assert!(all.is_sorted_by(|one, other| one.time >= other.time));
    let query = HistoryQuery { sender: Some("rare@*".to_owned()), ..Default::default() };
    assert_eq!(store.find(&query).await.unwrap().len(), 1);
    assert_eq!(store.expire_history(now + 100).await.unwrap(), 2_500);
}
