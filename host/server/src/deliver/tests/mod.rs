//! Delivery as a whole: messages in a real store, mailboxes in a temporary folder, other servers
//! played from text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod conversations;
mod crowded;
mod exchangers;
mod hosts;
mod mailboxes;
mod sts;
mod tls;
#[allow(unreachable_pub)]
#[path = "../../../../../tests/harness/dns.rs"]
mod zone;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postwarden_store::accounts::Entry;
use postwarden_store::queue::{Envelope, NewMessage, NewRecipient, QueueFilter, QueuedMessage, Route};
use postwarden_store::{Account, Draft, HistoryQuery, HistoryRecord, Id};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::node::Node;
pub(super) use hosts::authority;

/// What has not happened after this time will not happen.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A node with a store and no listeners, and its delivery.
pub(super) struct Bench {
    pub node: Arc<Node>,
    pub root: TempDir,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

impl Bench {
    /// `delivery` is the text of `[delivery]`.
    pub(super) async fn new(delivery: &str) -> Self {
        Self::with(delivery, "").await
    }

    pub(super) async fn with(delivery: &str, rest: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        // Nobody asks the network's name servers.
        let resolver = if delivery.contains("resolver") { "" } else { "resolver = [\"127.0.0.1:9\"]\n" };
        let delivery = format!("{resolver}{delivery}");
        let text = format!(
            "hostname = \"mx.example.com\"\ndata-dir = \"data\"\n[delivery]\n{delivery}\n[domains.\"example.com\"]\n{rest}"
        );
        let file = root.path().join("postwarden.toml");
        let loaded = crate::config::read::parse(&text, &file).unwrap_or_else(|problems| panic!("{problems:?}"));
        let config = loaded.config;
        std::fs::create_dir_all(&config.data_dir).unwrap();
        let backend = postwarden_store::Backend::Sqlite;
        let opened = postwarden_store::open(&backend, &config.data_dir, "test").await.unwrap();
        let node = Node::new(config, opened.store, opened.ids).unwrap();
        for name in ["alice", "bob"] {
            let account = account(&format!("{name}@example.com"));
            node.accounts.put(Entry::Account(account), false).await.unwrap();
        }
        Self { node, root, stop: CancellationToken::new(), running: None }
    }

    pub(super) fn start(&mut self) {
        self.running = Some(tokio::spawn(crate::deliver::run(Arc::clone(&self.node), self.stop.clone())));
    }

    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            tokio::time::timeout(WAIT_MAX, running).await.expect("delivery stops").unwrap();
        }
        self.stop = CancellationToken::new();
    }

    /// Queues a message as the server would.
    pub(super) async fn accept(&self, mail: Mail<'_>) -> Id {
        let now = self.node.now();
        let id = self.node.ids.next(now);
        let recipients = mail.recipients.iter().map(|address| {
            let domain = address.rsplit_once('@').unwrap().1.to_owned();
            NewRecipient {
                address: (*address).to_owned(),
                original: (*address).to_owned(),
                route: if domain == "example.com" {
                    Route::Local((*address).to_owned())
                } else {
                    Route::Remote(domain)
                },
                sender: None,
                notify: mail.notify.map(str::to_owned),
                orcpt: None,
                due: now,
                expires: now + 4 * 86_400_000,
            }
        });
        let message = NewMessage {
            id,
            envelope: Envelope {
                sender: mail.sender.to_owned(),
                received: mail.received.unwrap_or(now),
                body: "8BITMIME".to_owned(),
                ..mail.envelope
            },
            trace: b"Received: from test\r\n".to_vec(),
            content: Draft::from(mail.content.to_vec()),
            recipients: recipients.collect(),
            hold: None,
            history: None,
        };
        self.node.store.accept(message).await.unwrap();
        self.node.queue_wake.notify_one();
        id
    }

    pub(super) fn mailbox(&self, name: &str) -> PathBuf {
        self.root.path().join("mail/example.com").join(name)
    }

    /// The messages in `new/` of a mailbox.
    pub(super) fn messages(&self, name: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.mailbox(name).join("new")) else { return Vec::new() };
        entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    /// Waits until nothing is queued.
    pub(super) async fn empty(&self) {
        self.until("an empty queue", async || self.node.store.count().await.unwrap() == (0, 0)).await;
    }

    pub(super) async fn until(&self, what: &str, mut happened: impl AsyncFnMut() -> bool) {
        let started = Instant::now();
        while !happened().await {
            if started.elapsed() > WAIT_MAX {
                panic!("waited in vain for {what}: {:#?} {:#?}", self.queue().await, self.history().await);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn queue(&self) -> Vec<QueuedMessage> {
        self.node.store.list(&QueueFilter::default(), None, 100).await.unwrap()
    }

    /// Oldest first.
    pub(super) async fn history(&self) -> Vec<HistoryRecord> {
        let query = HistoryQuery { limit: 100, ..HistoryQuery::default() };
        let mut records = self.node.store.find(&query).await.unwrap();
        records.reverse();
        records
    }

    /// The last error of the only recipient in the queue, once it was tried.
    pub(super) async fn deferred(&self) -> String {
        let mut error = String::new();
        self.until("a try in vain", async || {
            let queue = self.queue().await;
            let tried = queue.iter().flat_map(|message| &message.recipients).find(|one| one.attempts > 0);
            error = tried.map(|one| one.last_error.clone()).unwrap_or_default();
            tried.is_some()
        })
        .await;
        error
    }
}

/// A message to be queued.
#[derive(Clone)]
pub(super) struct Mail<'a> {
    pub sender: &'a str,
    pub recipients: &'a [&'a str],
    pub content: &'a [u8],
    pub notify: Option<&'a str>,
    pub received: Option<i64>,
    pub envelope: Envelope,
}

impl Default for Mail<'_> {
    fn default() -> Self {
        Self {
            sender: "bob@example.com",
            recipients: &["alice@example.com"],
            content: b"Subject: test\r\n\r\nhello\r\n",
            notify: None,
            received: None,
            envelope: Envelope::default(),
        }
    }
}

pub(super) fn account(address: &str) -> Account {
    Account {
        address: address.to_owned(),
        password: None,
        quota: 0,
        max_message_size: 0,
        send_limit_messages: 0,
        send_limit_bytes: 0,
        local_domains_only: false,
        no_send: false,
        no_receive: false,
        disabled: false,
    }
}
