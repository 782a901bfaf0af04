//! What a trial of a filter says, for people and for programs. Decides nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

use postwarden_sandbox::{Evaluation, Level, LogLine};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use crate::chain::describe;
use crate::cli::output::{counted, safe};
use crate::filters::stats::{microseconds, word};
use crate::workbench::expect::envelope_change;
use crate::workbench::mailbox::Letter;
use crate::workbench::measure::percentile;
use crate::workbench::subject::Subject;
use crate::workbench::trial::{Step, Trial};

/// Lines of a diff that are told.
const DIFF_LINES_MAX: usize = 200;
/// A larger message is not compared line by line.
const DIFF_BYTES_MAX: usize = 8 << 20;

/// One line.
pub(super) fn short(name: &str, trial: &Trial) -> String {
    let why = if trial.ruling.why.is_empty() { trial.ruling.word } else { &trial.ruling.why };
    let score = if trial.score == 0.0 { String::new() } else { format!(", score {:.1}", trial.score) };
    safe(&format!("{name}: {}{score}, {} µs", named(trial, why), trial.took().as_micros()))
}

/// The verdict's word first, also where the filter failed or the score decided.
fn named(trial: &Trial, why: &str) -> String {
    match why.starts_with(trial.ruling.word) {
        true => why.to_owned(),
        false => format!("{}: {why}", trial.ruling.word),
    }
}

/// All that is known about one message.
pub(super) fn whole(subject: &Subject, letter: &Letter, trial: &Trial) -> String {
    let (row, reply) = trial.reply(subject);
    let number = if row.number > 0 { format!("row {}, ", row.number) } else { String::new() };
    let mut text = format!("{}\n", short(&letter.name, trial));
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<9} {}", safe(value));
    };
    field("reply", &format!("{reply}   ({number}{})", row.key));
    for step in &trial.steps {
        let evaluation = &step.evaluation;
        let to = step.recipient.as_ref().map(|recipient| format!(" {recipient}")).unwrap_or_default();
        let said = match &evaluation.verdict {
            Ok(verdict) => describe(verdict),
            Err(failure) => format!("failed ({})", failure.cause),
        };
        let calls = counted(evaluation.host_calls, "host call");
        field(step.hook.interface(), &format!("{said}{to}   {} µs, {calls}", microseconds(evaluation)));
        for score in &evaluation.scores {
            let detail = score.detail.as_ref().map(|detail| format!("  {detail}")).unwrap_or_default();
            field("", &format!("{:+.1} {}{detail}", score.points, score.symbol));
        }
        evaluation.log.iter().for_each(|line| field("log", &log_line(line)));
        if evaluation.log_dropped > 0 {
            field("log", &format!("{} dropped: over the budget", counted(evaluation.log_dropped, "line")));
        }
        evaluation.counters.iter().for_each(|(name, more)| field("counter", &format!("{name} +{more}")));
    }
    let reads = trial.reads;
    if reads.count > 0 {
        field("reads", &format!("{}, {} bytes of {}", reads.count, reads.bytes, letter.bytes.len()));
    }
    trial.edits.iter().filter_map(envelope_change).for_each(|change| field("envelope", &change));
    for line in diff(letter, trial) {
        field("edit", &line);
    }
    text.trim_end().to_owned()
}

fn log_line(line: &LogLine) -> String {
    let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
    format!("{}: {}{fields}", level(line.level), line.message)
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
        Level::Critical => "critical",
    }
}

/// `- old`, `+ new`: the lines that differ.
pub(super) fn diff(letter: &Letter, trial: &Trial) -> Vec<String> {
    let Some(after) = &trial.after else { return Vec::new() };
    if letter.bytes.len().max(after.len()) > DIFF_BYTES_MAX {
        return vec![format!("{} bytes become {}", letter.bytes.len(), after.len())];
    }
    let (before, after) = (String::from_utf8_lossy(&letter.bytes), String::from_utf8_lossy(after));
    let changes = TextDiff::from_lines(before.as_ref(), after.as_ref());
    let told = |change: similar::Change<&str>| match change.tag() {
        ChangeTag::Equal => None,
        ChangeTag::Delete => Some(format!("- {}", change.value().trim_end_matches(['\r', '\n']))),
        ChangeTag::Insert => Some(format!("+ {}", change.value().trim_end_matches(['\r', '\n']))),
    };
    let mut lines: Vec<String> = changes.iter_all_changes().filter_map(told).take(DIFF_LINES_MAX + 1).collect();
    if lines.len() > DIFF_LINES_MAX {
        lines.truncate(DIFF_LINES_MAX);
        lines.push("…".to_owned());
    }
    lines
}

/// One object a message.
pub(super) fn json(subject: &Subject, letter: &Letter, trial: &Trial) -> Value {
    let (row, reply) = trial.reply(subject);
    let objection =
        trial.steps.iter().filter_map(|step| step.evaluation.verdict.as_ref().ok()?.objection()).next_back();
    let symbols: Vec<Value> = trial
        .steps
        .iter()
        .flat_map(|step| &step.evaluation.scores)
        .map(|score| json!({ "symbol": score.symbol, "points": score.points, "detail": score.detail }))
        .collect();
    let log: Vec<String> = trial.steps.iter().flat_map(|step| &step.evaluation.log).map(log_line).collect();
    let envelope: Vec<String> = trial.edits.iter().filter_map(envelope_change).collect();
    json!({
        "message": letter.name,
        "bytes": letter.bytes.len(),
        "verdict": trial.ruling.word,
        "hook": trial.ruling.hook.map(|hook| hook.interface()),
        "reason": objection.map(|objection| objection.reason.name()),
        "detail": trial.ruling.why,
        "row": row.key,
        "reply": reply,
        "score": trial.score,
        "symbols": symbols,
        "envelope": envelope,
        "edits": diff(letter, trial),
        "log": log,
        "host-calls": trial.host_calls(),
        "reads": trial.reads.count,
        "bytes-read": trial.reads.bytes,
        "microseconds": u64::try_from(trial.took().as_micros()).unwrap_or(u64::MAX),
        "hooks": trial.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &Step) -> Value {
    let Evaluation { host_calls, .. } = step.evaluation;
    json!({
        "hook": step.hook.interface(),
        "recipient": step.recipient,
        "verdict": word(&step.evaluation),
        "host-calls": host_calls,
        "microseconds": microseconds(&step.evaluation),
    })
}

/// What came of many messages.
#[derive(Default)]
pub(super) struct Sums {
    verdicts: BTreeMap<&'static str, u64>,
    microseconds: Vec<u32>,
}

impl Sums {
    pub(super) fn add(&mut self, trial: &Trial) {
        let count = self.verdicts.entry(trial.ruling.word).or_default();
        *count = count.saturating_add(1);
        self.microseconds.push(u32::try_from(trial.took().as_micros()).unwrap_or(u32::MAX));
    }

    pub(super) fn count(&self) -> usize {
        self.microseconds.len()
    }

    /// `3 messages: 2 pass, 1 reject; 61 µs half of them, 210 µs all but a hundredth`
    pub(super) fn told(mut self) -> String {
        let each: Vec<String> = self.verdicts.iter().map(|(word, count)| format!("{count} {word}")).collect();
        let count = counted(u64::try_from(self.count()).unwrap_or(u64::MAX), "message");
        let [half, most] = [50, 99].map(|of| percentile(&mut self.microseconds, of));
        format!("{count}: {}; p50 {half} µs, p99 {most} µs", each.join(", "))
    }
}
