//! `postwarden filter watch`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use notify::{RecursiveMode, Watcher};
use postwarden_toolchain::{Project, build};

use super::run::{AsGranted, hear_filters};
use super::told;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, note};
use crate::cli::serve::runtime;
use crate::workbench::mailbox::letters;
use crate::workbench::scenario::Scenario;
use crate::workbench::trial;

/// An editor writes a file in several steps.
const CHANGE_SETTLES: Duration = Duration::from_millis(200);
/// Folders of a project whose files no author writes.
const NOT_WATCHED: &[&str] = &["build", "target", "node_modules", "sdk"];
/// Folders watched.
const FOLDERS_MAX: usize = 1000;

/// Builds a project again whenever one of its files is saved, and tells the verdict on a message again.
///
/// A server that runs with it, started by "postwarden dev --filter .", loads what was built. Ctrl-C ends.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden dev --filter . &  postwarden filter watch
  postwarden filter watch . tests/subject.eml")]
pub(super) struct Watch {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The message that is asked about [default: the newest in its tests]
    #[arg(value_name = "MAIL")]
    mail: Option<PathBuf>,
    /// Build and tell once, and end
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    as_granted: AsGranted,
}

impl Watch {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        hear_filters();
        let (told, changes) = mpsc::channel();
        let folder = self.folder.canonicalize()?;
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(|path| is_source(path))) {
                let _ = told.send(());
            }
        })
        .map_err(|error| Failure::refused(format!("{}: {error}", folder.display())))?;
        for folder in folders(&folder) {
            let watched = watcher.watch(&folder, RecursiveMode::NonRecursive);
            watched.map_err(|error| Failure::refused(format!("{}: {error}", folder.display())))?;
        }
        loop {
            if let Err(failure) = self.once(config, out) {
                note(failure.message);
            }
            if self.once || changes.recv().is_err() {
                return Ok(ExitCode::SUCCESS);
            }
            while changes.recv_timeout(CHANGE_SETTLES).is_ok() {}
        }
    }

    /// The project is read again each time: settings are source too.
    fn once(&self, config: Option<&Path>, out: &mut Output) -> Result<(), Failure> {
        let project = Project::open(&self.folder)?;
        let file = build::build(&project)?;
        out.line(format!("built {}", file.display()))?;
        let Some(mail) = self.mail.clone().or_else(|| newest(&project.tests())) else { return Ok(()) };
        let written = self.as_granted.find(&self.folder.display().to_string(), config)?;
        runtime()?.block_on(async {
            let subject = written.load().await.map_err(Failure::refused)?;
            for letter in letters(&[mail]) {
                let letter = letter.map_err(Failure::refused)?;
                let scenario = Scenario::beside(&letter).map_err(Failure::refused)?.unwrap_or_default();
                let now = scenario.moment(crate::node::now()).map_err(Failure::refused)?;
                subject.lent.prepare(subject.filter.name(), &scenario, now).map_err(Failure::refused)?;
                let trial = trial::run(&subject, &letter, &scenario, u64::try_from(now).unwrap_or(0)).await;
                out.line(told::whole(&subject, &letter, &trial))?;
            }
            Ok(())
        })
    }
}

fn is_source(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    let made = path.extension().is_some_and(|ending| ending == "wasm" || ending == "new" || ending == "lock");
    !hidden && !made
}

/// The project's folder and those below it that an author writes.
fn folders(project: &Path) -> Vec<PathBuf> {
    let mut found = vec![project.to_owned()];
    let mut at = 0;
    while let Some(folder) = found.get(at).cloned().filter(|_| found.len() < FOLDERS_MAX) {
        at += 1;
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && !name.starts_with('.') && !NOT_WATCHED.contains(&name.as_str()) {
                found.push(entry.path());
            }
        }
    }
    found
}

/// The message that was saved last.
fn newest(tests: &Path) -> Option<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(tests)
        .ok()?
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "eml"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    found.pop().map(|(_, file)| file)
}
