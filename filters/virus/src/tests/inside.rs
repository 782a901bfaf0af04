//! What lies in archives and messages, and where it is told to be.

use postwarden_filter::testing::FakeHost;
use serde_json::json;

use super::archives::{DEFLATED, STORED, Zip, gzip, tar, zip};
use super::{answer, attached, detail, is_rejected, mail, places, scan};
use crate::Virus;
use crate::eicar::file as eicar;
use crate::limits::Limit;

#[test]
fn places_name_the_way() {
    let once = zip(&[("readme", b"nothing"), ("a.com", &eicar())], DEFLATED);
    let twice = tar(&[("docs/b.zip", &once)]);
    let all = gzip(&twice);
    assert_eq!(places(&scan(json!({}), &[], &all)), ["file: gzip: docs/b.zip: a.com"]);
    let (_, said) = answer(json!({}), &attached("invoice.tgz", &all));
    assert!(is_rejected(&said));
    assert_eq!(detail(&said), "virus Eicar-Test-Signature in part 2 (invoice.tgz): gzip: docs/b.zip: a.com");
}

#[test]
fn attached_messages_are_looked_into_however_they_are_attached() {
    let inner = attached("a.zip", &zip(&[("a.com", &eicar())], STORED));
    let plain = format!(
        "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
    );
    let encoded = mail(&[("message/rfc822", "", inner.replace('\n', "\r\n").as_bytes())]);
    let zipped = attached("mail.zip", &zip(&[("mail.eml", inner.as_bytes())], DEFLATED));
    for message in [plain, encoded, zipped] {
        let (_, said) = answer(json!({}), &message);
        assert!(is_rejected(&said) && detail(&said).contains("a.zip"), "{:?}", detail(&said));
    }
}

#[test]
fn zips_are_read_as_any_reader_may() {
    let bad = eicar();
    let files: &[(&str, &[u8])] = &[("readme", b"nothing"), ("a.com", &bad)];
    let whole = zip(files, DEFLATED);
    let mut hidden = zip(&[("readme", b"nothing".as_slice())], DEFLATED);
    // A member that the directory does not name.
    hidden.splice(0..0, zip(&[("a.com", bad.as_slice())], Zip { has_directory: false, ..DEFLATED }));
    let mut zero_sizes = zip(files, Zip { has_directory: false, ..DEFLATED });
    zero_sizes[18..26].fill(0);
    let cases = [
        zip(files, STORED),
        zip(files, Zip { is_64: true, ..DEFLATED }),
        [b"MZ stub".as_slice(), &whole].concat(),
        whole[..whole.len() - 40].to_vec(),
        hidden,
        zero_sizes,
        [whole.clone(), vec![b'x'; 70_000]].concat(),
    ];
    for (number, case) in cases.iter().enumerate() {
        assert_eq!(scan(json!({}), &[], case).findings.len(), 1, "case {number}");
    }
}

#[test]
fn what_cannot_be_read_is_counted() {
    let locked = zip(&[("a.com", b"something")], Zip { flags: 1, ..STORED });
    let told = scan(json!({}), &[], &locked);
    assert_eq!((told.encrypted, told.unreadable, told.findings.len()), (1, 0, 0));
    let unknown = zip(&[("a.com", b"something")], Zip { method: 14, ..STORED });
    assert_eq!(scan(json!({}), &[], &unknown).unreadable, 1);
    assert_eq!(scan(json!({}), &[], b"\x1F\x8B\x08 no gzip at all").unreadable, 1);
}

#[test]
fn damaged_archives_give_what_can_be_had() {
    let bad = [eicar(), b"0123456789".repeat(1000)].concat();
    let packed = gzip(&bad);
    assert_eq!(scan(json!({}), &[], &packed[..packed.len() - 9]).findings.len(), 1);
    let archive = tar(&[("a.com", &eicar()), ("b", &[b'x'; 5000])]);
    assert_eq!(scan(json!({}), &[], &archive[..2000]).findings.len(), 1);
}

#[test]
fn limits_say_where_they_end_the_look() {
    let mut deep = zip(&[("a.com", &eicar())], DEFLATED);
    for _ in 0..5 {
        deep = zip(&[("next.zip", &deep)], DEFLATED);
    }
    assert_eq!(scan(json!({ "depth": 6 }), &[], &deep).findings.len(), 1);
    let told = scan(json!({ "depth": 5 }), &[], &deep);
    assert_eq!((told.findings.len(), told.reached), (0, vec![Limit::Depth]));

    let names: Vec<String> = (0..50).map(|number| format!("file{number}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"content".as_slice())).collect();
    let many = zip(&many, DEFLATED);
    assert_eq!(scan(json!({ "files": 20 }), &[], &many).reached, [Limit::Files]);
    assert!(scan(json!({ "files": 51 }), &[], &many).reached.is_empty());

    let large = gzip(&b"0123456789abcdef".repeat(200_000));
    assert_eq!(scan(json!({ "unpacked": "2MiB", "ratio": 10_000 }), &[], &large).reached, [Limit::Unpacked]);
    assert_eq!(scan(json!({ "file-size": "2MiB", "ratio": 10_000 }), &[], &large).reached, [Limit::FileSize]);
    assert_eq!(scan(json!({ "ratio": 100 }), &[], &large).reached, [Limit::Ratio]);
    assert!(scan(json!({ "ratio": 10_000 }), &[], &large).reached.is_empty());
}

#[test]
fn a_list_of_harmless_files_covers_what_is_in_them() {
    let archive = zip(&[("a.com", &eicar())], STORED);
    let hash: [u8; 16] = md5::Digest::finalize(<md5::Md5 as md5::Digest>::new_with_prefix(&archive)).into();
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let host = FakeHost::new().message(&attached("a.zip", &archive));
    let host = host.asset("signatures/own.fp", format!("{hex}:{}:Own.Test\n", archive.len()));
    let filter = host.configure::<Virus>(json!({ "signatures": "signatures/" })).unwrap();
    assert!(!is_rejected(&host.on_message(&filter)));
}
