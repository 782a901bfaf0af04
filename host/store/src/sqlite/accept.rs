//! A new message into the database: content first on the disk, then the rows in one transaction.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, params};

use super::history::Record;
use super::writer::Durability;
use super::{SYNC_FAILED, fail};
use crate::body::INLINE_BYTES_MAX;
use crate::codes::{HELD, QUEUED, hold_number, route_text};
use crate::draft::{Content, Reserved, write_synced};
use crate::error::blocking;
use crate::queue::{NewMessage, NewRecipient};
use crate::{Error, Id, Result};

/// A message as its rows need it. Content that is a file is written, synced and named already.
pub(crate) struct Prepared {
    id: Id,
    envelope: String,
    trace: Vec<u8>,
    /// Bytes of trace and content.
    size: i64,
    content: Place,
    recipients: Vec<NewRecipient>,
    hold: Option<(i64, Option<i64>, String)>,
    history: Option<Record>,
}

enum Place {
    /// The reservation is given back when the message is written.
    Row(Vec<u8>, #[expect(dead_code)] Reserved),
    File(Arc<ContentFile>),
}

/// A content file, removed again unless its rows were committed.
pub(crate) struct ContentFile {
    path: PathBuf,
    committed: AtomicBool,
}

impl ContentFile {
    fn place(path: PathBuf) -> Place {
        Place::File(Arc::new(Self { path, committed: AtomicBool::new(false) }))
    }

    pub(crate) fn committed(&self) {
        self.committed.store(true, Ordering::Release);
    }
}

impl Drop for ContentFile {
    fn drop(&mut self) {
        if !self.committed.load(Ordering::Acquire) {
            // What is left behind is removed at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

pub(crate) async fn prepare(bodies: &Path, message: NewMessage) -> Result<Prepared> {
    message.check()?;
    let content = message.content.finish().await?;
    let size = content.size() + message.trace.len() as u64;
    Ok(Prepared {
        id: message.id,
        envelope: serde_json::to_string(&message.envelope).map_err(|error| Error::Invalid(error.to_string()))?,
        trace: message.trace,
        size: i64::try_from(size).map_err(|_| Error::LimitExceeded("size of a message".to_owned()))?,
        recipients: message.recipients,
        hold: message.hold.map(|hold| (hold_number(&hold.reason), hold.expires, hold.detail)),
        history: message.history.as_ref().map(Record::new).transpose()?,
        content: place(bodies, message.id, content).await?,
    })
}

async fn place(bodies: &Path, id: Id, content: Content) -> Result<Place> {
    let path = bodies.join(id.to_string());
    match content {
        Content::Memory(bytes, reserved) if bytes.len() <= INLINE_BYTES_MAX => Ok(Place::Row(bytes, reserved)),
        Content::Memory(bytes, reserved) => {
            let folder = bodies.to_owned();
            blocking(move || {
                let _reserved = reserved;
                write_synced(&bytes, &folder, &path)?;
                Ok(ContentFile::place(path))
            })
            .await
        }
        Content::File { file, path: spooled, .. } => {
            blocking(move || {
                file.sync_all().map_err(|error| Error::file(SYNC_FAILED, &error))?;
                spooled.persist_noclobber(&path).map_err(|error| Error::file(path.display(), &error.error))?;
                Ok(ContentFile::place(path))
            })
            .await
        }
    }
}

impl Prepared {
    pub(crate) fn durability(&self) -> Durability {
        match self.content {
            Place::Row(..) => Durability::Disk,
            Place::File(_) => Durability::DiskAndFolder,
        }
    }

    /// To be told when the rows are committed.
    pub(crate) fn file(&self) -> Option<Arc<ContentFile>> {
        match &self.content {
            Place::Row(..) => None,
            Place::File(file) => Some(Arc::clone(file)),
        }
    }

    /// `Exists` if the id is taken; the first statement tells, before anything is changed.
    pub(crate) fn insert(&self, database: &Connection) -> Result<()> {
        let content = match &self.content {
            Place::Row(bytes, _) => Some(bytes.as_slice()),
            Place::File(_) => None,
        };
        let (reason, expires, detail) = match &self.hold {
            Some((reason, expires, detail)) => (Some(*reason), *expires, Some(detail.as_str())),
            None => (None, None, None),
        };
        let mut insert = database.prepare_cached(INSERT_MESSAGE).map_err(fail)?;
        let row = params![self.id.0, self.envelope, self.trace, self.size, reason, expires, detail, content];
        insert.execute(row).map_err(fail)?;
        let state = if self.hold.is_some() { HELD } else { QUEUED };
        let mut insert = database.prepare_cached(INSERT_RECIPIENT).map_err(fail)?;
        for (position, to) in (0i64..).zip(&self.recipients) {
            let row = params![
                self.id.0,
                position,
                state,
                to.due,
                to.expires,
                to.address,
                Some(&to.original).filter(|original| **original != to.address),
                route_text(&to.route),
                to.sender,
                to.notify,
                to.orcpt,
            ];
            insert.execute(row).map_err(fail)?;
        }
        self.history.as_ref().map_or(Ok(()), |record| record.insert(database))
    }
}

const INSERT_MESSAGE: &str = "insert into message (id, envelope, trace, size, hold_reason, hold_expires, hold_detail, \
     content) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const INSERT_RECIPIENT: &str = "insert into recipient (message, position, state, due, expires, address, original, \
     route, sender, notify, orcpt, attempts, warned) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, 0)";
