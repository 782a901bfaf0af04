//! What only a shared database can do to its nodes: go away, come back, cut connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postwarden_store::postgres::Postgres;
use postwarden_store::queue::{Outcome, Queue};
use postwarden_store::{Accounts, Error, History, HistoryQuery, Ids};

use crate::backend::{Backend, Bench};
use crate::make::{accept_result, lease, now, settlement};
use crate::postgres_server::Server;

const BACK_WITHIN: Duration = Duration::from_secs(30);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn unavailable_while_the_server_is_away_then_fine() {
    let Some(server) = Server::start() else { return };
    runtime().block_on(async {
        let store = Postgres::open(&server.new_store().await, "node").await.unwrap();
        let (ids, now) = (Ids::new(0), now());
        let first = accept_result(&ids, &store, now).await.unwrap();
        server.say("stop");
        let end = Instant::now() + BACK_WITHIN;
        while accept_result(&ids, &store, now).await.is_ok() {
            assert!(Instant::now() < end);
        }
        let error = accept_result(&ids, &store, now).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(matches!(store.count().await, Err(Error::Unavailable(_))));
        assert!(matches!(store.find(&HistoryQuery::default()).await, Err(Error::Unavailable(_))));
        server.say("start");
        let end = Instant::now() + BACK_WITHIN;
        loop {
            match accept_result(&ids, &store, now).await {
                Ok(_) => break,
                Err(error) => assert!(matches!(error, Error::Unavailable(_)), "{error}"),
            }
            assert!(Instant::now() < end);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        store.show(first).await.unwrap();
        store.generation().await.unwrap();
    });
}

/// Connections are cut again and again while messages come and go: what was acknowledged is there
/// once, and what was refused is not.
#[test]
fn cut_connections_lose_nothing() {
    let runtime = runtime();
    let Some(bench) = Bench::new(Backend::Postgres, &runtime) else { return };
    let Some(server) = Server::shared() else { return };
    runtime.block_on(async {
        let (one, two, now) = (bench.store().await, bench.second().await, now());
        let (running, ids) = (Arc::new(AtomicBool::new(true)), Arc::new(Ids::new(0)));
        let mut tasks = Vec::new();
        for store in [&one, &two, &one, &two] {
            let (store, running, ids) = (Arc::clone(store), Arc::clone(&running), Arc::clone(&ids));
            tasks.push(tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while running.load(Ordering::Relaxed) {
                    if let Ok(id) = accept_result(&ids, &*store, now).await {
                        acknowledged.push(id);
                    }
                }
                acknowledged
            }));
        }
        // Only the connections of this store: other scenarios share the server.
        let schema = bench.schema();
        for _ in 0..15 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let cut = format!(
                "select pg_terminate_backend(l.pid) from pg_locks l join pg_class c on c.oid = l.relation \
                 join pg_namespace n on n.oid = c.relnamespace where n.nspname = '{schema}' and l.pid <> pg_backend_pid()"
            );
            server.execute(&cut).await.unwrap();
        }
        running.store(false, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        for task in tasks {
            acknowledged.extend(task.await.unwrap());
        }
        assert!(acknowledged.len() > 20, "{}", acknowledged.len());
        for id in &acknowledged {
            assert_eq!(one.show(*id).await.unwrap().recipients.len(), 1);
        }
        // Each goes out once.
        let mut delivered = Vec::new();
        loop {
            let jobs = one.claim(now, 50, lease("n", now + 600_000)).await.unwrap();
            if jobs.is_empty() {
                break;
            }
            for job in jobs {
                let id = job.message.id;
                one.settle("n", settlement(id, vec![(0, Outcome::Done)])).await.unwrap();
                delivered.push(id);
            }
        }
        let count = delivered.len();
        delivered.sort_unstable();
        delivered.dedup();
        assert_eq!(delivered.len(), count);
        assert!(acknowledged.iter().all(|id| delivered.binary_search(id).is_ok()));
    });
}

#[test]
fn living_nodes_have_different_numbers() {
    let Some(server) = Server::shared() else { return };
    runtime().block_on(async {
        let url = server.new_store().await;
        let mut stores = Vec::new();
        for name in ["a", "b", "c"] {
            stores.push(Postgres::open(&url, name).await.unwrap());
        }
        let mut numbers: Vec<u16> = stores.iter().map(Postgres::node_number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2]);
    });
}

#[test]
fn a_newer_schema_is_refused() {
    let Some(server) = Server::shared() else { return };
    runtime().block_on(async {
        let url = server.new_store().await;
        drop(Postgres::open(&url, "a").await.unwrap());
        let schema = url.rsplit("%3D").next().unwrap();
        server.execute(&format!("update {schema}.postwarden_schema set version = 99")).await.unwrap();
        let error = Postgres::open(&url, "a").await.unwrap_err();
        assert!(matches!(&error, Error::Invalid(text) if text.contains("99")), "{error}");
    });
}

#[test]
fn nobody_there_is_unavailable() {
    runtime().block_on(async {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = Postgres::open(&format!("postgres://u:secret@127.0.0.1:{port}/d"), "a").await.unwrap_err();
        assert!(matches!(&error, Error::Unavailable(text) if !text.contains("secret")), "{error}");
    });
}
