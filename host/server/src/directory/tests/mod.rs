//! Tests of the directory: what its scenes share.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
//! `expansions.txt` says what addresses lead to; the cache is tested here.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use postwarden_store::Error;
use postwarden_store::accounts::Entry;
use postwarden_store::queue::Route;

use super::*;
use crate::config::read;
use crate::decide::tests::fake::{Fake, account, lock};

const CONFIG: &str = r#"
hostname = "mx.example.com"
data-dir = "/nowhere"
[domains."example.com"]
[domains."reject.example"]
unknown-users = "reject"
[domains."discard.example"]
unknown-users = "discard"
[domains."catch.example"]
unknown-users = { forward = "alice@example.com" }
[domains."gone.example"]
unknown-users = { forward = "nobody@gone.example" }
[domains."xn--bcher-kva.example"]
[domains."grün.example"]
"#;

fn config() -> Config {
    read::parse(CONFIG, Path::new("test.toml")).unwrap().config
}

fn directory(fake: &Arc<Fake>) -> Directory {
    let accounts: Arc<dyn Accounts + Send + Sync> = Arc::clone(fake) as _;
    Directory::new(accounts)
}

/// One line for an expansion: targets with the sender a list puts in, or what else became of it.
fn told(found: &Expansion) -> String {
    if found.foreign {
        return "foreign".to_owned();
    }
    if let Err(refusal) = found.verdict() {
        return format!("{refusal:?}");
    }
    let mut words: Vec<String> = found
        .targets
        .iter()
        .map(|target| {
            let route = match &target.route {
                Route::Local(account) => format!("local:{account}"),
                Route::Remote(domain) => {
                    assert_eq!(target.address.rsplit_once('@').unwrap().1, domain);
                    format!("remote:{}", target.address)
                }
            };
            target.sender.as_ref().map_or(route.clone(), |sender| format!("{route}/{sender}"))
        })
        .collect();
    if found.discard {
        words.push("discard".to_owned());
    }
    if words.is_empty() {
        words.push("nobody".to_owned());
    }
    words.join(" ")
}

#[tokio::test]
async fn expansions() {
    let fake = Arc::new(Fake::default());
    let directory = directory(&fake);
    let config = config();
    let mut asked = 0;
    for (number, line) in include_str!("expansions.txt").lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((question, expected)) = line.split_once(" => ") else {
            fake.add_line(line);
            directory.forget();
            continue;
        };
        let (question, authorised) =
            question.strip_prefix("authorised ").map_or((question, false), |question| (question, true));
        let (to, from) = question.split_once(" from ").unwrap_or((question, "mail@elsewhere.example"));
        let poster = Poster { sender: (from != "<>").then_some(from), login: None, authorised };
        let mailbox = address::parse(to).unwrap();
        let found = directory.expand(&config, &mailbox, poster, Reach::Mailboxes, 0).await.unwrap();
        assert_eq!(told(&found), expected.trim(), "line {}: {line}", number + 1);
        // RCPT must say the same without opening lists.
        let at_rcpt = directory.expand(&config, &mailbox, poster, Reach::Lists, 0).await.unwrap();
        assert_eq!(at_rcpt.verdict(), found.verdict(), "line {}: {line}", number + 1);
        asked += 1;
    }
    assert!(asked > 40, "only {asked} expectations were read");
}

#[tokio::test]
async fn answers_come_from_memory_until_an_entry_changes() {
    let fake = Arc::new(Fake::default());
    fake.add(Entry::Account(account("alice@example.com")));
    let directory = directory(&fake);
    let ask = async |address: &str, now| directory.entry(address, now).await.unwrap().is_some();
    for now in [0, 1, 999] {
        assert!(ask("alice@example.com", now).await);
        assert!(!ask("bob@example.com", now).await, "absence is remembered, too");
    }
    assert_eq!(fake.lookups.load(Ordering::SeqCst), 2);
    assert_eq!(fake.polls.load(Ordering::SeqCst), 1);

    // Another node adds an account: seen with the next poll, not before.
    fake.add(Entry::Account(account("bob@example.com")));
    assert!(!ask("bob@example.com", 999).await);
    assert!(ask("bob@example.com", 1000).await);
    assert_eq!(fake.polls.load(Ordering::SeqCst), 2);

    // This process removes one.
    directory.announcing().remove("bob@example.com").await.unwrap();
    assert!(!ask("bob@example.com", 1001).await);

    // The clock goes back a day: a poll happens all the same.
    fake.add(Entry::Account(account("carol@example.com")));
    assert!(ask("carol@example.com", -86_400_000).await);
}

#[tokio::test]
async fn an_unchanged_generation_keeps_the_memory() {
    let fake = Arc::new(Fake::default());
    fake.add(Entry::Account(account("alice@example.com")));
    let directory = directory(&fake);
    for second in 0..50 {
        directory.entry("alice@example.com", second * 1000).await.unwrap().unwrap();
    }
    assert_eq!((fake.lookups.load(Ordering::SeqCst), fake.polls.load(Ordering::SeqCst)), (1, 50));
}

#[tokio::test]
async fn a_failing_store_is_no_unknown_user() {
    let fake = Arc::new(Fake::default());
    fake.add(Entry::Account(account("alice@example.com")));
    let directory = directory(&fake);
    assert!(directory.entry("alice@example.com", 0).await.unwrap().is_some());
    *lock(&fake.failing) = Some(Error::Unavailable("down".to_owned()));
    // What is known stays known; what is not is an error and is not remembered as absent.
    assert!(directory.entry("alice@example.com", 5000).await.unwrap().is_some());
    assert!(directory.entry("bob@example.com", 5000).await.is_err());
    *lock(&fake.failing) = None;
    fake.add(Entry::Account(account("bob@example.com")));
    assert!(directory.entry("bob@example.com", 5001).await.unwrap().is_some());
}

#[tokio::test]
async fn memory_stays_bounded() {
    let fake = Arc::new(Fake::default());
    let directory = directory(&fake);
    for n in 0..300_000 {
        directory.entry(&format!("guess-{n}@example.com"), 0).await.unwrap();
    }
    directory.cache.run_pending_tasks();
    assert!(directory.cache.weighted_size() <= CACHE_BYTES_MAX);
    assert!(directory.cache.entry_count() > 1000);
}

/// Every spelling of a way around: each stays foreign or a name nobody has; none becomes another host.
#[tokio::test]
async fn no_spelling_of_a_local_address_leads_elsewhere() {
    let fake = Arc::new(Fake::default());
    for line in [
        "account alice@example.com",
        "alias info@example.com alice@example.com",
        "list all@example.com alice@example.com",
    ] {
        fake.add_line(line);
    }
    let directory = directory(&fake);
    let config = config();
    let victims = ["victim", "alice", "a.b", "\"a b\"", "x@y", "root"];
    let hosts = ["target.example", "[192.0.2.1]", "example.com.evil.example", "xn--bcher-kva.test", "target.example."];
    let joins = [
        "%",
        "!",
        "@",
        "%40",
        ":",
        ",",
        "/",
        "\\@",
        "@@",
        "+",
        "=",
        "?",
        "..",
        "%25",
        "@example.com:",
        "!@",
        "%example.com%",
    ];
    let locals = [
        "example.com",
        "EXAMPLE.com",
        "example.com.",
        "grün.example",
        "xn--grn-ioa.example",
        "xn--bcher-kva.example",
        "bücher.example",
    ];
    let poster = Poster { sender: Some("mail@elsewhere.example"), ..Poster::default() };
    let mut tried = 0;
    for victim in victims {
        for host in hosts {
            for join in joins {
                for local in locals {
                    let spellings = [
                        format!("{victim}{join}{host}@{local}"),
                        format!("{host}{join}{victim}@{local}"),
                        format!("\"{victim}{join}{host}\"@{local}"),
                        format!("{local}{join}{victim}{join}{host}@{local}"),
                        format!("alice+{victim}{join}{host}@{local}"),
                    ];
                    for spelling in spellings {
                        let mailbox = address::parse(&spelling).unwrap();
                        let found = directory.expand(&config, &mailbox, poster, Reach::Mailboxes, 0).await.unwrap();
                        assert!(!found.foreign, "{spelling} became foreign");
                        assert!(
                            found.targets.iter().all(|target| target.route == Route::Local("alice@example.com".into())),
                            "{spelling} leads to {:?}",
                            found.targets
                        );
                        tried += 1;
                    }
                }
            }
        }
    }
    assert!(tried > 10_000, "{tried}");
}

#[tokio::test]
async fn expansion_ends() {
    let fake = Arc::new(Fake::default());
    // A chain one longer than the limit, and one as long.
    for n in 0..=EXPANSION_DEPTH_MAX {
        fake.add_line(&format!("alias a{n}@example.com a{}@example.com", n + 1));
    }
    fake.add_line(&format!("account a{}@example.com", EXPANSION_DEPTH_MAX + 1));
    // Lists that contain each other and themselves.
    fake.add_line("list x@example.com x@example.com y@example.com a5@example.com");
    fake.add_line("list y@example.com x@example.com y@example.com");
    // More members than one message may have.
    let many: Vec<String> = (0..=EXPANDED_RECIPIENTS_MAX).map(|n| format!("m{n}@far.example")).collect();
    fake.add_line(&format!("list many@example.com {}", many.join(" ")));
    let directory = directory(&fake);
    let config = config();
    let expand = async |to: &str| {
        let poster = Poster { sender: Some("mail@elsewhere.example"), ..Poster::default() };
        directory.expand(&config, &address::parse(to).unwrap(), poster, Reach::Mailboxes, 0).await.unwrap()
    };
    assert_eq!(told(&expand("a0@example.com").await), "AddressLoop");
    assert_eq!(told(&expand("a1@example.com").await), "local:a17@example.com");
    assert_eq!(told(&expand("x@example.com").await), "local:a17@example.com/x-owner@example.com");
    let found = expand("many@example.com").await;
    assert!(found.too_many);
    assert_eq!(found.targets.len(), EXPANDED_RECIPIENTS_MAX);
}

#[test]
fn the_postmasters_domain() {
    let primary = |hostname: &str, domains: &[&str]| {
        let tables: String = domains.iter().map(|domain| format!("[domains.\"{domain}\"]\n")).collect();
        let text = format!("hostname = \"{hostname}\"\n{tables}");
        let config = read::parse(&text, Path::new("test.toml")).unwrap().config;
        address::primary_domain(&config).map(str::to_owned)
    };
    assert_eq!(primary("mx.example.com", &["a.example", "example.com"]).as_deref(), Some("example.com"));
    assert_eq!(primary("mx.b.example.com", &["b.example.com", "example.com"]).as_deref(), Some("b.example.com"));
    assert_eq!(primary("mx.example.com", &["mx.example.com", "example.com"]).as_deref(), Some("mx.example.com"));
    assert_eq!(primary("notexample.com", &["b.example", "example.com"]).as_deref(), Some("b.example"));
    assert_eq!(primary("mx.example.com", &[]), None);
}
