//! One fixture: `=== rules` (or `=== rules FILE`), then for each message `=== mail` with its facts as `name: value`
//! lines, an empty line and the message, and `=== expect` with verdict, reply, symbols, edits and reasons, a line each.
//!
//! Facts: `sender`, `to`, `client`, `user`, `spf`, `dkim`, `dmarc`, and `time` (seconds after 2001-09-09T01:46:40Z, a
//! Sunday). `{COUNT*TEXT}` in a message is TEXT so many times.

use std::collections::BTreeSet;
use std::path::Path;

use postwarden_filter::testing::{Edit, FakeHost};
use postwarden_filter::{Objection, Verdict};
use serde_json::json;

use super::{read, words};
use crate::Content;

pub(super) fn run(path: &Path, matched: &mut BTreeSet<String>, unmatched: &mut BTreeSet<String>) {
    let text = read(path);
    let mut sections = text.split("=== ").skip(1).map(|section| section.split_once('\n').unwrap());
    let rules = match sections.next().unwrap() {
        ("rules", rules) => rules.to_owned(),
        (head, _) => read(&path.with_file_name(head.strip_prefix("rules ").expect("rules, or rules FILE"))),
    };
    let mut number = 0;
    while let Some(("mail", mail)) = sections.next() {
        number += 1;
        let place = format!("{}, message {number}", path.display());
        let Some(("expect", expected)) = sections.next() else { panic!("{place}: expect what?") };
        let host = host(mail, &place).asset("content.toml", rules.as_str());
        let filter = host
            .configure::<Content>(json!({ "rules": "content.toml" }))
            .unwrap_or_else(|problems| panic!("{place}: {problems:#?}"));
        let answer = host.on_message(&filter);
        let mut told = vec![verdict(answer)];
        told.extend(host.scores().iter().map(|(symbol, points)| format!("symbol {symbol} {points}")));
        told.extend(host.edits().iter().map(edit));
        told.extend(host.log().iter().filter_map(|line| why(line)));
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // Reasons are told where the case asks for them.
        let told: Vec<&String> =
            told.iter().filter(|line| !line.starts_with("why") || expected.contains(&line.as_str())).collect();
        assert_eq!(told, expected, "{place}\n{:#?}", host.log());
        note(&rules, &host.log(), matched, unmatched);
    }
    assert!(number > 0, "{}: no message", path.display());
}

fn host(mail: &str, place: &str) -> FakeHost {
    let facts_end = || panic!("{place}: facts, an empty line, the message");
    let split = mail.strip_prefix('\n').map(|message| ("", message)).or_else(|| mail.split_once("\n\n"));
    let (facts, message) = split.unwrap_or_else(facts_end);
    let mut host = FakeHost::new().message(&expand(message));
    for fact in facts.lines().filter(|line| !line.is_empty()) {
        let (name, value) = fact.split_once(':').unwrap_or_else(|| panic!("{place}: {fact}"));
        let value = value.trim();
        host = match name {
            "sender" => host.sender(value),
            "to" => host.recipient(value),
            "client" => host.remote(value.parse().unwrap()),
            "user" => host.user(value),
            "spf" | "dkim" | "dmarc" => host.authentication(name, value),
            "time" => {
                host.wait(value.parse::<u64>().unwrap() * 1000);
                host
            }
            other => panic!("{place}: there is no fact {other}"),
        };
    }
    host
}

fn expand(message: &str) -> String {
    let mut expanded = String::new();
    let mut rest = message;
    while let Some((before, behind)) = rest.split_once('{') {
        let (inside, after) = behind.split_once('}').expect("a closing brace");
        let (count, text) = inside.split_once('*').expect("{COUNT*TEXT}");
        expanded.push_str(before);
        expanded.push_str(&text.replace("\\n", "\n").repeat(count.parse().unwrap()));
        rest = after;
    }
    expanded + rest
}

fn verdict(answer: postwarden_filter::Answer) -> String {
    let of = |name: &str, objection: Objection| {
        let reply = objection.reply_text.map(|text| format!(" reply {text:?}")).unwrap_or_default();
        format!("{name}: {}{reply}", objection.detail.unwrap())
    };
    match answer {
        Ok(Verdict::Pass) => "pass".to_owned(),
        Ok(Verdict::Accept) => "accept".to_owned(),
        Ok(Verdict::Reject(objection)) => of("reject", objection),
        Ok(Verdict::Defer(objection)) => of("defer", objection),
        Ok(Verdict::Discard(objection)) => of("discard", objection),
        Ok(Verdict::Quarantine(objection)) => of("quarantine", objection),
        other => panic!("{other:?}"),
    }
}

fn edit(edit: &Edit) -> String {
    match edit {
        Edit::AddHeader(name, value) => format!("add-header {name}: {value}"),
        Edit::ReplaceHeader(name, index, value) => format!("replace-header {name}[{index}]: {value}"),
        Edit::RemoveHeader(name, Some(index)) => format!("remove-header {name}[{index}]"),
        Edit::RemoveHeader(name, None) => format!("remove-header {name}"),
        Edit::AddRecipient(address) => format!("add-recipient {address}"),
        Edit::RemoveRecipient(address) => format!("remove-recipient {address}"),
        other => format!("{other:?}"),
    }
}

/// `why RULE: REASON` or `why not RULE: REASON`, of a line of the log.
fn why(line: &str) -> Option<String> {
    let (head, reason) = line.split_once(" why=")?;
    let (_, rule) = head.split_once(" rule=")?;
    let (rule, _) = rule.rsplit_once(" place=")?;
    let not = if head.contains("does not match") { " not" } else { "" };
    Some(format!("why{not} {rule}: {reason}"))
}

/// Which words stood in rules that matched, and in rules that did not.
fn note(rules: &str, log: &[String], matched: &mut BTreeSet<String>, unmatched: &mut BTreeSet<String>) {
    let root = toml::de::DeTable::parse(rules).unwrap();
    let all = root.get_ref().get("rule").unwrap().get_ref().as_array().unwrap();
    for rule in all.iter() {
        let name = rule.get_ref().as_table().unwrap().get("name").unwrap().get_ref().as_str().unwrap();
        let said =
            |words: &str| log.iter().any(|line| line.contains(words) && line.contains(&format!(" rule={name} place=")));
        if said("a rule matches") {
            words(rule.get_ref(), matched);
        }
        if said("a rule does not match") {
            words(rule.get_ref(), unmatched);
        }
    }
}
