//! Fixtures: each file in `tests/cases` is rules, messages and what is expected of them; each in `tests/complaints` is a
//! file of rules with its complaints in comments. Every key of the language must be tried both ways.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod case;
mod hostile;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use postwarden_filter::testing::FakeHost;
use serde_json::json;

use crate::{Content, action, condition, rules};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn load(rules: &str) -> Result<Content, Vec<String>> {
    let host = FakeHost::new().asset("content.toml", rules);
    let loaded = host.configure::<Content>(json!({ "rules": "content.toml" }));
    loaded.map_err(|problems| problems.into_iter().map(|problem| problem.message).collect())
}

/// All words of the language: keys, operators, verdicts.
fn vocabulary() -> BTreeSet<&'static str> {
    let verdicts = action::VERDICTS.iter().map(|(name, _)| *name);
    let html = condition::HTML.iter().map(|(name, _)| *name);
    let keys = [
        rules::FILE_KEYS,
        rules::KEYS,
        condition::KEYS,
        condition::OPERATORS,
        condition::ATTACHMENT_KEYS,
        condition::TIME_KEYS,
        action::KEYS,
        &["above", "below", "html"],
    ];
    keys.into_iter().flatten().copied().chain(verdicts).chain(html).collect()
}

/// Keys of a table and all below it, and the words that stand for values.
fn words(value: &toml::de::DeValue<'_>, into: &mut BTreeSet<String>) {
    use toml::de::DeValue;
    match value {
        DeValue::String(text) => drop(into.insert(text.to_string())),
        DeValue::Array(items) => items.iter().for_each(|item| words(item.get_ref(), into)),
        DeValue::Table(table) => table.iter().for_each(|(key, value)| {
            into.insert(key.get_ref().to_string());
            words(value.get_ref(), into);
        }),
        _ => {}
    }
}

#[test]
fn every_case_ends_as_it_says_and_every_word_is_tried_both_ways() {
    let (mut matched, mut unmatched) = (BTreeSet::new(), BTreeSet::new());
    for path in files("tests/cases") {
        case::run(&path, &mut matched, &mut unmatched);
    }
    let untried = |tried: &BTreeSet<String>, free: &[&str]| -> Vec<&str> {
        vocabulary().into_iter().filter(|word| !tried.contains(*word) && !free.contains(word)).collect()
    };
    assert_eq!(untried(&matched, &["rule", "utc-offset"]), [""; 0], "no case has a rule with it that matches");
    assert_eq!(untried(&unmatched, &["rule", "utc-offset"]), [""; 0], "no case has a rule with it that does not match");
}

#[test]
fn the_example_loads_and_shows_every_word() {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("example.toml"));
    load(&text).unwrap();
    let root = toml::de::DeTable::parse(&text).unwrap();
    let mut shown = BTreeSet::new();
    root.get_ref().iter().for_each(|(key, value)| {
        shown.insert(key.get_ref().to_string());
        words(value.get_ref(), &mut shown);
    });
    let missing: Vec<_> = vocabulary().into_iter().filter(|word| !shown.contains(*word)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn complaints_name_file_line_and_rule() {
    for path in files("tests/complaints") {
        let text = read(&path);
        let told = load(&text).expect_err(&format!("{} loads", path.display()));
        let expected = text.lines().zip(1..).flat_map(|(line, number)| {
            let words = line.split("#!").skip(1).map(str::trim);
            words.map(move |words| format!("content.toml:{number}: {words}"))
        });
        assert_eq!(told, expected.collect::<Vec<_>>(), "{}", path.display());
    }
}

#[test]
fn unknown_settings_and_missing_files_are_told() {
    let host = FakeHost::new();
    let problems = host.configure::<Content>(json!({ "rulez": "content.toml" })).unwrap_err();
    assert!(problems[0].message.ends_with("did you mean `rules`?"), "{problems:?}");
    let problems = host.configure::<Content>(json!({ "rules": "content.toml" })).unwrap_err();
    assert!(problems[0].message.contains("no file content.toml"), "{problems:?}");
    assert!(host.on_message(&host.configure::<Content>(json!({})).unwrap()).is_ok());
}

#[test]
fn what_is_not_granted_fails_the_call_and_says_which_grant() {
    for (action, grant) in [
        ("tag-subject = \"x\"", "edit"),
        ("add-header = [\"A\", \"b\"]", "edit"),
        ("replace-header = [\"A\", \"b\"]", "edit"),
        ("remove-header = \"Subject\"", "edit"),
        ("copy-to = \"a@b.example\"", "recipients"),
        ("remove-recipient = \"*\"", "recipients"),
    ] {
        let rules = format!("[[rule]]\nname = \"x\"\nwhen = {{}}\naction = {{ {action} }}\n");
        let host = FakeHost::new().without(grant).asset("content.toml", rules.as_str());
        let host = host.message("Subject: a\n\nb\n").recipient("a@b.example");
        let filter = host.configure::<Content>(json!({ "rules": "content.toml" })).unwrap();
        let failure = host.on_message(&filter).unwrap_err();
        let expected = format!("needs the grant \"{grant}\"");
        assert!(failure.message.starts_with("rule \"x\" (content.toml:1): "), "{failure:?}");
        assert!(failure.message.contains(&expected), "{failure:?}");
    }
}
