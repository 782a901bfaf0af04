//! Debian's clamscan beside the filter: the same by every set of the fixture, no more in any container.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::archives::{DEFLATED, STORED, Zip, gzip, tar, zip};
use super::{attached, fixture, scan};

/// The program, or a word about the skip.
fn clamscan() -> Option<&'static Path> {
    let found = Some(Path::new("/usr/bin/clamscan")).filter(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must not skip: clamscan is not installed");
        println!("skipped: clamscan is not installed");
    }
    found
}

/// Numbers of the files in `folder` that it finds something in.
fn found(program: &Path, database: &Path, folder: &Path) -> Vec<usize> {
    let output = Command::new(program)
        .arg(format!("--database={}", database.display()))
        .args(["--infected", "--no-summary", "--recursive"])
        .arg(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}{failed}");
    let number = |line: &str| line.split(": ").next()?.rsplit('/').next()?.parse().ok();
    let mut numbers: Vec<usize> = said.lines().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

fn write_all(folder: &Path, files: &[Vec<u8>]) {
    std::fs::create_dir(folder).unwrap();
    for (number, data) in files.iter().enumerate() {
        std::fs::write(folder.join(number.to_string()), data).unwrap();
    }
}

#[test]
fn clamscan_finds_the_same_by_every_kind_of_signature() {
    let Some(program) = clamscan() else { return };
    for set in fixture::sets() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("db");
        std::fs::create_dir(&database).unwrap();
        for (name, text) in set.signature_files() {
            std::fs::write(database.join(name), text).unwrap();
        }
        let files: Vec<Vec<u8>> = set.files.iter().map(|(_, data)| data.clone()).collect();
        write_all(&dir.path().join("files"), &files);
        let theirs = found(program, &database, &dir.path().join("files"));
        let is_ours = |data: &Vec<u8>| !scan(json!({}), &set.signature_files(), data).findings.is_empty();
        let ours: Vec<usize> = (0..files.len()).filter(|number| is_ours(&files[*number])).collect();
        assert_eq!(ours, theirs, "{:?}", set.lines);
    }
}

#[test]
fn clamscan_finds_no_more_in_any_container() {
    let Some(program) = clamscan() else { return };
    let bad = crate::eicar::file();
    let bad = bad.as_slice();
    let encrypted = zip(&[("a", b"something else")], Zip { flags: 1, ..STORED });
    let once = zip(&[("readme", b"nothing"), ("a.com", bad)], DEFLATED);
    let message = attached("a.zip", &once).replace('\n', "\r\n");
    let files = vec![
        bad.to_vec(),
        b"clean".to_vec(),
        once.clone(),
        zip(&[("a.com", bad)], STORED),
        zip(&[("a.com", bad)], Zip { is_64: true, ..DEFLATED }),
        zip(&[("inner.zip", &once)], STORED),
        zip(&[("inner.zip", &once)], DEFLATED),
        gzip(bad),
        gzip(&once),
        tar(&[("clean", b"clean"), ("a.com", bad)]),
        gzip(&tar(&[("a.zip", &once)])),
        message.clone().into_bytes(),
        zip(&[("mail.eml", message.as_bytes())], DEFLATED),
        encrypted,
        zip(&[("clean", b"clean")], DEFLATED),
        once[..once.len() - 30].to_vec(),
        [b"stub of a program that unpacks itself".as_slice(), &once].concat(),
        zip(&[("a.com", bad)], Zip { has_directory: false, ..DEFLATED }),
    ];
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("db");
    std::fs::create_dir(&database).unwrap();
    std::fs::write(database.join("own.ndb"), crate::eicar::signatures().concat()).unwrap();
    write_all(&dir.path().join("files"), &files);
    let theirs = found(program, &database, &dir.path().join("files"));
    let ours: Vec<usize> =
        (0..files.len()).filter(|number| !scan(json!({}), &[], &files[*number]).findings.is_empty()).collect();
    // It reads no zip without a directory, and not the offsets that this zip64 keeps in its extra field.
    assert_eq!(ours, [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17]);
    assert!(theirs.iter().all(|number| ours.contains(number)) && theirs.len() + 3 >= ours.len(), "{theirs:?}");
}
