//! Files made to cost time or memory. What is bounded is counted, not timed.

use postwarden_filter::testing::FakeHost;
use serde_json::json;

use super::archives::{DEFLATED, STORED, Zip, deflated, gzip, tar, zip};
use super::{answer, scan};
use crate::limits::Limit;

#[test]
fn bombs_end_at_a_limit() {
    let flat = zip(&[("zeros", &vec![0; 20 << 20])], DEFLATED);
    assert_eq!(scan(json!({}), &[], &flat).reached, [Limit::Ratio]);
    // Ten archives of ten archives: each layer is modest.
    let mut nested = zip(&[("zeros", &vec![b'0'; 900 << 10])], DEFLATED);
    for _ in 0..3 {
        let names: Vec<String> = (0..10).map(|number| format!("{number}.zip")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), nested.as_slice())).collect();
        nested = zip(&files, DEFLATED);
    }
    assert_eq!(scan(json!({ "unpacked": "8MiB" }), &[], &nested).reached, [Limit::Unpacked]);
    assert_eq!(scan(json!({ "files": 100 }), &[], &nested).reached, [Limit::Files]);
}

#[test]
fn members_that_share_their_bytes_are_unpacked_once() {
    let archive = zip(&[("zeros", &vec![0; 900 << 10])], DEFLATED);
    let start = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let end = archive.windows(4).position(|bytes| bytes == b"PK\x05\x06").unwrap();
    let entries = archive[start..end].repeat(1000);
    let mut bomb = [&archive[..start], &entries, &archive[end..]].concat();
    let place = bomb.len() - 10;
    bomb[place..place + 4].copy_from_slice(&(entries.len() as u32).to_le_bytes());
    assert!(scan(json!({ "unpacked": "1MiB" }), &[], &bomb).reached.is_empty());
}

#[test]
fn an_archive_that_holds_itself_ends() {
    // Not a quine, but as deep as the format allows for its size.
    let mut deep = b"seed".to_vec();
    for _ in 0..100 {
        deep = gzip(&deep);
    }
    assert_eq!(scan(json!({}), &[], &deep).reached, [Limit::Depth]);
}

#[test]
fn every_cut_and_every_changed_byte_ends_in_a_verdict() {
    let files: &[(&str, &[u8])] = &[("a", b"some content, some content"), ("b.txt", b"more")];
    let message = super::attached("x.zip", b"PK\x03\x04").into_bytes();
    let archives = [
        zip(files, DEFLATED),
        zip(files, Zip { is_64: true, ..STORED }),
        gzip(&tar(files)),
        tar(files)[..2048].to_vec(),
        message,
    ];
    let mut seed = 1_u32;
    for archive in archives {
        for at in 0..archive.len() {
            scan(json!({}), &[], &archive[..at]);
            let mut changed = archive.clone();
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            changed[at] = (seed >> 24) as u8;
            scan(json!({}), &[], &changed);
            changed[at] = 0xFF;
            scan(json!({}), &[], &changed);
        }
    }
}

#[test]
fn headers_without_end_are_told_once() {
    // Each is 30 bytes and says that its name has 64 KiB: 10,000 stored members of no size.
    let header = [b"PK\x03\x04".as_slice(), &[0; 22], &[0xFF, 0xFF, 0, 0]].concat();
    assert!(scan(json!({}), &[], &header.repeat(10_000)).findings.is_empty());
    // Members of a gzip that unpack to nothing.
    assert!(scan(json!({}), &[], &gzip(b"").repeat(10_000)).reached.is_empty());
}

#[test]
fn lying_sizes_are_not_believed() {
    let mut archive = zip(&[("a", b"content")], DEFLATED);
    archive[22..26].fill(0xFF);
    let told = scan(json!({}), &[], &archive);
    assert!(told.reached.is_empty() && told.unreadable == 0);
    // A tar member of a terabyte.
    let mut archive = tar(&[("a", b"content")]);
    archive[124..136].copy_from_slice(b"17777777777\0");
    scan(json!({}), &[], &archive);
    // 10,000 empty members.
    let names: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert!(scan(json!({}), &[], &zip(&files, STORED)).findings.is_empty());
}

#[test]
fn wildcards_cannot_blow_up() {
    let lines = [
        "A:0:*:61616161{0-1000}61616161{0-1000}61616162",
        "B:0:*:6161(61|6161|616161){0-50}(61|6161){0-50}(61|616161)6162",
        "C:0:*:6161*6161*6161*6161*6161*6162",
        "D:0:*:{500-1000}61616161{500-1000}62",
        "E:0:*:6161??61??61??61??61??61??61??61??61??62",
        "F:0:*:6161{1-100000}62",
    ];
    let data = vec![b'a'; 128 << 10];
    for line in lines {
        let told = scan(json!({}), &[("a.ndb".to_owned(), line.to_owned())], &data);
        assert!(told.findings.is_empty(), "{line}");
    }
    let wide = scan(json!({}), &[("a.ndb".to_owned(), lines.join("\n"))], &data);
    assert_eq!(wide.reached, [Limit::Steps]);
    // A logical signature counts each of a million hits.
    let told = scan(json!({}), &[("a.ldb".to_owned(), "G;Target:0;0>100000;6161::i".to_owned())], &data);
    assert_eq!(told.findings.len(), 1);
}

#[test]
fn a_call_without_time_says_so() {
    let host = FakeHost::new().message(&super::attached("a.com", &crate::eicar::file())).time_left(0);
    let filter = host.configure::<crate::Virus>(json!({})).unwrap();
    let said = host.on_message(&filter);
    let told = "not looked into whole: its limit of time (deadline and cpu of the filter) was reached in message";
    assert_eq!(super::detail(&said), told);
}

#[test]
fn ten_thousand_parts_end_at_a_limit() {
    let mut text = "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n".to_owned();
    for _ in 0..10_000 {
        text.push_str("--b\n\nx\n");
    }
    let (host, _) = answer(json!({}), &text);
    assert!(host.log().iter().any(|line| line.contains("parts the server tells apart")), "{:?}", host.log());
    let mut deep = "From: a@example.org\n".to_owned();
    for level in 0..10_000 {
        deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    let (host, _) = answer(json!({}), &deep);
    assert!(host.log().iter().any(|line| line.contains("parts the server tells apart")), "{:?}", host.log());
}

#[test]
fn messages_in_archives_may_be_nested_at_will() {
    let mut parts = "From: a@example.org\n".to_owned();
    let mut messages = parts.clone();
    for level in 0..10_000 {
        parts.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
        messages.push_str("Content-Type: message/rfc822\n\n");
    }
    for text in [parts, messages] {
        assert!(scan(json!({}), &[], &gzip(text.as_bytes())).findings.is_empty());
    }
}

#[test]
fn a_stream_that_never_ends_is_cut() {
    // A stored header before a deflate stream of zeros: only the stream knows its length.
    let stream = deflated(&vec![0; 8 << 20]);
    let mut archive = zip(&[("a", b"")], Zip { has_directory: false, ..STORED });
    archive[8..10].copy_from_slice(&8_u16.to_le_bytes());
    archive.extend(&stream);
    assert_eq!(scan(json!({}), &[], &archive).reached, [Limit::Ratio]);
}
