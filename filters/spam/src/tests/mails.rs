//! `tests/mails`: each file has what it expects, `---`, and a message. `not:` names symbols that must be absent, and an
//! empty `expect:` allows none at all.

use std::collections::BTreeSet;
use std::path::Path;

use postwarden_filter::testing::FakeHost;

use super::{spam, symbols};
use crate::symbols::names;

#[test]
fn every_mail_has_its_symbols_and_every_rule_its_mail() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    let mut seen = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let content: Vec<u8> = std::fs::read(&file).unwrap();
        let split = content.windows(5).position(|window| window == b"\n---\n").expect("a line of ---");
        let head = String::from_utf8(content[..split].to_vec()).unwrap();
        let host = host(&head).message_bytes(&content[split + 5..]);
        host.on_message(&spam(&host)).unwrap();
        let found: BTreeSet<String> = symbols(&host).into_iter().collect();
        let expected = words(&head, "expect:");
        for symbol in &expected {
            assert!(found.contains(symbol), "{name}: {symbol} is missing in {found:?}");
        }
        if expected.is_empty() {
            assert!(found.is_empty(), "{name}: {found:?}");
        }
        for symbol in words(&head, "not:") {
            assert!(!found.contains(&symbol), "{name}: {symbol}");
        }
        seen.extend(found);
    }
    let elsewhere = [
        "BAYES_00",
        "BAYES_05",
        "BAYES_20",
        "BAYES_50",
        "BAYES_80",
        "BAYES_95",
        "BAYES_99",
        "BAYES_999",
        "SENDER_GOOD",
        "SENDER_BAD",
    ];
    let unseen: Vec<&str> = names().filter(|name| !seen.contains(*name) && !elsewhere.contains(name)).collect();
    assert!(unseen.is_empty(), "no mail in tests/mails has {unseen:?}");
}

fn host(head: &str) -> FakeHost {
    let mut host = FakeHost::new().remote([127, 0, 0, 1].into());
    for word in words(head, "client:") {
        host = match word.split_once('=') {
            None => host.remote(word.parse().unwrap()),
            Some(("helo", name)) => host.helo(name),
            Some(("name", name)) => host.reverse_name(name),
            Some(("user", name)) => host.user(name),
            Some((other, _)) => panic!("client: has no {other}"),
        };
    }
    for word in words(head, "auth:") {
        let (method, outcome) = word.split_once('=').unwrap();
        host = host.authentication(method, outcome);
    }
    host
}

fn words(head: &str, key: &str) -> Vec<String> {
    let lines = head.lines().filter_map(|line| line.strip_prefix(key));
    lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
}
