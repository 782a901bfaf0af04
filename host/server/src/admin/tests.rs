//! Operations on a real store, as a command runs them where no server runs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;

use postwarden_store::queue::{Envelope, NewMessage, NewRecipient, Queue, QueueFilter, Route};
use postwarden_store::sqlite::Sqlite;
use postwarden_store::{Account, Alias, Drafts, HistoryQuery, Ids, List};

use super::accounts::*;
use super::history::FindHistory;
use super::operation::{Kind, Operation, Parts, Refused};
use super::queue::*;
use crate::config::{Config, read};

struct Here {
    store: Sqlite,
    config: Arc<Config>,
    drafts: Drafts,
    _folder: tempfile::TempDir,
}

const NOW: i64 = 1_795_473_958_000;

impl Here {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = "hostname = 'mx.example.com'\ndata-dir = 'data'\n[domains.'example.com']\n[domains.'example.net']\n";
        let config = read::parse(text, &folder.path().join("postwarden.toml")).unwrap().config;
        std::fs::create_dir_all(&config.data_dir).unwrap();
        let drafts = Drafts::new(folder.path().join("spool"), 1 << 20).unwrap();
        Self { store: Sqlite::open(&config.data_dir).unwrap(), config: Arc::new(config), drafts, _folder: folder }
    }

    async fn run<O: Operation>(&self, operation: O) -> Result<O::Reply, Refused> {
        // As it would come over HTTP.
        let operation: O = serde_json::from_str(&serde_json::to_string(&operation).unwrap()).unwrap();
        let parts =
            Parts { config: self.config.clone(), store: &self.store, accounts: &self.store, node: None, now: NOW };
        let reply = operation.run(&parts).await?;
        Ok(serde_json::from_str(&serde_json::to_string(&reply).unwrap()).unwrap())
    }

    async fn message(&self, ids: &Ids, sender: &str, recipients: &[&str]) -> String {
        let id = ids.next(NOW);
        let mut content = self.drafts.open();
        content.append(b"Subject: hello\r\n\r\ntext\r\n").await.unwrap();
        let recipients = recipients
            .iter()
            .map(|address| NewRecipient {
                address: (*address).into(),
                original: (*address).into(),
                route: Route::Remote(address.rsplit_once('@').unwrap().1.into()),
                sender: None,
                notify: None,
                orcpt: None,
                due: NOW + 60_000,
                expires: NOW + 1_000_000,
            })
            .collect();
        let envelope = Envelope { sender: sender.into(), received: NOW - 3_600_000, ..Envelope::default() };
        let trace = b"Received: by mx.example.com\r\n".to_vec();
        self.store
            .accept(NewMessage { id, envelope, trace, content, recipients, hold: None, history: None })
            .await
            .unwrap();
        id.to_string()
    }
}

fn account(address: &str) -> Account {
    serde_json::from_value(serde_json::json!({ "address": address, "password": null })).unwrap()
}

fn put(entry: NewEntry) -> PutEntry {
    PutEntry { entry, replace: false }
}

#[tokio::test]
async fn accounts_live_in_local_domains_and_once() {
    let here = Here::new();
    let stored = here.run(put(NewEntry::Account(account("Alice@Example.COM")))).await.unwrap();
    assert_eq!(stored.entry.address(), "alice@example.com");
    for (address, kind, words) in [
        ("alice@example.com", Kind::Refused, "postwarden account set alice@example.com"),
        ("alice", Kind::Invalid, "user@example.com"),
        ("alice@exmple.com", Kind::Refused, "did you mean example.com?"),
        ("alice@elsewhere.test", Kind::Refused, "add [domains.\"elsewhere.test\"]"),
    ] {
        let refused = here.run(put(NewEntry::Account(account(address)))).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{refused}");
        assert!(refused.message.contains(words), "{refused}");
    }
    let change = ChangeAccount { address: "ALICE@example.com".into(), quota: Some(1 << 30), ..Default::default() };
    let changed = here.run(change).await.unwrap();
    assert!(matches!(changed, EntryView::Account { quota, disabled: false, .. } if quota == 1 << 30));
    let gone = RemoveEntry { kind: EntryKind::Account, address: "alice@example.com".into() };
    here.run(gone.clone()).await.unwrap();
    assert_eq!(here.run(gone).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn aliases_and_lists_point_somewhere() {
    let here = Here::new();
    here.run(put(NewEntry::Account(account("alice@example.com")))).await.unwrap();
    let alias = |address: &str, targets: &[&str]| {
        let targets = targets.iter().map(|target| (*target).into()).collect();
        put(NewEntry::Alias(Alias { address: address.into(), targets }))
    };
    let stored = here.run(alias("info@example.com", &["alice@example.com", "nobody@example.com", "x@far.test"])).await;
    assert_eq!(
        stored.unwrap().warnings,
        ["nobody@example.com does not exist yet: mail to it will be refused or bounce"]
    );
    for targets in [&["info@example.com"][..], &[], &["not an address"]] {
        let refused = here.run(alias("info2@example.com", &[targets, &["info2@example.com"][..]].concat())).await;
        assert_eq!(refused.unwrap_err().kind, Kind::Invalid, "{targets:?}");
    }
    let taken = here.run(alias("alice@example.com", &["x@far.test"])).await.unwrap_err();
    assert!(taken.message.contains("is an account already"), "{taken}");
    let wrong_kind = ShowEntry { kind: EntryKind::List, address: "info@example.com".into() };
    let refused = here.run(wrong_kind).await.unwrap_err();
    assert!(refused.message.contains("postwarden alias"), "{refused}");

    let list =
        List { address: "team@example.com".into(), members: vec!["alice@example.com".into()], members_only: true };
    here.run(put(NewEntry::List(list))).await.unwrap();
    let kinds = |kind, domain: Option<&str>| ListEntries { kind, domain: domain.map(str::to_owned), after: None };
    assert_eq!(here.run(kinds(None, None)).await.unwrap().entries.len(), 3);
    assert_eq!(here.run(kinds(Some(EntryKind::List), None)).await.unwrap().entries.len(), 1);
    assert_eq!(here.run(kinds(None, Some("example.net"))).await.unwrap().entries.len(), 0);
}

#[tokio::test]
async fn queue_changes_hit_what_is_meant() {
    let here = Here::new();
    let ids = Ids::new(1);
    let one = here.message(&ids, "bob@example.org", &["a@far.test", "b@near.test"]).await;
    let two = here.message(&ids, "", &["c@far.test"]).await;
    let change = |change: Change| ChangeQueue {
        ids: Vec::new(),
        filter: QueueFilter::default(),
        change,
        all: false,
        dry_run: false,
    };
    let listed = |filter: QueueFilter| here.run(ListQueue { filter, after: None });

    // The whole queue only on request.
    assert_eq!(here.run(change(Change::Remove)).await.unwrap_err().kind, Kind::Invalid);
    let far = QueueFilter { domain: Some("far.test".into()), ..QueueFilter::default() };
    let dry = ChangeQueue { filter: far.clone(), dry_run: true, ..change(Change::Remove) };
    let reply = here.run(dry).await.unwrap();
    assert_eq!((reply.matched, reply.changed, reply.messages.len()), (2, 0, 2));

    let hold = ChangeQueue { filter: far.clone(), ..change(Change::Hold { reason: "look".into() }) };
    assert_eq!(here.run(hold).await.unwrap().changed, 2);
    let held = QueueFilter { state: Some("held".into()), ..QueueFilter::default() };
    assert_eq!(listed(held.clone()).await.unwrap().messages.len(), 2);
    let release = ChangeQueue { ids: vec![one.clone()], ..change(Change::Release) };
    assert_eq!(here.run(release).await.unwrap().changed, 1);
    assert_eq!(listed(held).await.unwrap().messages.len(), 1);

    let detail = here.run(ShowMessage { id: one.clone() }).await.unwrap();
    assert_eq!(detail.header, "Received: by mx.example.com\nSubject: hello\n");
    assert_eq!(detail.message.recipients.len(), 2);

    let elsewhere = change(Change::Reroute { to: "nobody@example.com".into() });
    let elsewhere = ChangeQueue { ids: vec![two.clone()], ..elsewhere };
    assert_eq!(here.run(elsewhere).await.unwrap_err().kind, Kind::NotFound);
    let reroute = ChangeQueue { ids: vec![one.clone()], ..change(Change::Reroute { to: "New.test".into() }) };
    here.run(reroute).await.unwrap();
    let detail = here.run(ShowMessage { id: one.clone() }).await.unwrap();
    assert!(detail.message.recipients.iter().all(|r| r.recipient.route == Route::Remote("new.test".into())));

    let remove = ChangeQueue { ids: vec![two.clone()], ..change(Change::Remove) };
    assert_eq!(here.run(remove).await.unwrap().changed, 1);
    let refused = here.run(ShowMessage { id: two.clone() }).await.unwrap_err();
    assert!(refused.message.contains("history find --id"), "{refused}");
    let history = here.run(FindHistory { query: HistoryQuery { id: Some(two), ..HistoryQuery::default() } }).await;
    assert_eq!(history.unwrap()[0].event, "removed");
    let everything = ChangeQueue { all: true, ..change(Change::Remove) };
    assert_eq!(here.run(everything).await.unwrap().changed, 2);
    assert_eq!(here.store.count().await.unwrap(), (0, 0));
}
