//! Names, buckets and connections: grants, budgets and the ends of waits.

use std::time::Instant;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::wit::dns::{Error as DnsFault, Host as _, Question};
use super::wit::state::{Error as StateFault, HostBucket};
use super::wit::tcp::{Error as TcpFault, HostConnection};
use super::*;

fn question(name: &str) -> Question {
    Question { name: name.to_owned(), record_type: 12 }
}

#[tokio::test]
async fn only_names_below_the_grant_are_asked() {
    let (mut context, services) = asked(json!([{ "dns": ["zen.example.org"] }]), generous());
    assert!(context.resolve(question("2.0.zen.example.org")).await.unwrap().is_ok());
    assert!(matches!(context.resolve(question("example.org")).await.unwrap(), Err(DnsFault::AccessDenied)));
    // In the master file format this is the label `2.zen` of another zone.
    for odd in ["2\\.zen.example.org", "2\\046zen.example.org", "", "a b.zen.example.org", "a\0.zen.example.org"] {
        assert!(matches!(context.resolve(question(odd)).await.unwrap(), Err(DnsFault::InvalidName)), "{odd:?}");
    }
    let long = format!("{}.zen.example.org", "a.".repeat(120));
    assert!(matches!(context.resolve(question(&long)).await.unwrap(), Err(DnsFault::InvalidName)));
    assert_eq!(*services.asked.lock().unwrap(), ["2.0.zen.example.org"]);
}

#[tokio::test]
async fn all_at_once_and_in_the_order_of_the_questions() {
    let (mut context, services) = asked(json!(["dns"]), Limits { dns_queries: 4, ..generous() });
    let names = ["a.example", "absent.example", "longer.name.example", "", "b.example", "one.too.many.example"];
    let started = Instant::now();
    let answers = context.resolve_all(names.into_iter().map(question).collect()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    let first = |index: usize| answers[index].as_ref().unwrap().records.first().cloned();
    for index in [0, 2, 4] {
        assert!(matches!(first(index), Some(wit::dns::RecordData::Name(name)) if name == names[index]));
    }
    assert!(matches!(answers[1], Err(DnsFault::NoSuchName)));
    assert!(matches!(answers[3], Err(DnsFault::InvalidName)));
    assert!(matches!(answers[5], Err(DnsFault::AccessDenied)));
    assert_eq!(services.asked.lock().unwrap().len(), 4);
    assert!(matches!(context.resolve(question("c.example")).await.unwrap(), Err(DnsFault::AccessDenied)));
}

#[tokio::test]
async fn a_silent_server_is_a_timeout_at_the_deadline() {
    let limits = Limits { deadline: Duration::from_millis(50), ..generous() };
    let (mut context, _) = asked(json!(["dns"]), limits);
    assert!(matches!(context.resolve(question("silent.example")).await.unwrap(), Err(DnsFault::Timeout)));
}

#[tokio::test]
async fn while_it_is_configured_a_filter_has_no_network() {
    let (mut context, services) = configured(json!(["dns", "state", { "connect": ["127.0.0.1:9"] }]));
    assert!(matches!(context.resolve(question("a.example")).await.unwrap(), Err(DnsFault::Other(_))));
    let (mut without, _) = configured(json!([]));
    assert!(matches!(without.resolve(question("a.example")).await.unwrap(), Err(DnsFault::AccessDenied)));
    let refused = HostConnection::open(&mut context, "127.0.0.1".to_owned(), 9).await.unwrap();
    assert!(matches!(refused, Err(TcpFault::AccessDenied)));
    assert!(services.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn while_it_is_configured_a_filter_reads_state_and_writes_none() {
    let (mut context, services) = configured(json!(["state"]));
    services.set("filter/tested", "lesson", &[7; 5_000_000], None).await.unwrap();
    let bucket = HostBucket::open(&mut context, String::new()).await.unwrap().unwrap();
    let this = || again(&bucket);
    let denied = |error: &StateFault| matches!(error, StateFault::AccessDenied);
    let key = || "lesson".to_owned();
    assert!(denied(&context.set(this(), key(), vec![1], None).await.unwrap().unwrap_err()));
    assert!(denied(&HostBucket::delete(&mut context, this(), key()).await.unwrap().unwrap_err()));
    assert!(denied(&context.increment(this(), key(), 1, None).await.unwrap().unwrap_err()));
    assert!(denied(&context.increment_many(this(), vec![(key(), 1)], None).await.unwrap().unwrap_err()));
    assert!(denied(&context.compare_and_set(this(), key(), None, vec![1], None).await.unwrap().unwrap_err()));
    // More at once than a call may have.
    let values = HostBucket::get_many(&mut context, this(), vec![key(), "none".to_owned()]).await.unwrap().unwrap();
    assert_eq!(values, [Some(vec![7; 5_000_000]), None]);
    assert_eq!(context.list_keys(this(), String::new(), None, 10).await.unwrap().unwrap(), ["10"]);
    let (mut context, _) = configured(json!([]));
    assert!(denied(&HostBucket::open(&mut context, String::new()).await.unwrap().unwrap_err()));
}

#[tokio::test]
async fn what_configure_gets_is_watched_and_what_it_reads_otherwise_is_only_part_of_the_digest() {
    let services = Arc::new(Fake::default());
    let set = async |key: &str, value: &str| services.set("filter/tested", key, value.as_bytes(), None).await.unwrap();
    let read = async || {
        let (shared, _) = shared(json!(["state"]), generous());
        let shared = Shared { services: services.clone(), ..Arc::into_inner(shared).unwrap() };
        let mut context = Context::for_configure(Arc::new(shared), Arc::default());
        let bucket = HostBucket::open(&mut context, String::new()).await.unwrap().unwrap();
        for key in ["generation", "absent"] {
            HostBucket::get(&mut context, again(&bucket), key.to_owned()).await.unwrap().unwrap();
        }
        HostBucket::get_many(&mut context, again(&bucket), vec!["lesson".to_owned()]).await.unwrap().unwrap();
        std::mem::take(&mut context.reads).finish().unwrap()
    };
    set("generation", "1").await;
    let before = read().await;
    assert!(before.is_watched() && !before.is_stale(services.as_ref()).await.unwrap());
    assert_eq!(before, read().await);
    set("lesson", "one").await;
    assert!(!before.is_stale(services.as_ref()).await.unwrap());
    assert_ne!(before.digest, read().await.digest);
    set("generation", "2").await;
    assert!(before.is_stale(services.as_ref()).await.unwrap());
    let again = read().await;
    set("absent", "").await;
    assert!(again.is_stale(services.as_ref()).await.unwrap());
}

#[tokio::test]
async fn so_many_values_are_watched_and_no_more() {
    let (mut context, _) = configured(json!(["state"]));
    let bucket = HostBucket::open(&mut context, String::new()).await.unwrap().unwrap();
    for number in 0..1000 {
        HostBucket::get(&mut context, again(&bucket), number.to_string()).await.unwrap().unwrap();
    }
    assert!(HostBucket::get(&mut context, again(&bucket), "7".to_owned()).await.unwrap().is_ok());
    let more = HostBucket::get(&mut context, again(&bucket), "1000".to_owned()).await.unwrap();
    assert!(matches!(more, Err(StateFault::QuotaExceeded)));
}

#[tokio::test]
async fn a_bucket_is_the_filters_own_or_a_granted_one() {
    let (mut context, services) = asked(json!([{ "state": ["shared"] }]), generous());
    assert!(matches!(HostBucket::open(&mut context, "other".to_owned()).await.unwrap(), Err(StateFault::NoSuchBucket)));
    for name in ["", "shared"] {
        let bucket = HostBucket::open(&mut context, name.to_owned()).await.unwrap().unwrap();
        context.set(again(&bucket), "key".to_owned(), b"value".to_vec(), None).await.unwrap().unwrap();
        let value = HostBucket::get(&mut context, again(&bucket), "key".to_owned()).await.unwrap().unwrap();
        assert_eq!(value.as_deref(), Some(b"value".as_slice()));
    }
    let buckets: Vec<_> = services.values.lock().unwrap().keys().map(|(bucket, _)| bucket.clone()).collect();
    assert_eq!(buckets, ["bucket/shared", "filter/tested"]);

    let (mut context, _) = asked(json!([]), generous());
    assert!(matches!(HostBucket::open(&mut context, String::new()).await.unwrap(), Err(StateFault::AccessDenied)));
}

#[tokio::test]
async fn keys_values_and_buckets_have_a_size() {
    let (mut context, _) = asked(json!([{ "state": { "small": 100 } }]), generous());
    let small = HostBucket::open(&mut context, "small".to_owned()).await.unwrap().unwrap();
    let own = HostBucket::open(&mut context, String::new()).await.unwrap().unwrap();
    let key = || "key".to_owned();
    let full =
        |result: wasmtime::Result<Result<(), StateFault>>| matches!(result.unwrap(), Err(StateFault::QuotaExceeded));
    assert!(full(context.set(again(&small), key(), vec![0; 98], None).await));
    assert!(context.set(again(&small), key(), vec![0; 97], None).await.unwrap().is_ok());
    assert!(full(context.set(again(&small), "other".to_owned(), Vec::new(), None).await));
    assert!(full(context.increment(again(&small), "n".to_owned(), 1, None).await.map(|done| done.map(drop))));
    let exchanged = context.compare_and_set(again(&small), key(), None, vec![0; 9], None).await;
    assert!(full(exchanged.map(|done| done.map(drop))));
    assert!(full(context.set(again(&own), "k".repeat(513), Vec::new(), None).await));
    assert!(full(context.set(again(&own), key(), vec![0; (64 << 10) + 1], None).await));
    let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
    assert!(full(context.get_many(again(&own), many(1001)).await.map(|done| done.map(drop))));
    assert_eq!(context.get_many(again(&own), many(1000)).await.unwrap().unwrap().len(), 1000);
    let deltas = many(1001).into_iter().map(|key| (key, 1)).collect();
    assert!(full(context.increment_many(again(&own), deltas, None).await.map(|done| done.map(drop))));
    let asked_for = context.list_keys(again(&own), String::new(), None, u32::MAX).await.unwrap().unwrap();
    assert_eq!(asked_for, ["1000"]);
}

#[tokio::test]
async fn a_connection_reads_writes_and_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = [0; 4];
        stream.read_exact(&mut heard).await.unwrap();
        stream.write_all(b"pong").await.unwrap();
        heard
    });
    let limits = Limits { connections: 1, ..generous() };
    let (mut context, _) = asked(json!([{ "connect": [format!("127.0.0.1:{port}")] }]), limits);
    let host = || "127.0.0.1".to_owned();
    let other = HostConnection::open(&mut context, host(), port.wrapping_add(1)).await.unwrap();
    assert!(matches!(other, Err(TcpFault::AccessDenied)));
    let connection = HostConnection::open(&mut context, host(), port).await.unwrap().unwrap();
    context.write(again(&connection), b"ping".to_vec()).await.unwrap().unwrap();
    let mut answer = Vec::new();
    loop {
        let piece = HostConnection::read(&mut context, again(&connection), 3).await.unwrap().unwrap();
        assert!(piece.len() <= 3);
        if piece.is_empty() {
            break;
        }
        answer.extend(piece);
    }
    assert_eq!((server.await.unwrap(), answer.as_slice()), (*b"ping", b"pong".as_slice()));
    let second = HostConnection::open(&mut context, host(), port).await.unwrap();
    assert!(matches!(second, Err(TcpFault::LimitExceeded)));
}

#[tokio::test]
async fn a_silent_peer_is_a_timeout_and_a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let limits = Limits { deadline: Duration::from_millis(100), ..generous() };
    let (mut context, _) = asked(json!([{ "connect": [format!("127.0.0.1:{port}")] }]), limits);
    let connection = HostConnection::open(&mut context, "127.0.0.1".to_owned(), port).await.unwrap().unwrap();
    let waited = HostConnection::read(&mut context, again(&connection), 10).await.unwrap();
    assert!(matches!(waited, Err(TcpFault::Timeout)));
    drop(listener);
    let (mut context, _) = asked(json!([{ "connect": [format!("127.0.0.1:{port}")] }]), generous());
    let refused = HostConnection::open(&mut context, "127.0.0.1".to_owned(), port).await.unwrap();
    assert!(matches!(refused, Err(TcpFault::Refused)));
}
