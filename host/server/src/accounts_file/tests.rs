//! Tests of accounts kept in a file: reading, editing, what is said about faults.

#![allow(clippy::unwrap_used)]

use super::*;
use postwarden_store::{Account, Alias, List, Password};

fn config(folder: &Path) -> Config {
    let file = folder.join("postwarden.toml");
    let text = "hostname = \"mx.example.com\"\n[accounts]\nbackend = \"file\"\n[domains.\"example.com\"]\n";
    crate::config::read::parse(text, &file).unwrap().config
}

fn account(address: &str) -> Account {
    serde_json::from_value(serde_json::json!({ "address": address, "password": null })).unwrap()
}

const COMMENTED: &str = r#"# Kept in git.

# The boss.
[[account]]
address = "Alice@Example.com"
quota = "1GiB" # asked for in May
password = "SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5"

[[alias]]
address = "postmaster@example.com"
targets = ["alice@example.com"]
"#;

#[tokio::test]
async fn changes_keep_comments_and_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts.toml");
    std::fs::write(&file, COMMENTED).unwrap();
    let accounts = AccountsFile::open(&config(folder.path())).unwrap();
    let before = accounts.generation().await.unwrap();

    let mut alice = match accounts.lookup("alice@example.com").await.unwrap() {
        Some(Entry::Account(account)) => account,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(alice.quota, 1 << 30);
    assert!(matches!(alice.password, Some(Password::Scram { .. })));
    alice.quota = 2 << 30;
    alice.disabled = true;
    accounts.put(Entry::Account(alice.clone()), true).await.unwrap();
    accounts
        .put(
            Entry::List(List {
                address: "team@example.com".into(),
                members: vec!["alice@example.com".into(), "bob@example.net".into()],
                members_only: true,
            }),
            false,
        )
        .await
        .unwrap();

    let text = std::fs::read_to_string(&file).unwrap();
    for kept in ["# Kept in git.", "# The boss.", "quota = \"2GiB\" # asked for in May", "disabled = true"] {
        assert!(text.contains(kept), "{kept} in:\n{text}");
    }
    assert_ne!(accounts.generation().await.unwrap(), before);
    assert_eq!(accounts.lookup("alice@example.com").await.unwrap(), Some(Entry::Account(alice)));
    let addresses: Vec<String> =
        accounts.entries(None, 10).await.unwrap().iter().map(|entry| entry.address().to_owned()).collect();
    assert_eq!(addresses, ["alice@example.com", "postmaster@example.com", "team@example.com"]);
    let after = accounts.entries(Some("alice@example.com"), 1).await.unwrap();
    assert_eq!(after.len(), 1);

    accounts.remove("alice@example.com").await.unwrap();
    assert_eq!(accounts.lookup("alice@example.com").await.unwrap(), None);
    assert!(matches!(accounts.remove("alice@example.com").await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn an_address_is_one_thing() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = AccountsFile::open(&config(folder.path())).unwrap();
    accounts.put(Entry::Account(account("bob@example.com")), false).await.unwrap();
    let again = accounts.put(Entry::Account(account("bob@example.com")), false).await;
    assert!(matches!(again, Err(Error::Exists(_))));
    let alias = Entry::Alias(Alias { address: "bob@example.com".into(), targets: vec!["a@b.example".into()] });
    assert!(matches!(accounts.put(alias, true).await, Err(Error::Exists(_))));
    let mode = std::fs::metadata(folder.path().join("accounts.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_with_errors_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts.toml");
    std::fs::write(&file, COMMENTED).unwrap();
    let accounts = AccountsFile::open(&config(folder.path())).unwrap();
    std::fs::write(&file, format!("{COMMENTED}[[account]]\naddress = \"x\"\npasword = \"y\"\n")).unwrap();
    assert!(accounts.lookup("alice@example.com").await.unwrap().is_some());
    let refused = accounts.put(Entry::Account(account("bob@example.com")), false).await.unwrap_err();
    assert!(refused.to_string().contains("accounts.toml:14: account[1].pasword"), "{refused}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("bob@"), "{text}");
    // Mended by hand: seen without a restart.
    std::fs::write(&file, "[[account]]\naddress = \"carol@example.com\"\n").unwrap();
    assert!(accounts.lookup("carol@example.com").await.unwrap().is_some());
    assert!(accounts.lookup("alice@example.com").await.unwrap().is_none());
}

#[test]
fn errors_name_line_and_remedy() {
    let text = "[[account]]\naddress = \"a@example.com\"\npassword = \"secret1\"\n[[alias]]\naddress = \"A@example.com\"\n\
                [[lists]]\naddress = \"l@example.com\"\n";
    let told: Vec<String> =
        read::parse(text, Path::new("accounts.toml")).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "accounts.toml:3: account[0].password: is no stored password: leave it out here and run \"postwarden account passwd ADDRESS\"",
            "accounts.toml:4: alias[0].targets: is missing: write targets = [\"user@example.com\"]",
            "accounts.toml:4: alias[0].address: a@example.com stands in this file twice",
            "accounts.toml:6: lists: unknown key at the top of the file; did you mean \"list\"?",
        ]
    );
}
