//! The embedded backend: one database file, one process that owns it, one thread that writes.
//! Content above [`INLINE_BYTES_MAX`](crate::body::INLINE_BYTES_MAX) lies in files beside it.

mod accept;
mod accounts;
mod change;
mod claims;
mod history;
mod holds;
mod queue;
mod readers;
mod rows;
mod schema;
mod state;
mod writer;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ffi};

use self::claims::Claims;
use self::readers::Readers;
use self::writer::Writer;
use crate::lock::{lock_file, make_folder};
use crate::{Error, Id, Result};

const DATABASE: &str = "store.sqlite";
const LOCK: &str = "store.lock";
const BODIES: &str = "bodies";
/// Bytes of a database page. Measured: see `benches/accept.rs`.
const PAGE_BYTES: u32 = 4096;
/// How a failed fsync begins in `Error::Unavailable`: the writer stops for good when it sees one.
const SYNC_FAILED: &str = "a write could not be synced to the disk; restart the process";

#[derive(Debug)]
pub struct Sqlite {
    bodies: Arc<PathBuf>,
    readers: Arc<Readers>,
    claims: Arc<Mutex<Claims>>,
    generation: Arc<AtomicI64>,
    newest_id: Option<Id>,
    writer: Writer,
}

impl Sqlite {
    /// Opens the store of the folder, or makes one. Blocks. `InUse` if another process has it open:
    /// a command that works on the store directly calls this too, so it never meets a server.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let bodies = data_dir.join(BODIES);
        make_folder(&bodies)?;
        let lock = lock_file(&data_dir.join(LOCK))?;
        let path = data_dir.join(DATABASE);
        // Mail and passwords: for this user alone. SQLite gives its other files the same mode.
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        made.map_err(|error| Error::file(path.display(), &error))?;
        let mut database = Connection::open(&path).map_err(fail)?;
        prepare(&database)?;
        schema::migrate(&mut database)?;
        sync_folder(data_dir)?;
        remove_orphans(&database, &bodies)?;
        let newest = "select max(id) from message";
        let newest_id = database.query_row(newest, [], |row| row.get::<_, Option<i64>>(0)).map_err(fail)?;
        let generation = accounts::read_generation(&database)?;
        let folder = File::open(&bodies).map_err(|error| Error::file(bodies.display(), &error))?;
        Ok(Self {
            bodies: Arc::new(bodies),
            readers: Readers::new(&path),
            claims: Arc::default(),
            generation: Arc::new(AtomicI64::new(generation)),
            newest_id: newest_id.map(Id),
            writer: Writer::start(database, folder, lock)?,
        })
    }

    /// The newest message at the time of opening.
    pub fn newest_id(&self) -> Option<Id> {
        self.newest_id
    }

    /// For tests: the database may take this many pages and no more; 0 sets it free again.
    #[doc(hidden)]
    pub async fn limit_pages(&self, pages: u32) -> Result<()> {
        let pages = if pages == 0 { 0xffff_fffe } else { i64::from(pages) };
        let set = move |database: &Connection| {
            database.query_row(&format!("pragma max_page_count = {pages}"), [], |_| Ok(())).map_err(fail)
        };
        self.writer.write(writer::Durability::Process, set).await
    }
}

fn prepare(database: &Connection) -> Result<()> {
    database.set_prepared_statement_cache_capacity(64);
    // Closing would copy the log once more, also after a failed fsync. The writer does it where it is safe.
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(fail)?;
    // Page size and auto_vacuum count only for a new file. The writer copies the log by itself.
    let batch = format!(
        "pragma page_size = {PAGE_BYTES};
         pragma journal_mode = wal;
         pragma synchronous = full;
         pragma wal_autocheckpoint = 0;
         pragma journal_size_limit = 67108864;
         pragma temp_store = memory;
         pragma cache_size = -8192;
         pragma foreign_keys = off;"
    );
    database.execute_batch(&batch).map_err(fail)
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::file(format_args!("sync of {}", folder.display()), &error))
}

/// Removes content whose message was never committed, or is gone.
fn remove_orphans(database: &Connection, bodies: &Path) -> Result<()> {
    let mut statement = database.prepare("select id from message where content is null").map_err(fail)?;
    let known = statement.query_map([], |row| row.get::<_, i64>(0)).map_err(fail)?;
    let known: HashSet<i64> = known.collect::<rusqlite::Result<_>>().map_err(fail)?;
    let entries = fs::read_dir(bodies).map_err(|error| Error::file(bodies.display(), &error))?;
    for entry in entries.flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse::<Id>().ok());
        if id.is_none_or(|id| !known.contains(&id.0)) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|error| Error::file(path.display(), &error))?;
        }
    }
    Ok(())
}

/// What an error of SQLite means for the caller.
fn fail(error: rusqlite::Error) -> Error {
    let Some(code) = error.sqlite_error() else {
        // A value of another type than was written.
        return Error::Damaged(error.to_string());
    };
    let text = error.to_string();
    match code.extended_code {
        ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => Error::Unavailable(format!("{SYNC_FAILED}: {text}")),
        _ => match code.extended_code & 0xff {
            ffi::SQLITE_FULL => Error::Full(text),
            ffi::SQLITE_TOOBIG => Error::LimitExceeded(text),
            ffi::SQLITE_CONSTRAINT => Error::Exists(text),
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_MISMATCH => Error::Damaged(text),
            _ => Error::Unavailable(text),
        },
    }
}
