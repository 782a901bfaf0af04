//! The reply table against the specification, and the rules that no reply may break.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

mod script;

use std::collections::BTreeSet;
use std::path::Path;

use postwarden_smtp::reply::{self, Case};
use postwarden_smtp::session::Profile;

/// Number, code, enhanced code and text of the specification, blank cells filled by its rules.
const SPECIFICATION: &str = include_str!("table.txt");

#[test]
fn the_rows_are_the_specification_s() {
    let lines: Vec<String> = reply::ROWS
        .iter()
        .map(|row| match row.number {
            31 | 32 => format!("{}|||{}", row.number, row.text),
            _ => format!("{}|{}|{}|{}", row.number, row.code, row.enhanced, row.text),
        })
        .collect();
    assert_eq!(lines, SPECIFICATION.lines().collect::<Vec<_>>());
}

#[test]
fn keys_codes_and_answers() {
    let mut keys = BTreeSet::new();
    for row in reply::all() {
        assert!(keys.insert(row.key), "{} twice", row.key);
        assert!(row.key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", row.key);
        assert!(row.text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", row.key);
        let rfc = row.rfc.iter().map(|&(_, code, enhanced)| (code, enhanced));
        for (code, enhanced) in [(row.code, row.enhanced)].into_iter().chain(rfc) {
            let class = enhanced.split('.').next().unwrap();
            assert!(enhanced.is_empty() || class == (code / 100).to_string(), "{} {code} {enhanced}", row.key);
        }
        assert!(!row.faq.meaning.is_empty(), "{}", row.key);
        if row.number > 0 || row.code >= 400 {
            assert!(!row.faq.causes.is_empty() && !row.faq.change.is_empty(), "{}", row.key);
        }
        assert!(std::ptr::eq(reply::by_key(row.key).unwrap(), row));
    }
    assert_eq!(reply::ROWS.len(), 35);
}

#[test]
fn profiles() {
    let row = &reply::SENDING_NOT_ALLOWED;
    assert_eq!(row.codes(Profile::Merak, Case::NoReverseName), (501, "5.7.1"));
    assert_eq!(row.codes(Profile::Rfc, Case::NoReverseName), (550, "5.7.25"));
    assert_eq!(row.codes(Profile::Rfc, Case::Usual), (550, "5.7.1"));
    assert_eq!(row.codes(Profile::Rfc, Case::Mail), (550, "5.7.1"));
    assert_eq!(reply::RELAY_DENIED.codes(Profile::Rfc, Case::Usual), (550, "5.7.1"));
}

/// Every cause has a row, and says no to somebody.
#[test]
fn every_cause_is_a_refusal() {
    for cause in script::answer::refusals() {
        let place = cause.place();
        for profile in [Profile::Merak, Profile::Rfc] {
            assert!(place.row.codes(profile, place.case).0 >= 400, "{cause:?}");
        }
    }
}

/// No file but the table holds a reply: a string that begins with a code of three digits.
#[test]
fn replies_stand_in_the_table_only() {
    let mut found = Vec::new();
    look(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
    assert!(found.is_empty(), "{found:?}");
}

fn look(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            // The sending side reads replies and sends none.
            if name != "reply" && name != "client" {
                look(&path, found);
            }
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, line) in text.lines().enumerate() {
            let literal = |start: usize| {
                let code = line.as_bytes().get(start + 1..start + 5).unwrap_or_default();
                code.len() == 4
                    && (b'2'..=b'5').contains(&code[0])
                    && code[1..3].iter().all(u8::is_ascii_digit)
                    && b" -".contains(&code[3])
            };
            if line.match_indices('"').any(|(start, _)| literal(start)) {
                found.push(format!("{name}:{}", at + 1));
            }
        }
    }
}
