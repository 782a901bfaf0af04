//! What a test says must come of a message, and how what came differs. Looks only at what the test names.

use std::collections::BTreeMap;

use postwarden_mail::header;
use postwarden_sandbox::Edit;
use serde::Deserialize;

use super::mailbox::Letter;
use super::subject::Subject;
use super::trial::Trial;

/// Words that a test may expect as the verdict.
const VERDICTS: &[&str] = &["pass", "accept", "reject", "defer", "discard", "quarantine", "challenge", "failed"];

/// `[expect]`. What is left out is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expected {
    /// `pass`, `reject`, … or `failed`.
    pub verdict: Option<String>,
    /// `on-recipient`
    pub hook: Option<String>,
    /// `content`, `virus`, …
    pub reason: Option<String>,
    /// A piece of what the filter says to the postmaster.
    pub detail: Option<String>,
    /// Key of the row in the reply table.
    pub row: Option<String>,
    /// A piece of the reply line.
    pub reply: Option<String>,
    /// A piece of what is said when the filter refuses its settings; all else is then not looked at.
    pub refused: Option<String>,
    /// Name of the cause of a failed call.
    pub failure: Option<String>,
    pub score: Option<f64>,
    /// Symbols that are scored, and their points.
    pub symbols: BTreeMap<String, f64>,
    /// Fields as they stand in the message afterwards: `"Subject: [list] hello"`.
    pub headers: Vec<String>,
    /// Names of fields that are not in it afterwards.
    pub no_headers: Vec<String>,
    /// Pieces of the message's text afterwards.
    pub body: Vec<String>,
    /// Pieces that are in none of its texts afterwards.
    pub no_body: Vec<String>,
    /// Changes to the envelope: `"+ bob@example.net"`, `"- eve@example.net"`.
    pub recipients: Vec<String>,
    /// Pieces of lines of the log.
    pub log: Vec<String>,
}

impl Expected {
    /// Each line tells one difference. Empty: all is as expected.
    pub fn differences(&self, trial: &Trial, letter: &Letter, subject: &Subject) -> Vec<String> {
        let mut told = Told(Vec::new());
        let verdicts = || trial.steps.iter().filter_map(|step| step.evaluation.verdict.as_ref().ok());
        if let Some(verdict) = self.verdict.as_deref().filter(|word| !VERDICTS.contains(word)) {
            told.0.push(format!("there is no verdict \"{verdict}\"; known are: {}", VERDICTS.join(", ")));
        }
        told.same("verdict", self.verdict.as_deref(), || why(trial), trial.ruling.word);
        told.same("hook", self.hook.as_deref(), String::new, trial.ruling.hook.map_or("none", |hook| hook.interface()));
        let objection = verdicts().filter_map(|verdict| verdict.objection()).next_back();
        let reason = objection.map_or("none", |objection| objection.reason.name());
        told.same("reason", self.reason.as_deref(), String::new, reason);
        let (row, line) = trial.reply(subject);
        told.same("row", self.row.as_deref(), String::new, row.key);
        told.holds("the reply", self.reply.iter(), &[line]);
        told.holds("the verdict's detail", self.detail.iter(), std::slice::from_ref(&trial.ruling.why));
        let cause = trial.steps.iter().find_map(|step| step.evaluation.verdict.as_ref().err());
        told.same(
            "failure",
            self.failure.as_deref(),
            String::new,
            cause.map_or("none", |failure| failure.cause.name()),
        );
        if let Some(score) = self.score.filter(|score| (score - trial.score).abs() > 0.001) {
            told.0.push(format!("score: expected {score}, it is {:.3}", trial.score));
        }
        let scored: Vec<_> = trial.steps.iter().flat_map(|step| &step.evaluation.scores).collect();
        for (symbol, points) in &self.symbols {
            match scored.iter().find(|score| score.symbol == *symbol) {
                None => told.0.push(format!("symbol {symbol}: expected, it was not scored")),
                Some(score) if (score.points - points).abs() > 0.001 => {
                    told.0.push(format!("symbol {symbol}: expected {points}, it has {}", score.points));
                }
                Some(_) => {}
            }
        }
        self.message(trial, letter, &mut told);
        let log = trial.steps.iter().flat_map(|step| &step.evaluation.log).map(|line| line.message.clone());
        told.holds("the log", self.log.iter(), &log.collect::<Vec<_>>());
        told.0
    }

    fn message(&self, trial: &Trial, letter: &Letter, told: &mut Told) {
        let after = trial.after.as_deref().unwrap_or(&letter.bytes);
        let written = |field: header::Field<'_>| format!("{}: {}", String::from_utf8_lossy(field.name), field.text());
        let fields: Vec<String> = header::fields(after).map(written).collect();
        for wanted in self.headers.iter().filter(|wanted| !fields.contains(wanted)) {
            let name = wanted.split(':').next().unwrap_or_default();
            let found = header::find(after, name).map_or("no such field".to_owned(), written);
            told.0.push(format!("header: expected {wanted:?}, found {found:?}"));
        }
        for name in self.no_headers.iter().filter(|name| header::find(after, name).is_some()) {
            told.0.push(format!("header: expected no {name}, there is one"));
        }
        if !self.body.is_empty() || !self.no_body.is_empty() {
            let text = postwarden_mail::mime::Message::new(after.to_vec());
            let texts = (0..text.count_parts()).filter_map(|index| text.part_text(index).map(|text| text.to_string()));
            let texts: Vec<String> = texts.collect();
            told.holds("the text", self.body.iter(), &texts);
            for piece in self.no_body.iter().filter(|piece| texts.iter().any(|text| text.contains(piece.as_str()))) {
                told.0.push(format!("the text: expected no {piece:?}, there is one"));
            }
        }
        let changes: Vec<String> = trial.edits.iter().filter_map(envelope_change).collect();
        told.holds("changed recipients", self.recipients.iter(), &changes);
    }
}

/// What the reader of a failed test wants to know first.
fn why(trial: &Trial) -> String {
    if trial.ruling.why.is_empty() { String::new() } else { format!(": {}", trial.ruling.why) }
}

/// `+ bob@example.net`; none: it concerns the content.
pub fn envelope_change(edit: &Edit) -> Option<String> {
    match edit {
        Edit::AddRecipient(address) => Some(format!("+ {address}")),
        Edit::RemoveRecipient(address) => Some(format!("- {address}")),
        Edit::SetSender(address) => Some(format!("from {address}")),
        _ => None,
    }
}

struct Told(Vec<String>);

impl Told {
    fn same(&mut self, what: &str, expected: Option<&str>, why: impl Fn() -> String, found: &str) {
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            self.0.push(format!("{what}: expected {expected}, it is {found}{}", why()));
        }
    }

    fn holds<'a>(&mut self, what: &str, wanted: impl Iterator<Item = &'a String>, found: &[String]) {
        for piece in wanted.filter(|piece| !found.iter().any(|text| text.contains(piece.as_str()))) {
            let found = if found.is_empty() { "nothing".to_owned() } else { format!("{found:?}") };
            self.0.push(format!("{what}: expected {piece:?}, found {found}"));
        }
    }
}
