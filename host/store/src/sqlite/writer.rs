//! The one thread that writes: takes all that waits, one transaction, one fsync, then answers all.
//! Knows nothing of tables except through the work it is given.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use rusqlite::hooks::Wal;
use rusqlite::{Connection, Row};
use tokio::sync::{mpsc, oneshot};

use super::{PAGE_BYTES, SYNC_FAILED, fail};
use crate::space::check_room;
use crate::{Error, Result};

/// Requests that may wait for the writer; more callers wait in line before it.
const WAITING_MAX: usize = 1024;
/// Requests in one transaction.
const BATCH_MAX: usize = 256;
/// Pages that may stand in the write-ahead log before it is copied to the database (16 MiB).
const LOG_PAGES_MAX: u64 = 4096;

/// How much must be on the disk when a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Survives kill -9. Costs no fsync of its own.
    Process,
    /// Survives power loss.
    Disk,
    /// As `Disk`, and the folder of content files is synced before.
    DiskAndFolder,
}

/// A request. `run` may be called again after a rollback, so it must not use up what it needs.
trait Work: Send {
    fn durability(&self) -> Durability;
    fn run(&mut self, database: &Connection) -> Result<()>;
    fn end(self: Box<Self>, outcome: Result<()>);
}

struct Request<T, R, A> {
    durability: Durability,
    run: R,
    after: A,
    value: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, R, A> Work for Request<T, R, A>
where
    T: Send,
    R: FnMut(&Connection) -> Result<T> + Send,
    A: FnOnce(bool) + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, database: &Connection) -> Result<()> {
        self.value = Some((self.run)(database)?);
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<()>) {
        (self.after)(outcome.is_ok());
        let value = match outcome {
            Ok(()) => self.value.ok_or_else(|| Error::Unavailable("the request was not run".to_owned())),
            Err(error) => Err(error),
        };
        // The caller may be gone; what it asked for stands anyway.
        let _ = self.reply.send(value);
    }
}

#[derive(Debug)]
pub(crate) struct Writer {
    sender: Option<mpsc::Sender<Box<dyn Work>>>,
    thread: Option<JoinHandle<()>>,
    log: Arc<Log>,
    /// On the file system whose space counts.
    place: File,
}

/// The write-ahead log, as the writer and its callers know it.
#[derive(Debug, Default)]
struct Log {
    /// Pages that are not in the database yet.
    pages: AtomicU64,
    /// Space is short: copy the log after each batch.
    hurry: AtomicBool,
}

impl std::fmt::Debug for dyn Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

impl Writer {
    /// `folder`: where content files are; `lock` is held until the thread has ended.
    pub(crate) fn start(mut database: Connection, folder: File, lock: File) -> Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let log = Arc::new(Log::default());
        let told = Arc::clone(&log);
        let hook = move |_: &mut Wal, pages: i32| {
            told.pages.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        database.wal_hook(Some(hook)).map_err(fail)?;
        let place = folder.try_clone().map_err(|error| Error::file("folder of content files", &error))?;
        let state = Thread { database, folder, full_sync: true, log: Arc::clone(&log), broken: None };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                state.serve(receiver);
                drop(lock);
            })
            .map_err(|error| Error::file("thread of the writer", &error))?;
        Ok(Self { sender: Some(sender), thread: Some(thread), log, place })
    }

    /// Runs the work in a transaction and answers after its commit. `after` is called in the writer
    /// with whether it was committed, also when this future was dropped meanwhile.
    pub(crate) async fn submit<T: Send + 'static>(
        &self,
        durability: Durability,
        run: impl FnMut(&Connection) -> Result<T> + Send + 'static,
        after: impl FnOnce(bool) + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::Unavailable("the writer has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let request = Box::new(Request { durability, run, after, value: None, reply });
        let sender = self.sender.as_ref().ok_or_else(gone)?;
        sender.send(request).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// `Full` if the disk has no room for something new. What is in the log needs room once more, in
    /// the database: so the log is copied before the answer is no.
    pub(crate) async fn check_room(&self, bytes: u64) -> Result<()> {
        let room = || check_room(&self.place, bytes + self.log.pages.load(Ordering::Relaxed) * u64::from(PAGE_BYTES));
        if room().is_ok() {
            self.log.hurry.store(false, Ordering::Relaxed);
            return Ok(());
        }
        self.log.hurry.store(true, Ordering::Relaxed);
        self.write(Durability::Process, |_| Ok(())).await?;
        room()
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        run: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.submit(durability, run, |_| ()).await
    }
}

impl Drop for Writer {
    /// Waits for what was submitted, so that the folder can be opened again at once.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    database: Connection,
    folder: File,
    full_sync: bool,
    log: Arc<Log>,
    /// After a failed fsync nobody knows what is on the disk: nothing is written any more.
    broken: Option<Error>,
}

impl Thread {
    fn serve(mut self, mut receiver: mpsc::Receiver<Box<dyn Work>>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while receiver.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            let outcomes = self.batch(&mut batch);
            // With little space those who ask for room wait for the copy.
            if self.log.hurry.load(Ordering::Relaxed) {
                self.copy_log(1);
            }
            for (work, outcome) in batch.drain(..).zip(outcomes) {
                work.end(outcome);
            }
            self.copy_log(LOG_PAGES_MAX);
        }
        self.copy_log(1);
    }

    /// One outcome for each request. If the transaction of all fails, each gets one of its own, so
    /// that one bad request spoils only itself.
    fn batch(&mut self, batch: &mut [Box<dyn Work>]) -> Vec<Result<()>> {
        match self.transaction(batch) {
            Ok(outcomes) => outcomes,
            Err(error) if batch.len() == 1 => vec![Err(error)],
            Err(_) => batch.iter_mut().map(|work| self.alone(work)).collect(),
        }
    }

    fn alone(&mut self, work: &mut Box<dyn Work>) -> Result<()> {
        self.transaction(std::slice::from_mut(work))?.pop().unwrap_or(Ok(()))
    }

    /// `Err`: nothing of it was committed.
    fn transaction(&mut self, batch: &mut [Box<dyn Work>]) -> Result<Vec<Result<()>>> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let outcomes = self.try_transaction(batch);
        if let Err(error) = &outcomes {
            if !self.database.is_autocommit() {
                let _ = self.database.execute_batch("rollback");
            }
            self.note_sync_failure(error);
        }
        outcomes
    }

    fn try_transaction(&mut self, batch: &mut [Box<dyn Work>]) -> Result<Vec<Result<()>>> {
        let full_sync = batch.iter().any(|work| work.durability() != Durability::Process);
        if full_sync != self.full_sync {
            self.execute(if full_sync { "pragma synchronous = full" } else { "pragma synchronous = normal" })?;
            self.full_sync = full_sync;
        }
        self.execute("begin immediate")?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for work in batch.iter_mut() {
            let before = self.database.total_changes();
            let outcome = work.run(&self.database);
            if let Err(error) = &outcome {
                // An error before the first change (not found, already there) needs no rollback.
                let untouched = self.database.total_changes() == before && !self.database.is_autocommit();
                if !untouched || is_sync_failure(error) {
                    return Err(error.clone());
                }
            }
            outcomes.push(outcome);
        }
        if batch.iter().any(|work| work.durability() == Durability::DiskAndFolder) {
            self.folder
                .sync_all()
                .map_err(|error| Error::Unavailable(format!("{SYNC_FAILED}: folder of content files: {error}")))?;
        }
        self.execute("commit")?;
        Ok(outcomes)
    }

    fn execute(&self, sql: &'static str) -> Result<()> {
        let mut statement = self.database.prepare_cached(sql).map_err(fail)?;
        statement.raw_execute().map(drop).map_err(fail)
    }

    /// Copies the write-ahead log into the database if it has that many pages. SQLite's own automatic
    /// way ignores a failed fsync; here it is seen.
    fn copy_log(&mut self, pages_min: u64) {
        if self.broken.is_some() || self.log.pages.load(Ordering::Relaxed) < pages_min {
            return;
        }
        let pages = |row: &Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        match self.database.query_row("pragma wal_checkpoint(passive)", [], pages).map_err(fail) {
            // A reader may still need the rest; the next batch tries again.
            Ok((all, copied)) => self.log.pages.store(u64::try_from(all - copied).unwrap_or(0), Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log could not be copied to the database");
                self.note_sync_failure(&error);
            }
        }
    }

    fn note_sync_failure(&mut self, error: &Error) {
        if is_sync_failure(error) && self.broken.is_none() {
            tracing::error!(%error, "the store takes nothing more until the process is restarted");
            self.broken = Some(error.clone());
        }
    }
}

fn is_sync_failure(error: &Error) -> bool {
    matches!(error, Error::Unavailable(text) if text.starts_with(SYNC_FAILED))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn writer(folder: &tempfile::TempDir) -> Writer {
        let database = Connection::open(folder.path().join("x")).unwrap();
        database.execute_batch("create table t (x integer primary key)").unwrap();
        let lock = File::create(folder.path().join("lock")).unwrap();
        Writer::start(database, File::open(folder.path()).unwrap(), lock).unwrap()
    }

    fn insert(number: i64) -> impl FnMut(&Connection) -> Result<()> {
        move |database| database.execute("insert into t values (?1)", [number]).map(drop).map_err(fail)
    }

    #[tokio::test]
    async fn after_a_failed_sync_nothing_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        writer.write(Durability::Disk, insert(1)).await.unwrap();
        let failed = Error::Unavailable(format!("{SYNC_FAILED}: disk I/O error"));
        let failing = failed.clone();
        let result = writer.write(Durability::Disk, move |_| Err::<(), _>(failing.clone())).await;
        assert_eq!(result, Err(failed.clone()));
        for durability in [Durability::Process, Durability::Disk, Durability::DiskAndFolder] {
            assert_eq!(writer.write(durability, insert(2)).await, Err(failed.clone()));
        }
    }

    /// A request that fails after it has changed something is undone, and it alone.
    #[tokio::test]
    async fn half_of_a_request_is_never_kept() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Arc::new(writer(&folder));
        let mut waiting = Vec::new();
        for number in 0..40 {
            let writer = Arc::clone(&writer);
            let run = move |database: &Connection| {
                insert(number * 2)(database)?;
                if number % 4 == 1 { Err(Error::Lost("late".to_owned())) } else { insert(number * 2 + 1)(database) }
            };
            waiting.push(tokio::spawn(async move { writer.write(Durability::Disk, run).await }));
        }
        let mut kept = 0;
        for (number, request) in waiting.into_iter().enumerate() {
            let result = request.await.unwrap();
            assert_eq!(result.is_ok(), number % 4 != 1);
            kept += if result.is_ok() { 2 } else { 0 };
        }
        let count = writer.write(Durability::Process, |database| {
            database.query_row("select count(*) from t", [], |row| row.get::<_, i64>(0)).map_err(fail)
        });
        assert_eq!(count.await.unwrap(), kept);
    }

    /// What happens after a commit happens also if nobody waits for the answer.
    #[tokio::test]
    async fn a_caller_may_go_away() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let (sender, mut receiver) = mpsc::channel(1);
        let request = writer.submit(Durability::Disk, insert(1), move |committed| sender.try_send(committed).unwrap());
        let _ = tokio::time::timeout(std::time::Duration::ZERO, request).await;
        assert_eq!(receiver.recv().await, Some(true));
    }
}
