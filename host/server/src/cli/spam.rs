//! `postwarden spam`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::connection::Connection;
use super::failure::{Failure, REFUSED};
use super::output::{Output, counted, note, time};
use crate::admin::learn::{self, Class, Learn};
use crate::admin::lessons::CountLessons;
use crate::config::units;
use crate::workbench::mailbox::letters;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// Complaints that are told one by one.
const PROBLEMS_TOLD_MAX: u64 = 20;

/// The classifier: teach it, and what it has learned.
#[derive(Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Teach it sorted mail: files, folders with all below them, Maildirs, mboxes
    ///
    /// What it has learned counts from the next message on. Mail that was learned before is not counted twice; mail
    /// that was learned as the other kind changes sides.
    #[command(after_help = "\
Examples:
  postwarden spam learn spam ~/Maildir/.Junk
  postwarden spam learn ham archive.mbox ~/Maildir/cur")]
    Learn {
        /// What these messages are
        class: Kind,
        /// Messages
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// How much it has learned
    Stats,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// Wanted
    Ham,
    /// Unwanted
    Spam,
}

impl From<Kind> for Class {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Ham => Self::Ham,
            Kind::Spam => Self::Spam,
        }
    }
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        match self.action {
            Action::Stats => stats(&Connection::open(config)?, out),
            Action::Learn { class, paths } => teach(&Connection::with_learners(config)?, out, class.into(), &paths),
        }
    }
}

fn stats(connection: &Connection, out: &mut Output) -> Result<ExitCode, Failure> {
    let all = connection.call(CountLessons {})?;
    if out.json {
        out.value(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    if all.is_empty() {
        return Err(Failure::refused("no [[filter]] has component = \"builtin:spam\""));
    }
    for lessons in all {
        out.fields(&[
            ("filter", lessons.filter),
            ("ham", lessons.ham.to_string()),
            ("spam", lessons.spam.to_string()),
            ("last lesson", lessons.last.map_or("never".to_owned(), time)),
            ("state", units::show_size(lessons.bytes)),
        ])?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was done so far.
#[derive(Default)]
struct Progress {
    learned: u64,
    problems: u64,
    /// Files below a folder that are no messages.
    skipped: u64,
    told: Option<Instant>,
}

fn teach(connection: &Connection, out: &mut Output, class: Class, paths: &[PathBuf]) -> Result<ExitCode, Failure> {
    let mut progress = Progress { told: Some(Instant::now()), ..Progress::default() };
    let mut batch = Batch::default();
    for found in letters(paths) {
        match found {
            Ok(letter) if letter.is_message() => {
                if !batch.has_room(&letter.bytes) {
                    batch.send(connection, class, &mut progress)?;
                }
                batch.add(letter.name, letter.bytes);
            }
            Ok(letter) if paths.contains(&letter.file) => {
                progress.complain(&format!("{}: is no message: it begins with no header field", letter.name));
            }
            Ok(_) => progress.skipped = progress.skipped.saturating_add(1),
            Err(problem) => progress.complain(&problem),
        }
    }
    batch.send(connection, class, &mut progress)?;
    // Now they count.
    connection.call(Learn { class, messages: Vec::new(), more: false })?;
    let Progress { learned, problems, skipped, .. } = progress;
    if out.json {
        out.value(&json!({ "learned": learned, "problems": problems, "skipped": skipped }))?;
    } else {
        let name = class.name();
        out.line(format!("{} learned as {name}", counted(learned, "message")))?;
        if skipped > 0 {
            note(format!("{} passed over: no message", counted(skipped, "file")));
        }
        if problems > PROBLEMS_TOLD_MAX {
            note(format!("{} in all", counted(problems, "problem")));
        }
    }
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

impl Progress {
    fn complain(&mut self, problem: &str) {
        self.problems = self.problems.saturating_add(1);
        if self.problems <= PROBLEMS_TOLD_MAX {
            note(problem);
        }
    }
}

/// Messages that go to the server together.
#[derive(Default)]
struct Batch {
    origins: Vec<String>,
    messages: Vec<Vec<u8>>,
    bytes: usize,
}

impl Batch {
    fn has_room(&self, message: &[u8]) -> bool {
        self.messages.is_empty()
            || (self.messages.len() < learn::MESSAGES_MAX
                && self.bytes.saturating_add(message.len()) <= learn::BYTES_MAX)
    }

    fn add(&mut self, origin: String, mut message: Vec<u8>) {
        // What a filter learns from stands long before.
        message.truncate(learn::BYTES_MAX);
        self.bytes = self.bytes.saturating_add(message.len());
        self.origins.push(origin);
        self.messages.push(message);
    }

    fn send(&mut self, connection: &Connection, class: Class, progress: &mut Progress) -> Result<(), Failure> {
        let batch = std::mem::take(self);
        if batch.messages.is_empty() {
            return Ok(());
        }
        let learned = connection.call(Learn { class, messages: batch.messages, more: true })?;
        progress.learned = progress.learned.saturating_add(learned.learned);
        for problem in learned.problems {
            let origin = batch.origins.get(problem.message).map_or("?", String::as_str);
            progress.complain(&format!("{origin}: {}: {}", problem.filter, problem.why));
        }
        if progress.told.is_none_or(|told| told.elapsed() >= PROGRESS_EVERY) {
            note(format!("{} so far", counted(progress.learned, "message")));
            progress.told = Some(Instant::now());
        }
        Ok(())
    }
}
