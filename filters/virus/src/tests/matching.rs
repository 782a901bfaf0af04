//! Every kind of signature finds what the fixture says, and no more.

use serde_json::json;

use super::{fixture, scan};

#[test]
fn signatures_find_what_they_describe() {
    for set in fixture::sets() {
        for (is_found, data) in &set.files {
            let told = scan(json!({}), &set.signature_files(), data);
            let shown = String::from_utf8_lossy(data).into_owned();
            assert_eq!(!told.findings.is_empty(), *is_found, "{:?} in {shown:?}: {:?}", set.lines, told.findings);
        }
    }
}

#[test]
fn fifty_thousand_signatures_stay_apart() {
    let line = |number: u32| {
        let bytes = (number.wrapping_mul(2_654_435_761)).to_be_bytes();
        let hex: String = bytes.iter().chain(&number.to_be_bytes()).map(|byte| format!("{byte:02x}")).collect();
        format!("Many.{number}:0:*:{hex}??{hex}\n")
    };
    let lines: String = (0..50_000).map(line).collect();
    let number = 31_415_u32;
    let mut data = vec![b'.'; 1000];
    let part = [number.wrapping_mul(2_654_435_761).to_be_bytes(), number.to_be_bytes()].concat();
    data.extend([part.as_slice(), b"x", &part].concat());
    let told = scan(json!({}), &[("many.ndb".to_owned(), lines)], &data);
    assert_eq!(told.findings.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Many.31415"]);
}
