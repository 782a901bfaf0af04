//! Filter state.

use std::sync::Arc;

use postwarden_store::Error;
use postwarden_store::state::{KEY_BYTES_MAX, KEYS_MAX, VALUE_BYTES_MAX};

use crate::backend::Bench;

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

pub(crate) async fn values_come_and_go(bench: &Bench) {
    let store = bench.store().await;
    store.set("b", "k", b"\0binary\xff", None).await.unwrap();
    store.set("b", "empty", b"", None).await.unwrap();
    store.set("other", "k", b"x", None).await.unwrap();
    let found = store.get_many("b", &keys(&["empty", "none", "k", "k"]), 0).await.unwrap();
    let binary = Some(b"\0binary\xff".to_vec());
    assert_eq!(found, [Some(Vec::new()), None, binary.clone(), binary]);
    assert_eq!(store.get_many("b", &[], 0).await.unwrap(), Vec::<Option<Vec<u8>>>::new());
    store.set("b", "k", b"new", None).await.unwrap();
    assert_eq!(store.get_many("b", &keys(&["k"]), 0).await.unwrap(), [Some(b"new".to_vec())]);
    assert_eq!(store.bucket_size("b").await.unwrap(), (2, 1 + 3 + 5));
    store.delete_key("b", "k").await.unwrap();
    store.delete_key("b", "k").await.unwrap();
    assert_eq!(store.get_many("b", &keys(&["k"]), 0).await.unwrap(), [None]);
    assert_eq!(store.get_many("other", &keys(&["k"]), 0).await.unwrap(), [Some(b"x".to_vec())]);
    assert_eq!(store.bucket_size("none").await.unwrap(), (0, 0));
}

pub(crate) async fn expiry(bench: &Bench) {
    let store = bench.store().await;
    store.set("b", "v", b"x", Some(100)).await.unwrap();
    store.set("b", "kept", b"x", None).await.unwrap();
    assert_eq!(store.increment("b", "n", 5, Some(100), 1).await.unwrap(), 5);
    assert_eq!(store.increment("b", "n", 5, Some(900), 99).await.unwrap(), 10, "a present counter keeps its expiry");
    let get = async |now| store.get_many("b", &keys(&["v", "n"]), now).await.unwrap();
    assert_eq!(get(99).await, [Some(b"x".to_vec()), Some(b"10".to_vec())]);
    assert_eq!(get(100).await, [None, None]);
    assert_eq!(store.list_keys("b", "", None, 9, 100).await.unwrap(), ["kept"]);
    assert_eq!(store.increment("b", "n", 0, None, 100).await.unwrap(), 0);
    assert!(store.compare_and_set("b", "v", None, b"again", Some(500), 100).await.unwrap());
    assert_eq!(store.increment("b", "n", 1, Some(500), 100).await.unwrap(), 1, "an expired counter begins anew");
    assert_eq!(store.expire_state(499).await.unwrap(), 0);
    assert_eq!(store.expire_state(500).await.unwrap(), 2);
    assert_eq!(store.bucket_size("b").await.unwrap().0, 1);
    let deltas: Vec<_> = (0..900).map(|number| (format!("k{number}"), 1)).collect();
    store.increment_many("c", &deltas, Some(10), 0).await.unwrap();
    store.increment_many("d", &deltas, Some(10), 0).await.unwrap();
    assert_eq!(store.expire_state(10).await.unwrap(), 1_800);
}

pub(crate) async fn counters(bench: &Bench) {
    let store = bench.store().await;
    assert_eq!(store.increment("b", "n", 0, None, 0).await.unwrap(), 0);
    assert_eq!(store.get_many("b", &keys(&["n"]), 0).await.unwrap(), [None], "reading makes nothing");
    assert_eq!(store.increment("b", "n", -7, None, 0).await.unwrap(), -7);
    let deltas = [("n", 10), ("m", 1), ("n", 1), ("z", 0)].map(|(key, delta)| (key.to_owned(), delta));
    assert_eq!(store.increment_many("b", &deltas, None, 0).await.unwrap(), [3, 1, 4, 0]);
    assert_eq!(store.get_many("b", &keys(&["n", "m"]), 0).await.unwrap(), [Some(b"4".to_vec()), Some(b"1".to_vec())]);
    assert_eq!(store.increment("b", "n", i64::MAX, None, 0).await.unwrap(), i64::MAX, "no wrap around");
    assert_eq!(store.increment("b", "low", i64::MIN, None, 0).await.unwrap(), i64::MIN);
    assert_eq!(store.increment("b", "low", -1, None, 0).await.unwrap(), i64::MIN);
    store.set("b", "value", b"5", None).await.unwrap();
    assert!(matches!(store.increment("b", "value", 1, None, 0).await, Err(Error::Exists(_))));
    let deltas = [("fresh", 1), ("value", 1)].map(|(key, delta)| (key.to_owned(), delta));
    assert!(matches!(store.increment_many("b", &deltas, None, 0).await, Err(Error::Exists(_))));
    assert_eq!(store.get_many("b", &keys(&["fresh", "value"]), 0).await.unwrap(), [None, Some(b"5".to_vec())]);
    store.set("b", "m", b"value now", None).await.unwrap();
    assert_eq!(store.get_many("b", &keys(&["m"]), 0).await.unwrap(), [Some(b"value now".to_vec())]);
}

pub(crate) async fn many_tasks_one_counter(bench: &Bench) {
    let stores = [bench.store().await, bench.second().await];
    let mut tasks = Vec::new();
    for number in 0..16 {
        let store = Arc::clone(&stores[number % 2]);
        tasks.push(tokio::spawn(async move {
            let mut sums = Vec::new();
            for _ in 0..25 {
                // Two keys in different orders: no deadlock.
                let mut deltas = vec![("shared".to_owned(), 1), ("too".to_owned(), 2)];
                if number % 3 == 0 {
                    deltas.reverse();
                }
                let result = store.increment_many("b", &deltas, Some(1_000), 1).await.unwrap();
                sums.push(result[usize::from(number % 3 == 0)]);
            }
            sums
        }));
    }
    let mut sums = Vec::new();
    for task in tasks {
        sums.extend(task.await.unwrap());
    }
    sums.sort_unstable();
    assert_eq!(sums, (1..=400).collect::<Vec<i64>>());
    assert_eq!(stores[0].increment("b", "too", 0, None, 1).await.unwrap(), 800);
}

pub(crate) async fn compare_and_set_has_one_winner(bench: &Bench) {
    let stores = [bench.store().await, bench.second().await];
    assert!(!stores[0].compare_and_set("b", "k", Some(b"x"), b"y", None, 0).await.unwrap());
    for round in 0..10u8 {
        let mut tasks = Vec::new();
        for number in 0..8u8 {
            let store = Arc::clone(&stores[usize::from(number % 2)]);
            tasks.push(tokio::spawn(async move {
                let expected = [round.wrapping_sub(1)];
                let expected = (round > 0).then_some(&expected[..]);
                store.compare_and_set("b", "k", expected, &[round], None, 0).await.unwrap()
            }));
        }
        let mut winners = 0;
        for task in tasks {
            winners += usize::from(task.await.unwrap());
        }
        assert_eq!(winners, 1, "round {round}");
    }
    assert_eq!(stores[0].get_many("b", &keys(&["k"]), 0).await.unwrap(), [Some(vec![9])]);
}

pub(crate) async fn keys_by_prefix(bench: &Bench) {
    let store = bench.store().await;
    for key in ["a", "b%", "b%1", "b%2", "b_", "ba", "c", "b\u{e9}"] {
        store.set("b", key, b"", None).await.unwrap();
    }
    assert_eq!(store.list_keys("b", "b%", None, 9, 0).await.unwrap(), ["b%", "b%1", "b%2"]);
    assert_eq!(store.list_keys("b", "b%", Some("b%"), 1, 0).await.unwrap(), ["b%1"]);
    assert_eq!(store.list_keys("b", "b%", Some("b%2"), 9, 0).await.unwrap(), Vec::<String>::new());
    assert_eq!(store.list_keys("b", "", None, 99, 0).await.unwrap().len(), 8);
    assert_eq!(store.list_keys("b", "b\u{e9}", None, 9, 0).await.unwrap(), ["b\u{e9}"]);
}

pub(crate) async fn limits(bench: &Bench) {
    let store = bench.store().await;
    let (long, large) = ("k".repeat(KEY_BYTES_MAX), vec![1; VALUE_BYTES_MAX]);
    store.set(&long, &long, &large, None).await.unwrap();
    assert_eq!(store.get_many(&long, std::slice::from_ref(&long), 0).await.unwrap(), [Some(large.clone())]);
    let longer = format!("{long}k");
    let many: Vec<String> = (0..=KEYS_MAX).map(|number| number.to_string()).collect();
    let deltas: Vec<_> = many.iter().map(|key| (key.clone(), 1)).collect();
    for error in [
        store.set("b", &longer, b"", None).await.unwrap_err(),
        store.set(&longer, "k", b"", None).await.unwrap_err(),
        store.set("b", "k", &[large, vec![1]].concat(), None).await.unwrap_err(),
        store.increment("b", &longer, 1, None, 0).await.unwrap_err(),
        store.get_many("b", &many, 0).await.unwrap_err(),
        store.increment_many("b", &deltas, None, 0).await.unwrap_err(),
        store.compare_and_set("b", &longer, None, b"", None, 0).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::LimitExceeded(_)), "{error}");
    }
}

pub(crate) async fn odd_keys(bench: &Bench) {
    let store = bench.store().await;
    let odd = ["", "'; drop table state; --", "nul\0x", "nul", "\u{1F4A9}", "$1", "NUL"];
    for (number, key) in odd.iter().enumerate() {
        store.set(key, key, &[number as u8], None).await.unwrap();
        store.increment("counters", key, number as i64, None, 0).await.unwrap();
    }
    for (number, key) in odd.iter().enumerate() {
        assert_eq!(store.get_many(key, &keys(&[key]), 0).await.unwrap(), [Some(vec![number as u8])]);
        assert_eq!(store.increment("counters", key, 0, None, 0).await.unwrap(), number as i64);
    }
    let mut listed = store.list_keys("counters", "", None, 99, 0).await.unwrap();
    assert_eq!(listed.len(), odd.len() - 1, "the one with 0 was only read");
    assert!(listed.is_sorted());
    listed.dedup();
    assert_eq!(listed.len(), odd.len() - 1);
}
