//! `postwarden filter test`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use postwarden_toolchain::build;

use super::run::{AsGranted, hear_filters};
use super::told;
use crate::cli::failure::{Failure, REFUSED};
use crate::cli::output::{Output, note};
use crate::cli::serve::runtime;
use crate::workbench::cases::{Case, Outcome, Tester, cases};
use crate::workbench::subject::project_in;

/// Asks a filter about the messages in a folder and compares what it says with what their TOML files expect.
///
/// DNS, state and the clock are those of the file: what it does not name does not exist, and each test begins with empty
/// state. Exit status 1 if a test fails.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden filter test                          the project in this folder, built before
  postwarden filter test footer.wasm tests/ --settings footer.toml
  postwarden filter test -f subject               only tests with this in their name

A test is a file tests/NAME.toml beside tests/NAME.eml:
  from = \"eve@example.org\"
  dns = { \"2.0.0.127.list.example A\" = \"127.0.0.2\", \"slow.example TXT\" = { error = \"timeout\" } }
  state = { seen = 3 }
  fail = { state = \"unavailable\" }               in place of an answer
  repeat = 4                                      ask so often; the last answer counts
  [expect]
  verdict = \"reject\"
  symbols = { LISTED = 2.5 }
  headers = [\"X-Seen: yes\"]")]
pub(super) struct Test {
    /// A project's folder, a component's file or builtin:NAME
    #[arg(value_name = "FILTER", default_value = ".")]
    filter: String,
    /// The folder of the tests [default: tests in the project's folder]
    #[arg(value_name = "TESTS")]
    tests: Option<PathBuf>,
    /// Only tests whose name holds this
    #[arg(long = "name", short = 'f', value_name = "TEXT")]
    names: Vec<String>,
    /// Take the component as it is
    #[arg(long)]
    no_build: bool,
    #[command(flatten)]
    as_granted: AsGranted,
}

impl Test {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        hear_filters();
        let project = project_in(&self.filter).map_err(Failure::usage)?;
        if let Some(project) = project.as_ref().filter(|_| !self.no_build) {
            build::build(project)?;
        }
        let folder = match (&self.tests, &project) {
            (Some(folder), _) => folder.clone(),
            (None, Some(project)) => project.tests(),
            (None, None) => return Err(Failure::usage("name the folder of the tests behind the filter")),
        };
        let found = cases(&folder).map_err(Failure::usage)?;
        let wanted = |case: &&Case| self.names.is_empty() || self.names.iter().any(|name| case.name.contains(name));
        let chosen: Vec<&Case> = found.iter().filter(wanted).collect();
        if chosen.is_empty() {
            return Err(Failure::usage(format!("{} has no such test: NAME.toml with [expect]", folder.display())));
        }
        let mut tester = Tester::new(|case: &Case| {
            self.as_granted.find_for(&self.filter, config, &case.scenario).map_err(|failure| failure.message)
        });
        runtime()?.block_on(run_all(&mut tester, &chosen, out))
    }
}

async fn run_all<F>(tester: &mut Tester<F>, chosen: &[&Case], out: &mut Output) -> Result<ExitCode, Failure>
where
    F: Fn(&Case) -> Result<crate::workbench::subject::Written, String>,
{
    let started = Instant::now();
    out.line(format!("\nrunning {} tests", chosen.len()))?;
    let mut failed = Vec::new();
    for case in chosen {
        let outcome = tester.run(case).await;
        let word = if outcome.differences.is_empty() { "ok" } else { "FAILED" };
        out.line(format!("test {} ... {word} ({} µs)", case.name, outcome.microseconds))?;
        if !outcome.differences.is_empty() {
            failed.push((case, outcome));
        }
    }
    if !failed.is_empty() {
        out.line("\nfailures:")?;
    }
    for (case, outcome) in &failed {
        out.line(format!("\n---- {} ({})", case.name, case.file.display()))?;
        outcome.differences.iter().try_for_each(|difference| out.line(format!("  {difference}")))?;
        tell(tester, case, outcome, out)?;
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    let passed = chosen.len().saturating_sub(failed.len());
    let seconds = started.elapsed().as_secs_f64();
    out.line(format!("\ntest result: {word}. {passed} passed; {} failed; finished in {seconds:.2} s", failed.len()))?;
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

/// All that is known about the call that was not as expected.
fn tell<F>(tester: &Tester<F>, case: &Case, outcome: &Outcome, out: &mut Output) -> Result<(), Failure> {
    let Some((subject, trial)) = tester.subject(case).zip(outcome.trial.as_ref()) else { return Ok(()) };
    for line in told::whole(subject, &outcome.letter, trial).lines() {
        out.line(format!("  | {line}"))?;
    }
    if let Some(why) = subject.filter.no_snapshot() {
        note(format!("no snapshot, because {why}"));
    }
    Ok(())
}
