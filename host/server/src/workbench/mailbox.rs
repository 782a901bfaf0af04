//! Messages from files: single ones, mbox, Maildir, folders. Reads one at a time, so that a year of mail needs no
//! memory; changes nothing but line ends, which become those of SMTP.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes of one message; a larger one is an error and the next is read.
const MESSAGE_BYTES_MAX: usize = 256 << 20;
/// Folders within folders.
const DEPTH_MAX: usize = 32;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The file's path; in an mbox, from the second on, with `#2`.
    pub name: String,
    pub file: PathBuf,
    /// Lines end with CRLF.
    pub bytes: Vec<u8>,
    /// From the line `From sender date` of an mbox.
    pub sender: Option<String>,
}

impl Letter {
    /// Begins with a header field (RFC 5322 section 2.2): what does not is some other kind of file.
    pub fn is_message(&self) -> bool {
        let name = self.bytes.iter().take_while(|byte| byte.is_ascii_graphic() && **byte != b':').count();
        name > 0 && self.bytes.get(name) == Some(&b':')
    }
}

/// All messages of these files and folders, in their order. An error names the file; the next messages follow it.
pub fn letters(paths: &[PathBuf]) -> Letters {
    let pending = paths.iter().rev().map(|path| (path.clone(), 0)).collect();
    Letters { pending, open: None }
}

pub struct Letters {
    /// The next one last, with its depth below what was named.
    pending: Vec<(PathBuf, usize)>,
    open: Option<Mbox>,
}

struct Mbox {
    file: PathBuf,
    reader: BufReader<File>,
    /// The separator of the next message.
    next: Option<Vec<u8>>,
    count: usize,
}

impl Iterator for Letters {
    type Item = Result<Letter, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mbox) = &mut self.open {
                match mbox.read() {
                    Some(letter) => return Some(letter),
                    None => self.open = None,
                }
            }
            let (path, depth) = self.pending.pop()?;
            match self.open(&path, depth) {
                Ok(Some(letter)) => return Some(Ok(letter)),
                Ok(None) => {}
                Err(error) => return Some(Err(format!("{}: {error}", path.display()))),
            }
        }
    }
}

impl Letters {
    /// A message; none: the path was a folder or an mbox, whose messages come next.
    fn open(&mut self, path: &Path, depth: usize) -> Result<Option<Letter>, String> {
        let said = |error: std::io::Error| error.to_string();
        if path.is_dir() {
            if depth >= DEPTH_MAX {
                return Err(format!("is a folder below {DEPTH_MAX} others"));
            }
            let mut inside = list(path).map_err(said)?;
            inside.reverse();
            self.pending.extend(inside.into_iter().map(|path| (path, depth.saturating_add(1))));
            return Ok(None);
        }
        let mut reader = BufReader::new(File::open(path).map_err(said)?);
        if reader.fill_buf().map_err(said)?.starts_with(b"From ") {
            let mut next = Vec::new();
            reader.read_until(b'\n', &mut next).map_err(said)?;
            self.open = Some(Mbox { file: path.to_owned(), reader, next: Some(next), count: 0 });
            return Ok(None);
        }
        let most = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        reader.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(said)?;
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(format!("is larger than {MESSAGE_BYTES_MAX} bytes"));
        }
        let name = path.display().to_string();
        Ok(Some(Letter { name, file: path.to_owned(), bytes: smtp_lines(&bytes), sender: None }))
    }
}

/// What is in a folder, sorted: of a Maildir `new` and `cur`, of others all but hidden files and `.toml`, and links to
/// folders, which could lead back here.
fn list(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let maildir = [folder.join("new"), folder.join("cur")];
    if maildir.iter().all(|folder| folder.is_dir()) {
        return Ok(maildir.into());
    }
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_symlink() && path.is_dir() {
            continue;
        }
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_none_or(|ending| ending != "toml") {
            inside.push(path);
        }
    }
    inside.sort();
    Ok(inside)
}

impl Mbox {
    fn read(&mut self) -> Option<Result<Letter, String>> {
        let separator = self.next.take()?;
        self.count = self.count.saturating_add(1);
        let mut bytes = Vec::new();
        let (mut empty_before, mut too_large) = (false, false);
        loop {
            let mut line = Vec::new();
            let most = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX);
            match self.reader.by_ref().take(most).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Some(Err(format!("{}: {error}", self.file.display()))),
            }
            if empty_before && begins_message(&line) {
                self.next = Some(line);
                break;
            }
            empty_before = matches!(line.as_slice(), b"\n" | b"\r\n");
            let quoted = line.iter().position(|byte| *byte != b'>').filter(|at| *at > 0);
            if quoted.is_some_and(|at| line.get(at..).is_some_and(|rest| rest.starts_with(b"From "))) {
                line.remove(0);
            }
            too_large = too_large || bytes.len().saturating_add(line.len()) > MESSAGE_BYTES_MAX;
            if !too_large {
                bytes.extend(line);
            }
        }
        let name = match self.count {
            1 => self.file.display().to_string(),
            count => format!("{}#{count}", self.file.display()),
        };
        if too_large {
            return Some(Err(format!("{name}: is larger than {MESSAGE_BYTES_MAX} bytes")));
        }
        // The empty line before the next separator belongs to the mbox.
        if self.next.is_some() {
            bytes.truncate(bytes.len() - if bytes.ends_with(b"\r\n") { 2 } else { 1 });
        }
        let words = String::from_utf8_lossy(&separator).into_owned();
        let sender = words.split_whitespace().nth(1).filter(|word| word.contains('@')).map(str::to_owned);
        Some(Ok(Letter { name, file: self.file.clone(), bytes: smtp_lines(&bytes), sender }))
    }
}

/// `From sender Mon Jan …`: a sentence in a text has no weekday there.
fn begins_message(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let third = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1);
    let days: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    third.is_some_and(|word| days.contains(&word.strip_suffix(b",").unwrap_or(word)))
}

/// CRLF where a file has LF.
pub fn smtp_lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().saturating_add(bytes.len() / 32));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) if !text.ends_with(b"\r") => {
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            _ => out.extend_from_slice(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(paths: &[PathBuf]) -> Vec<(String, String)> {
        let text = |letter: Letter| (letter.name, String::from_utf8(letter.bytes).unwrap());
        letters(paths).map(|letter| text(letter.unwrap())).collect()
    }

    #[test]
    fn an_mbox_is_cut_where_a_message_begins() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("box");
        let text =
            "From a@b Mon Jan 1\nSubject: 1\n\n>From here\nFrom there\n\nFrom c@d Mon Jan 2\nSubject: 2\n\n>>From\n";
        std::fs::write(&file, text).unwrap();
        let found: Vec<Letter> = letters(std::slice::from_ref(&file)).map(Result::unwrap).collect();
        let name = file.display().to_string();
        let expected = [
            (name.clone(), "Subject: 1\r\n\r\nFrom here\r\nFrom there\r\n", "a@b"),
            (format!("{name}#2"), "Subject: 2\r\n\r\n>>From\r\n", "c@d"),
        ];
        assert_eq!(found.len(), 2);
        for (letter, (name, text, sender)) in found.into_iter().zip(expected) {
            let said = (letter.name, String::from_utf8(letter.bytes).unwrap(), letter.sender.unwrap());
            assert_eq!(said, (name, text.to_owned(), sender.to_owned()));
        }
    }

    #[test]
    fn a_sentence_begins_no_message_and_a_hostile_mbox_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("box");
        let count = |text: &str| {
            std::fs::write(&file, text).unwrap();
            letters(std::slice::from_ref(&file)).map(Result::unwrap).count()
        };
        assert_eq!(count("From a@b Mon Jan 1\nSubject: 1\n\nhello\n\nFrom here on it is text\n"), 1);
        assert_eq!(count("From - Mon Jan 1\n\nFrom - Tue, Jan 2\n\nFrom \n\nFrom x\n\n\n"), 2);
        for odd in ["From ", "From x", "From x\n", "From x\n\n", "From x\n\n\nFrom y Mon", "From x\nFrom y Mon\n"] {
            assert!((1..=2).contains(&count(odd)), "{odd:?}");
        }
    }

    #[test]
    fn what_begins_with_no_field_is_no_message() {
        let is_message = |text: &str| {
            let (name, file) = (String::new(), PathBuf::new());
            Letter { name, file, bytes: text.as_bytes().to_vec(), sender: None }.is_message()
        };
        assert!(is_message("Subject: x\r\n\r\n") && is_message("X-Odd!#:"));
        assert!(!is_message("") && !is_message(": x") && !is_message("mv 1 2\n") && !is_message("\u{0}PNG:"));
    }

    #[test]
    fn folders_are_read_in_order_and_a_maildir_without_tmp() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
            file.display().to_string()
        };
        put("plain/b.toml", "");
        put("plain/.hidden", "");
        let (b, a) = (put("plain/b.eml", "Subject: b\n\n"), put("plain/below/a.eml", "Subject: a\r\n\r\n"));
        let (new, cur) = (put("maildir/new/2", "Subject: n\n"), put("maildir/cur/1:2,S", "Subject: c\n"));
        put("maildir/tmp/3", "Subject: t\n");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("plain/loop")).unwrap();
        let expected =
            [(b, "Subject: b\r\n\r\n"), (a, "Subject: a\r\n\r\n"), (new, "Subject: n\r\n"), (cur, "Subject: c\r\n")];
        let expected: Vec<_> = expected.map(|(name, text)| (name, text.to_owned())).into();
        assert_eq!(read(&[folder.path().join("plain"), folder.path().join("maildir")]), expected);
        let missing = letters(&[folder.path().join("none")]).next().unwrap().unwrap_err();
        assert!(missing.contains("none"), "{missing}");
    }
}
