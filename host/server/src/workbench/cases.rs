//! Tests of a filter: a folder of messages with what is expected of each. Finds them and runs them; prints nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postwarden_store::Timestamp;

use super::expect::Expected;
use super::mailbox::{Letter, letters};
use super::scenario::Scenario;
use super::subject::{Subject, Written};
use super::trial::{self, Trial};

/// The clock of a test that sets none: 2026-01-01T12:00:00Z.
const NOON: Timestamp = 1_767_268_800_000;
/// Time of one call, where a test does not ask for what ends it: machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Messages of one test, one after another.
const REPEAT_MAX: u32 = 100_000;
/// Tests of one folder.
const CASES_MAX: usize = 10_000;

/// One test.
pub struct Case {
    pub name: String,
    pub file: PathBuf,
    pub scenario: Scenario,
    expected: Expected,
}

/// What came of it. No differences: it passed.
pub struct Outcome {
    pub differences: Vec<String>,
    pub microseconds: u128,
    pub letter: Letter,
    /// The last call; none: there was none.
    pub trial: Option<Trial>,
}

/// All tests of a folder, sorted. A file without `[expect]` describes a message and is no test.
pub fn cases(folder: &Path) -> Result<Vec<Case>, String> {
    let said = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(said)? {
        let file = entry.map_err(said)?.path();
        if file.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let scenario = Scenario::read(&file)?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(expected) = scenario.expect.clone() {
            found.push(Case { name, file, scenario, expected });
        }
        if found.len() > CASES_MAX {
            return Err(format!("{}: more than {CASES_MAX} tests", folder.display()));
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

impl Case {
    /// The message; an empty one where the test has none.
    fn letter(&self) -> Result<Letter, String> {
        let named = self.scenario.message.as_ref();
        let file = match named {
            Some(message) => self.file.with_file_name(message),
            None => self.file.with_extension("eml"),
        };
        if named.is_none() && !file.is_file() {
            return Ok(Letter { name: self.name.clone(), file, bytes: Vec::new(), sender: None });
        }
        letters(&[file]).next().unwrap_or_else(|| Err("there is no message".to_owned()))
    }

    /// Asks a filter that is loaded already.
    pub async fn put_to(&self, subject: &Subject, outcome: &mut Outcome) -> Result<(), String> {
        outcome.letter = self.letter()?;
        let now = self.scenario.moment(NOON)?;
        subject.lent.forget();
        subject.lent.prepare(subject.filter.name(), &self.scenario, now)?;
        for _ in 0..self.scenario.repeat.unwrap_or(1).clamp(1, REPEAT_MAX) {
            let time = u64::try_from(now).unwrap_or(0);
            outcome.trial = Some(trial::run(subject, &outcome.letter, &self.scenario, time).await);
        }
        if let Some(trial) = &outcome.trial {
            outcome.microseconds = trial.took().as_micros();
            outcome.differences = self.expected.differences(trial, &outcome.letter, subject);
        }
        Ok(())
    }

    /// Before it was put to a filter.
    pub fn outcome(&self) -> Outcome {
        Outcome {
            differences: Vec::new(),
            microseconds: 0,
            letter: Letter { name: self.name.clone(), file: self.file.clone(), bytes: Vec::new(), sender: None },
            trial: None,
        }
    }

    /// Which settings, grants and patience: tests with the same share a loaded filter.
    fn key(&self) -> String {
        format!("{:?} {:?} {}", self.scenario.settings, self.scenario.grants, self.is_about_time())
    }

    /// What a verdict is depends on no clock, unless the test says so.
    fn is_about_time(&self) -> bool {
        matches!(self.expected.failure.as_deref(), Some("deadline" | "cpu"))
    }
}

/// Runs tests, loading the filter once for each of its settings.
pub struct Tester<F> {
    find: F,
    loaded: HashMap<String, Result<Subject, String>>,
}

impl<F> Tester<F> {
    pub fn new(find: F) -> Self {
        Self { find, loaded: HashMap::new() }
    }

    /// The filter as this test had it.
    pub fn subject(&self, case: &Case) -> Option<&Subject> {
        self.loaded.get(&case.key())?.as_ref().ok()
    }
}

impl<F: Fn(&Case) -> Result<Written, String>> Tester<F> {
    pub async fn run(&mut self, case: &Case) -> Outcome {
        let mut outcome = case.outcome();
        if let Err(error) = self.ask(case, &mut outcome).await {
            outcome.differences.push(error);
        }
        outcome
    }

    async fn ask(&mut self, case: &Case, outcome: &mut Outcome) -> Result<(), String> {
        let key = case.key();
        if !self.loaded.contains_key(&key) {
            let loaded = match (self.find)(case) {
                Ok(mut written) => {
                    let limits = &mut written.config.limits;
                    if !case.is_about_time() {
                        (limits.deadline, limits.cpu) = (PATIENCE, PATIENCE);
                    }
                    written.load().await
                }
                Err(error) => Err(error),
            };
            self.loaded.insert(key.clone(), loaded);
        }
        let subject = match (self.loaded.get(&key), &case.expected.refused) {
            (Some(Ok(_)), Some(piece)) => return Err(format!("expected its settings to be refused: {piece}")),
            (Some(Err(error)), Some(piece)) if error.contains(piece.as_str()) => return Ok(()),
            (Some(Err(error)), _) => return Err(error.clone()),
            (Some(Ok(subject)), None) => subject,
            (None, _) => return Err("the filter was not loaded".to_owned()),
        };
        case.put_to(subject, outcome).await
    }
}
