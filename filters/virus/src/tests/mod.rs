//! The filter with a fake host, and beside clamscan.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod archives;
mod clamscan;
mod fixture;
mod hostile;
mod inside;
mod load;
mod matching;
mod verdicts;

use base64::Engine as _;
use postwarden_filter::testing::FakeHost;
use postwarden_filter::{Answer, Filter as _, Verdict};
use serde_json::{Value, json};

use crate::Virus;
use crate::limits::{Budget, Limit};
use crate::scan::Scan;

/// A message with these parts: media type, file name, content.
fn mail(parts: &[(&str, &str, &[u8])]) -> String {
    let mut text =
        "From: a@example.org\nDate: now\nContent-Type: multipart/mixed; boundary=\"the-edge\"\n\n".to_owned();
    for (media_type, name, data) in parts {
        let encoded = base64::engine::general_purpose::STANDARD.encode(data);
        let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        text.push_str(&format!(
            "--the-edge\nContent-Type: {media_type}; name=\"{name}\"\nContent-Transfer-Encoding: base64\n\n{}\n",
            lines.join("\n")
        ));
    }
    text + "--the-edge--\n"
}

fn attached(name: &str, data: &[u8]) -> String {
    mail(&[("text/plain", "", b"See the attachment."), ("application/octet-stream", name, data)])
}

/// The filter's answer to a message, with a host that can be asked what it did.
fn answer(settings: Value, message: &str) -> (FakeHost, Answer) {
    let host = FakeHost::new().message(message);
    let filter = host.configure::<Virus>(settings).unwrap();
    let answer = host.on_message(&filter);
    (host, answer)
}

/// What was found and which limits were reached.
struct Told {
    findings: Vec<(String, String)>,
    reached: Vec<Limit>,
    encrypted: usize,
    unreadable: usize,
}

/// Scans one file, as an attachment is.
fn scan(settings: Value, signatures: &[(String, String)], data: &[u8]) -> Told {
    let mut host = FakeHost::new();
    for (name, text) in signatures {
        host = host.asset(&format!("signatures/{name}"), text.clone());
    }
    let mut settings = settings;
    settings["signatures"] = json!("signatures/");
    let filter = host.configure::<Virus>(settings).unwrap();
    let mut budget = Budget::new(filter.limits);
    let mut scan = Scan::new(&filter.database, &|_| false);
    let _ = scan.attachment(data, &mut budget);
    Told {
        findings: scan.findings.iter().map(|found| (found.name.clone(), found.place.clone())).collect(),
        reached: budget.reached.iter().map(|(limit, _)| *limit).collect(),
        encrypted: scan.encrypted.len(),
        unreadable: scan.unreadable.len(),
    }
}

fn places(told: &Told) -> Vec<&str> {
    told.findings.iter().map(|(_, place)| place.as_str()).collect()
}

fn is_rejected(answer: &Answer) -> bool {
    matches!(answer, Ok(Verdict::Reject(objection)) if matches!(objection.reason, postwarden_filter::Reason::Virus))
}

fn detail(answer: &Answer) -> &str {
    match answer {
        Ok(Verdict::Reject(found) | Verdict::Quarantine(found) | Verdict::Discard(found)) => {
            found.detail.as_deref().unwrap_or_default()
        }
        _ => "",
    }
}

#[test]
fn a_filter_without_settings_finds_the_test_file() {
    let filter = Virus::configure(crate::Settings::default()).unwrap();
    let host = FakeHost::new().message(&attached("eicar.com", &crate::eicar::file()));
    assert!(is_rejected(&host.on_message(&filter)));
}
