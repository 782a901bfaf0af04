//! No message sees another's memory, and nothing outside is reached but by a grant.

use std::sync::Arc;

use postwarden_sandbox::*;
use serde_json::json;

use super::support::*;

#[tokio::test]
async fn nothing_is_remembered_from_one_message_to_the_next() {
    let filter = puppet(json!([["remember"]])).await;
    assert_eq!(filter.no_snapshot(), None);
    for _ in 0..3 {
        assert_eq!(lines(&filter.call(call(Hook::Message)).await), ["calls before: 0"]);
    }
}

#[tokio::test]
async fn files_environment_and_network_are_out_of_reach() {
    let evaluation = puppet(json!([["look-around"]])).await.call(call(Hook::Message)).await;
    assert_eq!(evaluation.verdict, Ok(Verdict::Pass));
    assert_eq!(lines(&evaluation), ["could []"]);
    assert!(!std::path::Path::new("/tmp/filter-was-here").exists());
}

#[tokio::test]
async fn names_outside_the_grant_are_denied() {
    let mut source =
        source(json!({ "on-message": [["dns", "here.example"], ["dns", "example"], ["dns", "other.test"]] }));
    source.grants.dns = Some(vec!["example".to_owned()]);
    let evaluation = sandbox().load(source).await.unwrap().call(call(Hook::Message)).await;
    let said = lines(&evaluation);
    assert!(said[0].contains("127, 0, 0, 2"), "{said:?}");
    assert!(said[1].contains("NoSuchName") && said[2].contains("AccessDenied"), "{said:?}");
}

#[tokio::test]
async fn state_is_counted_in_buckets_that_are_granted() {
    let actions = json!([
        ["count-in-state", ""],
        ["count-in-state", "shared"],
        ["count-in-state", "foreign"],
        ["count-in-state", "full"]
    ]);
    let mut source = source(json!({ "on-message": actions }));
    let server = Arc::new(Server::default());
    source.services = server.clone();
    source.grants =
        grants(json!(["dns", { "state": { "shared": 1000, "full": 1000 } }, { "connect": ["127.0.0.1:1"] }]));
    let filter = sandbox().load(source).await.unwrap();
    filter.call(call(Hook::Message)).await;
    let evaluation = filter.call(call(Hook::Message)).await;
    let said = lines(&evaluation);
    assert_eq!(said[..2], ["state Ok(2)", "state Ok(2)"]);
    assert!(said[2].contains("NoSuchBucket") && said[3].contains("QuotaExceeded"), "{said:?}");
    let keys: Vec<String> = server.state.lock().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["bucket/shared count", "filter/puppet count"]);
}

#[tokio::test]
async fn connections_go_to_granted_hosts_only() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut ping = [0; 4];
        stream.read_exact(&mut ping).await.unwrap();
        stream.write_all(b"pong").await.unwrap();
    });
    let actions = json!([["connect", "127.0.0.1", port], ["connect", "127.0.0.1", port - 1]]);
    let mut source = source(json!({ "on-message": actions }));
    source.grants.connect = vec![format!("127.0.0.1:{port}")];
    let evaluation = sandbox().load(source).await.unwrap().call(call(Hook::Message)).await;
    let said = lines(&evaluation);
    assert!(said[0].contains("Ok([112, 111, 110, 103])"), "{said:?}");
    assert!(said[1].contains("AccessDenied"), "{said:?}");
    peer.await.unwrap();
}
