//! Tests of passwords, verifiers and the counting of failures.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::sync::Arc;

use postwarden_store::accounts::Entry;
use postwarden_store::{Accounts, Error, Password};

use super::check::account_name;
use super::password::parse_scram;
use super::*;
use crate::config::{Config, read};
use crate::decide::tests::fake::{Fake, account, lock};
use crate::directory::Directory;

struct Bench {
    fake: Arc<Fake>,
    directory: Directory,
    config: Config,
    logins: Logins,
}

fn bench() -> Bench {
    let fake = Arc::new(Fake::default());
    let accounts: Arc<dyn Accounts + Send + Sync> = Arc::clone(&fake) as _;
    let text = "hostname = \"mx.example.com\"\n[domains.\"example.com\"]\n";
    let config = read::parse(text, Path::new("test.toml")).unwrap().config;
    let bench = Bench { fake, directory: Directory::new(accounts), config, logins: Logins::new() };
    bench.user("alice", Kind::Scram, false);
    bench.user("argon", Kind::Argon2id, false);
    bench.user("off", Kind::Scram, true);
    bench.fake.add(Entry::Account(account("silent@example.com")));
    bench
}

impl Bench {
    fn user(&self, name: &str, kind: Kind, disabled: bool) {
        let mut account = account(&format!("{name}@example.com"));
        account.password = Some(make_password(kind, format!("secret of {name}").as_bytes()).unwrap());
        account.disabled = disabled;
        self.fake.add(Entry::Account(account));
    }

    fn who<'a>(&'a self, user: &'a str, authorization: &'a str) -> Credentials<'a> {
        let store = self.fake.as_ref();
        Credentials { config: &self.config, directory: &self.directory, store, user, authorization, now: 0 }
    }

    async fn password(&self, user: &str, authorization: &str, plain: &str) -> Option<String> {
        let who = self.who(user, authorization);
        self.logins.check_password(&who, plain.as_bytes().to_vec()).await.unwrap()
    }
}

#[tokio::test]
async fn who_may_log_in() {
    let bench = bench();
    let cases = [
        ("alice@example.com", "", "secret of alice", Some("alice@example.com")),
        ("Alice@EXAMPLE.com", "", "secret of alice", Some("alice@example.com")),
        ("alice", "", "secret of alice", Some("alice@example.com")),
        ("alice@example.com", "ALICE@example.com", "secret of alice", Some("alice@example.com")),
        ("alice@example.com", "bob@example.com", "secret of alice", None),
        ("alice@example.com", "", "secret of argon", None),
        ("alice@example.com", "", "", None),
        ("alice+x@example.com", "", "secret of alice", None),
        ("alice@example.net", "", "secret of alice", None),
        ("argon@example.com", "", "secret of argon", Some("argon@example.com")),
        ("argon@example.com", "", "secret of alice", None),
        ("off@example.com", "", "secret of off", None),
        ("silent@example.com", "", "", None),
        ("nobody@example.com", "", "secret of alice", None),
        ("", "", "secret of alice", None),
        ("@", "", "", None),
    ];
    for (user, authorization, plain, expected) in cases {
        let found = bench.password(user, authorization, plain).await;
        assert_eq!(found.as_deref(), expected, "{user} as {authorization:?} with {plain:?}");
    }
    let long = "a".repeat(100_000);
    assert_eq!(bench.password(&long, "", &long).await, None);
}

#[test]
fn both_kinds_are_made_and_checked() {
    for kind in [Kind::Scram, Kind::Argon2id] {
        let kept = make_password(kind, "pässwört\u{a0}x".as_bytes()).unwrap();
        assert!(verifies(&kept, "pässwört\u{a0}x".as_bytes()));
        // SASLprep: a no-break space is a space, a composed letter is the composed one.
        assert!(verifies(&kept, "pa\u{308}sswo\u{308}rt x".as_bytes()));
        assert!(!verifies(&kept, b"passwort x"));
        assert!(!verifies(&kept, b""));
        assert_ne!(kept, make_password(kind, "pässwört\u{a0}x".as_bytes()).unwrap(), "a salt of its own");
        assert!(make_password(kind, b"").is_err());
        // Not UTF-8, or forbidden by SASLprep: still a password.
        for odd in [&b"\xff\xfe"[..], b"tab\tand\x07bell"] {
            let kept = make_password(kind, odd).unwrap();
            assert!(verifies(&kept, odd) && !verifies(&kept, b"x"));
        }
    }
}

#[test]
fn a_damaged_verifier_lets_nobody_in() {
    let good = match make_password(Kind::Scram, b"x").unwrap() {
        Password::Scram { verifier } => verifier,
        Password::Argon2id { .. } => panic!(),
    };
    assert!(parse_scram(&good).is_ok());
    let damaged = [
        String::new(),
        "SCRAM-SHA-256".to_owned(),
        good.replace("SHA-256", "SHA-1"),
        good.replace("$20000:", "$0:"),
        good.replace("$20000:", "$4294967295:"),
        good.replace("$20000:", "$x:"),
        good.replace(':', ""),
        format!("{good}$"),
        good[..good.len() - 5].to_owned(),
    ];
    for verifier in damaged {
        assert!(!verifies(&Password::Scram { verifier: verifier.clone() }, b"x"), "{verifier}");
    }
    assert!(!verifies(&Password::Argon2id { hash: "$argon2id$".to_owned() }, b"x"));
}

/// RFC 7677 section 3.
#[test]
fn the_verifier_of_the_specification() {
    let verifier = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    assert!(verifies(&Password::Scram { verifier: verifier.to_owned() }, b"pencil"));
    assert!(!verifies(&Password::Scram { verifier: verifier.to_owned() }, b"pencils"));
}

#[tokio::test]
async fn unknown_users_have_a_verifier_like_the_others_and_keep_it() {
    let bench = bench();
    let real = bench.logins.scram_verifier(&bench.who("alice", "")).await.unwrap();
    let Some(Password::Scram { verifier }) =
        bench.directory.account("alice@example.com", 0).await.unwrap().unwrap().password.clone()
    else {
        panic!()
    };
    assert_eq!(real, parse_scram(&verifier).unwrap());
    let mut seen = vec![real.salt.clone()];
    for user in ["nobody", "argon", "silent", "", "nobody@elsewhere.example"] {
        let made_up = bench.logins.scram_verifier(&bench.who(user, "")).await.unwrap();
        assert_eq!((made_up.iterations, made_up.salt.len()), (real.iterations, real.salt.len()), "{user}");
        assert!(!seen.contains(&made_up.salt), "{user}");
        seen.push(made_up.salt.clone());
        // The same after a restart and on another node, and whatever way the name is written.
        let again = Logins::new().scram_verifier(&bench.who(user, "")).await.unwrap();
        assert_eq!(made_up, again, "{user}");
        assert!(bench.logins.scram_outcome(&bench.who(user, ""), true).await.unwrap().is_none(), "{user}");
    }
    let upper = bench.logins.scram_verifier(&bench.who("NOBODY@example.COM", "")).await.unwrap();
    assert_eq!(upper, bench.logins.scram_verifier(&bench.who("nobody", "")).await.unwrap());
}

#[tokio::test]
async fn a_proof_is_a_login_only_for_those_who_may() {
    let bench = bench();
    let outcome = async |user: &str, authorization: &str, proven: bool| {
        bench.logins.scram_outcome(&bench.who(user, authorization), proven).await.unwrap()
    };
    assert_eq!(outcome("alice", "", true).await.as_deref(), Some("alice@example.com"));
    assert_eq!(outcome("alice", "alice@example.com", true).await.as_deref(), Some("alice@example.com"));
    assert_eq!(outcome("alice", "argon@example.com", true).await, None);
    assert_eq!(outcome("alice", "", false).await, None);
    assert_eq!(outcome("off", "", true).await, None);
}

/// Equal work, not equal clocks: with one kind of verifier in use, unknown, disabled and wrong all
/// check a verifier of that kind and its rounds.
#[tokio::test]
async fn unknown_users_cost_what_known_ones_cost() {
    let bench = bench();
    for name in ["argon@example.com", "off@example.com"] {
        bench.fake.remove(name).await.unwrap();
    }
    bench.directory.forget();
    for user in ["alice@example.com", "nobody@example.com", "silent@example.com"] {
        let stand_in = bench.logins.stand_in(&bench.who(user, ""), user).await.unwrap();
        assert!(
            matches!(&stand_in, Password::Scram { verifier } if parse_scram(verifier).unwrap().iterations == SCRAM_ITERATIONS)
        );
    }
    // With both kinds in use, names are spread over both, each name always to the same one.
    bench.user("argon", Kind::Argon2id, false);
    bench.directory.forget();
    let mut argon = 0;
    for n in 0..200 {
        let name = format!("nobody{n}@example.com");
        let first = bench.logins.stand_in(&bench.who(&name, ""), &name).await.unwrap();
        assert_eq!(first, bench.logins.stand_in(&bench.who(&name, ""), &name).await.unwrap());
        argon += usize::from(matches!(first, Password::Argon2id { .. }));
    }
    assert!((50..150).contains(&argon), "{argon}");
}

#[tokio::test]
async fn without_accounts_the_default_kind_is_worked_on() {
    let fake = Arc::new(Fake::default());
    let accounts: Arc<dyn Accounts + Send + Sync> = Arc::clone(&fake) as _;
    let bench = Bench { directory: Directory::new(accounts), fake, ..bench() };
    let stand_in = bench.logins.stand_in(&bench.who("x", ""), "x").await.unwrap();
    assert!(matches!(stand_in, Password::Scram { .. }));
    assert_eq!(bench.password("x", "", "").await, None);
}

#[tokio::test]
async fn a_failing_store_is_no_wrong_password() {
    let bench = bench();
    *lock(&bench.fake.failing) = Some(Error::Unavailable("down".to_owned()));
    let who = bench.who("alice", "");
    assert!(bench.logins.check_password(&who, b"secret of alice".to_vec()).await.is_err());
    assert!(bench.logins.scram_verifier(&who).await.is_err());
    assert!(bench.logins.scram_outcome(&who, true).await.is_err());
}

#[test]
fn names() {
    let one = read::parse("hostname = \"a.example\"\n[domains.\"b.example\"]\n", Path::new("t")).unwrap().config;
    assert_eq!(account_name(&one, "Alice"), "alice@b.example");
    assert_eq!(account_name(&one, "Alice@C.example"), "alice@c.example");
    let two = "hostname = \"a.example\"\n[domains.\"b.example\"]\n[domains.\"c.example\"]\n";
    let two = read::parse(two, Path::new("t")).unwrap().config;
    assert_eq!(account_name(&two, "Alice"), "alice");
}

/// What one PLAIN login costs: run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "prints a measurement"]
fn scram_cost() {
    for kind in [Kind::Scram, Kind::Argon2id] {
        let kept = make_password(kind, b"a password of some length").unwrap();
        let started = std::time::Instant::now();
        for _ in 0..20 {
            assert!(!verifies(&kept, b"another password of some length"));
        }
        println!("{kind:?}: {:?} a check", started.elapsed() / 20);
    }
}
