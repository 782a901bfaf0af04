//! Delivery into real folders.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn copy(mailbox: &Path, name: &str) -> Copy {
    Copy { mailbox: mailbox.to_owned(), name: name.to_owned(), head: b"Return-Path: <>\r\n".to_vec(), repeated: false }
}

fn deliver_one(maildirs: &Maildirs, copy: Copy, content: &[u8]) -> io::Result<Stored> {
    let mut results = maildirs.deliver(vec![Parcel { copies: vec![copy], content: Source::Inline(content) }]);
    results.remove(0).remove(0)
}

fn files(mailbox: &Path, folder: &str) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(mailbox.join(folder)) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), text)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn one_message_with_lf_line_ends() {
    let root = tempfile::tempdir().unwrap();
    let mailbox = root.path().join("example.com/alice");
    let name = file_name(1_795_000_000_123, "0abc", 2, "mx/ex:ample.com");
    assert_eq!(name, "1795000000.Q0abcR2.mx_ex_ample.com");
    let stored =
        deliver_one(&Maildirs::new(), copy(&mailbox, &name), b"A: b\r\nreturn-path: <forged>\r\n\r\nbody\r\n").unwrap();
    let text = "Return-Path: <>\nA: b\n\nbody\n";
    assert!(matches!(stored, Stored::New(bytes) if bytes == text.len() as u64));
    assert_eq!(files(&mailbox, "new"), [(name, text.to_owned())]);
    assert!(files(&mailbox, "tmp").is_empty());
    assert!(mailbox.join("cur").is_dir());
    assert_eq!(fs::metadata(&mailbox).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_batch_over_many_mailboxes_and_chunks() {
    let root = tempfile::tempdir().unwrap();
    for shared in [true, false] {
        let maildirs = Maildirs::new();
        if !shared {
            *maildirs.syncer.slow_until.lock().unwrap() = Some(std::time::Instant::now() + Duration::from_secs(600));
        }
        let mailboxes: Vec<PathBuf> = (0..40).map(|n| root.path().join(format!("{shared}{n}"))).collect();
        let stream: Source = Source::Stream(Box::new(|| {
            let mut chunks =
                vec![b"Return-Path:\r\n forged\r\nA: b\r".to_vec(), b"\n\r\n".to_vec(), vec![b'x'; 70_000]].into_iter();
            Ok(Box::new(move || Ok(chunks.next())))
        }));
        let parcels = vec![
            Parcel { copies: mailboxes.iter().map(|m| copy(m, "one")).collect(), content: stream },
            Parcel { copies: vec![copy(&mailboxes[0], "two")], content: Source::Inline(b"B: c\r\n") },
        ];
        let results = maildirs.deliver(parcels);
        assert!(results.iter().flatten().all(Result::is_ok), "{results:?}");
        assert_eq!(results[0].len(), 40);
        let wanted = format!("Return-Path: <>\nA: b\n\n{}", "x".repeat(70_000));
        for mailbox in &mailboxes {
            assert!(files(mailbox, "new").contains(&("one".to_owned(), wanted.clone())));
            assert!(files(mailbox, "tmp").is_empty());
        }
        assert_eq!(files(&mailboxes[0], "new").len(), 2);
    }
}

#[test]
fn repeated_deliveries_make_no_second_copy() {
    let root = tempfile::tempdir().unwrap();
    let mailbox = root.path().join("alice");
    let maildirs = Maildirs::new();
    let again = || Copy { repeated: true, ..copy(&mailbox, "1.Q0abcR0.mx") };
    assert!(matches!(deliver_one(&maildirs, again(), b"x\r\n").unwrap(), Stored::New(_)));
    assert!(matches!(deliver_one(&maildirs, again(), b"x\r\n").unwrap(), Stored::Already));
    // The reader has seen it and set a flag.
    fs::rename(mailbox.join("new/1.Q0abcR0.mx"), mailbox.join("cur/1.Q0abcR0.mx:2,S")).unwrap();
    assert!(matches!(deliver_one(&maildirs, again(), b"x\r\n").unwrap(), Stored::Already));
    let other = Copy { repeated: true, ..copy(&mailbox, "1.Q0abcR1.mx") };
    assert!(matches!(deliver_one(&maildirs, other, b"x\r\n").unwrap(), Stored::New(_)));
    // Not marked as repeated, it goes over itself.
    assert!(matches!(deliver_one(&maildirs, copy(&mailbox, "1.Q0abcR1.mx"), b"x\r\n").unwrap(), Stored::New(_)));
    assert_eq!(files(&mailbox, "new").len(), 1);
}

#[test]
fn faults_are_errors_of_their_copy_only() {
    let root = tempfile::tempdir().unwrap();
    let good = root.path().join("good");
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let no_new = root.path().join("no-new");
    fs::create_dir_all(no_new.join("tmp")).unwrap();
    fs::write(no_new.join("new"), "").unwrap();
    let lost_new = root.path().join("lost-new");
    fs::create_dir_all(lost_new.join("tmp")).unwrap();
    let copies =
        vec![copy(&file, "a"), copy(&good, "a"), copy(&no_new, "a"), copy(&lost_new, "a"), copy(&file.join("x"), "a")];
    let results = Maildirs::new().deliver(vec![Parcel { copies, content: Source::Inline(b"x\r\n") }]);
    let ok: Vec<bool> = results[0].iter().map(Result::is_ok).collect();
    assert_eq!(ok, [false, true, false, true, false], "{results:?}");
    assert!(files(&no_new, "tmp").is_empty(), "nothing is left behind");
}

#[test]
fn content_that_cannot_be_read_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mailbox = root.path().join("alice");
    let stream = Source::Stream(Box::new(|| {
        let mut first = true;
        Ok(Box::new(move || {
            if std::mem::take(&mut first) { Ok(Some(b"half".to_vec())) } else { Err(io::Error::other("damaged")) }
        }))
    }));
    let parcels = vec![Parcel { copies: vec![copy(&mailbox, "a")], content: stream }];
    assert!(Maildirs::new().deliver(parcels)[0][0].is_err());
    assert!(files(&mailbox, "tmp").is_empty() && files(&mailbox, "new").is_empty());
}

/// A5: a write that finds no space. `/dev/full` stands in for the disk.
#[test]
fn no_space_is_an_error_and_no_message() {
    let root = tempfile::tempdir().unwrap();
    let mailbox = root.path().join("alice");
    let place = mailbox.join("new/a");
    let mut target = Target::open(&copy(&mailbox, "a"), place.clone(), false).unwrap();
    target.file_for_test(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    write_inline(&mut target, b"x\n", &mut |file| file.sync_all().map(|()| 0));
    assert_eq!(target.failed.as_ref().unwrap().kind(), io::ErrorKind::StorageFull);
    assert!(!place.exists());
}

#[test]
fn old_leftovers_are_swept_and_young_ones_stay() {
    let root = tempfile::tempdir().unwrap();
    let mailbox = root.path().join("alice");
    let maildirs = Maildirs::new();
    deliver_one(&maildirs, copy(&mailbox, "a"), b"").unwrap();
    for (name, age) in [("old", 37), ("young", 35)] {
        let file = fs::File::create(mailbox.join("tmp").join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age * 3600)).unwrap();
    }
    // Swept once for each process: this one has done it.
    deliver_one(&maildirs, copy(&mailbox, "b"), b"").unwrap();
    assert_eq!(files(&mailbox, "tmp").len(), 2);
    deliver_one(&Maildirs::new(), copy(&mailbox, "c"), b"").unwrap();
    assert_eq!(files(&mailbox, "tmp").len(), 1);
    assert_eq!(files(&mailbox, "tmp")[0].0, "young");
}
