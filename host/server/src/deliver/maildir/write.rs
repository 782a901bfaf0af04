//! Writes one content into the `tmp/` of several mailboxes at once, reading it just once.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use postwarden_mail::header;

use super::Copy;
use super::sync::sync_folder;

/// Folders and files are the server's own: nobody else reads mail.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Counts the temporary files of this process.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Hands out content chunk by chunk; none at the end.
pub(crate) type Chunks<'a> = Box<dyn FnMut() -> io::Result<Option<Vec<u8>>> + 'a>;

/// Where content comes from.
pub(crate) enum Source<'a> {
    Inline(&'a [u8]),
    /// Opened anew for each group of mailboxes.
    Stream(Box<dyn FnMut() -> io::Result<Chunks<'a>> + 'a>),
}

/// One file that is being written.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub temporary: PathBuf,
    pub place: PathBuf,
    pub bytes: u64,
    pub device: u64,
    pub failed: Option<io::Error>,
    head: Vec<u8>,
    file: Option<File>,
}

impl Target {
    /// Opens the temporary file, in folders that are made where they are missing.
    pub(super) fn open(copy: &Copy, place: PathBuf, shared: bool) -> io::Result<Self> {
        let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.{}_{counter}", copy.name, std::process::id());
        let temporary = copy.mailbox.join("tmp").join(name);
        let open = || OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&temporary);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folders(&copy.mailbox, shared)?;
                open()?
            }
            other => other?,
        };
        let head = to_lf(&copy.head);
        Ok(Self { temporary, place, file: Some(file), head, ..Self::default() })
    }

    /// To `new/`, over a file of the same name: that can only be this same delivery.
    pub(super) fn rename(&self) -> io::Result<()> {
        match fs::rename(&self.temporary, &self.place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(mailbox) = self.place.parent().and_then(Path::parent) {
                    make_folders(mailbox, false)?;
                }
                fs::rename(&self.temporary, &self.place)
            }
            other => other,
        }
    }

    #[cfg(test)]
    pub(super) fn file_for_test(&mut self, file: File) {
        self.file = Some(file);
    }

    /// Syncs and closes.
    fn finish(&mut self, sync: &mut dyn FnMut(&File) -> io::Result<u64>) {
        if let Some(file) = self.file.take() {
            match sync(&file) {
                Ok(device) => self.device = device,
                Err(error) => self.failed = Some(error),
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        match file.write_all(bytes) {
            Ok(()) => self.bytes += bytes.len() as u64,
            Err(error) => {
                self.failed = Some(error);
                self.file = None;
            }
        }
    }
}

/// Makes `cur`, `new` and last `tmp`, which is what [`Target::open`] looks for. `shared`: a sync of
/// the whole file system follows.
fn make_folders(mailbox: &Path, shared: bool) -> io::Result<()> {
    // All folders that will hold a new entry: up to the first that is there already.
    let mut holders = vec![mailbox];
    for above in mailbox.ancestors().skip(1) {
        holders.push(above);
        if above.exists() {
            break;
        }
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(FOLDER_MODE);
    for folder in ["cur", "new", "tmp"] {
        builder.create(mailbox.join(folder))?;
    }
    if !shared {
        for folder in holders {
            sync_folder(folder)?;
        }
    }
    Ok(())
}

/// Writes a whole file: the head and `body`, which has LF line ends already. `sync` is called with the
/// complete file and returns its device. What failed says so in `failed`.
pub(super) fn write_inline(target: &mut Target, body: &[u8], sync: &mut dyn FnMut(&File) -> io::Result<u64>) {
    // One write for head and content together.
    let mut whole = std::mem::take(&mut target.head);
    whole.extend_from_slice(body);
    target.put(&whole);
    target.finish(sync);
}

/// Writes one stream to all targets, reading it just once.
pub(super) fn write_stream(
    targets: &mut [&mut Target],
    stream: io::Result<Chunks>,
    sync: &mut dyn FnMut(&File) -> io::Result<u64>,
) {
    let mut ends = LineEnds::default();
    for target in targets.iter_mut() {
        let head = std::mem::take(&mut target.head);
        target.put(&head);
    }
    let read = stream.and_then(|mut next| {
        let mut first = true;
        while let Some(chunk) = next()? {
            // The header section is in the first chunk; who makes a longer one may keep its field.
            let chunk = match std::mem::take(&mut first) {
                true => ends.convert(&header::without(&chunk, super::RETURN_PATH)),
                false => ends.convert(&chunk),
            };
            for target in targets.iter_mut() {
                target.put(&chunk);
            }
        }
        Ok(())
    });
    let rest = ends.finish();
    for target in targets.iter_mut() {
        match &read {
            Ok(()) => {
                target.put(rest);
                target.finish(sync);
            }
            Err(error) => target.failed = Some(super::clone_error(error)),
        }
    }
}

pub(super) fn to_lf(bytes: &[u8]) -> Vec<u8> {
    let mut ends = LineEnds::default();
    let mut out = ends.convert(bytes);
    out.extend_from_slice(ends.finish());
    out
}

/// CRLF to LF over the borders of chunks. A CR without LF stays.
#[derive(Default)]
struct LineEnds {
    /// The last chunk ended with a CR that was not passed on yet.
    cr: bool,
}

impl LineEnds {
    fn convert(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(chunk.len() + 1);
        if chunk.is_empty() {
            return out;
        }
        if std::mem::take(&mut self.cr) && chunk.first() != Some(&b'\n') {
            out.push(b'\r');
        }
        let mut rest = chunk;
        while let Some(at) = memchr::memchr(b'\r', rest) {
            let (before, tail) = rest.split_at(at);
            out.extend_from_slice(before);
            match tail.get(1) {
                Some(b'\n') => {}
                Some(_) => out.push(b'\r'),
                None => self.cr = true,
            }
            rest = tail.get(1..).unwrap_or(&[]);
        }
        out.extend_from_slice(rest);
        out
    }

    fn finish(&mut self) -> &'static [u8] {
        if std::mem::take(&mut self.cr) { b"\r" } else { b"" }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn only_crlf_changes_at_every_cut() {
        let text = b"a\r\nb\r\r\n\nc\r";
        assert_eq!(to_lf(text), b"a\nb\r\n\nc\r");
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut ends = LineEnds::default();
                let mut out = ends.convert(&text[..first]);
                out.extend(ends.convert(&text[first..second]));
                out.extend(ends.convert(&text[second..]));
                out.extend_from_slice(ends.finish());
                assert_eq!(out, b"a\nb\r\n\nc\r", "{first} {second}");
            }
        }
    }
}
