//! Accounts, aliases, lists.

use postwarden_store::accounts::Entry;
use postwarden_store::{Account, Alias, Error, List, Password};

use crate::backend::Bench;

fn account(address: &str) -> Entry {
    Entry::Account(Account {
        address: address.to_owned(),
        password: Some(Password::Scram { verifier: "SCRAM-SHA-256$4096:c2FsdA==$a:b".to_owned() }),
        quota: 1 << 40,
        max_message_size: 2,
        send_limit_messages: 3,
        send_limit_bytes: 4,
        local_domains_only: true,
        no_send: false,
        no_receive: true,
        disabled: false,
    })
}

fn alias(address: &str) -> Entry {
    Entry::Alias(Alias { address: address.to_owned(), targets: vec!["x@example.com".to_owned(), "y@z".to_owned()] })
}

fn list(address: &str) -> Entry {
    Entry::List(List { address: address.to_owned(), members: vec!["m@example.com".to_owned()], members_only: true })
}

pub(crate) async fn put_lookup_remove(bench: &Bench) {
    let store = bench.store().await;
    assert_eq!(store.lookup("a@example.com").await.unwrap(), None);
    for entry in
        [account("a@example.com"), alias("b@example.com"), list("c@example.com"), alias("'; drop table entry;--@x")]
    {
        store.put(entry.clone(), false).await.unwrap();
        assert_eq!(store.lookup(entry.address()).await.unwrap(), Some(entry.clone()));
    }
    assert_eq!(store.lookup("A@example.com").await.unwrap(), None, "addresses are canonical");
    assert_eq!(store.lookup("a@example.com\0").await.unwrap(), None);
    store.remove("b@example.com").await.unwrap();
    assert_eq!(store.lookup("b@example.com").await.unwrap(), None);
    assert!(matches!(store.remove("b@example.com").await, Err(Error::NotFound(_))));
    assert!(matches!(store.remove("nul\0").await, Err(Error::NotFound(_))));
    for wrong in ["", "nul\0@example.com"] {
        assert!(matches!(store.put(alias(wrong), false).await, Err(Error::Invalid(_))));
    }
}

pub(crate) async fn kinds_do_not_replace_each_other(bench: &Bench) {
    let store = bench.store().await;
    store.put(account("a@example.com"), true).await.unwrap();
    for (entry, replace) in [
        (account("a@example.com"), false),
        (alias("a@example.com"), false),
        (alias("a@example.com"), true),
        (list("a@example.com"), true),
    ] {
        assert!(matches!(store.put(entry, replace).await, Err(Error::Exists(_))));
        assert_eq!(store.lookup("a@example.com").await.unwrap(), Some(account("a@example.com")));
    }
    let Entry::Account(mut changed) = account("a@example.com") else { panic!() };
    changed.disabled = true;
    changed.password = Some(Password::Argon2id { hash: "$argon2id$x".to_owned() });
    store.put(Entry::Account(changed.clone()), true).await.unwrap();
    assert_eq!(store.lookup("a@example.com").await.unwrap(), Some(Entry::Account(changed)));
}

pub(crate) async fn pages_in_order(bench: &Bench) {
    let store = bench.store().await;
    let mut addresses = ["b@x", "a@x", "a-b@x", "\u{e9}@x", "a.b@x", "ab@x", "_@x", "z@x"];
    for address in addresses {
        store.put(alias(address), false).await.unwrap();
    }
    // By bytes, in any locale of a database.
    addresses.sort_unstable();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.entries(after.as_deref(), 3).await.unwrap();
        found.extend(page.iter().map(|entry| entry.address().to_owned()));
        match page.last() {
            Some(entry) => after = Some(entry.address().to_owned()),
            None => break,
        }
    }
    assert_eq!(found, addresses);
}

pub(crate) async fn each_change_moves_the_generation(bench: &Bench) {
    let (store, second) = (bench.store().await, bench.second().await);
    let mut before = store.generation().await.unwrap();
    assert_eq!(second.generation().await.unwrap(), before);
    let mut moved = async |expected: bool| {
        let now = second.generation().await.unwrap();
        assert_eq!(now != before, expected);
        before = now;
    };
    store.put(alias("a@x"), false).await.unwrap();
    moved(true).await;
    store.put(alias("a@x"), true).await.unwrap();
    moved(true).await;
    store.put(alias("a@x"), false).await.unwrap_err();
    moved(false).await;
    store.remove("a@x").await.unwrap();
    moved(true).await;
    store.remove("a@x").await.unwrap_err();
    moved(false).await;
}
