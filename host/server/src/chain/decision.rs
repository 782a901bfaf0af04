//! What a filter decided, as history and log keep it: bounded, whatever the filter wrote.

use std::fmt::Write;

use postwarden_sandbox::{Edit, Evaluation, Hook};
use serde_json::{Value, json};

use super::conversation::Pinned;
use crate::filters::stats::{agree, microseconds, points, word};

/// Decisions of one message; more are counted.
const DECISIONS_MAX: usize = 200;
/// Bytes of all of them as JSON.
const DECISIONS_BYTES_MAX: usize = 32 << 10;
/// Symbols and edits of one decision.
const ITEMS_MAX: usize = 50;
/// Characters of one text of a filter.
const TEXT_CHARACTERS_MAX: usize = 200;
/// Characters of the summary.
const SUMMARY_CHARACTERS_MAX: usize = 500;

#[derive(Clone, Default)]
pub(super) struct Decisions {
    kept: Vec<Value>,
    bytes: usize,
    omitted: u64,
    summary: String,
}

/// For the history's facts and the log.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) filters: Vec<Value>,
    pub(crate) omitted: u64,
    pub(crate) score: f64,
    pub(crate) summary: String,
}

impl Decisions {
    pub(super) fn add(&mut self, pinned: &Pinned, hook: Hook, evaluation: &Evaluation, canary: Option<&Evaluation>) {
        let mut decision = json!({
            "filter": pinned.slot.name,
            "version": pinned.version.as_ref().map_or("none", |version| version.short()),
            "hook": hook.interface(),
            "verdict": evaluation.verdict.as_ref().map_or("failed", |verdict| verdict.name()),
            "microseconds": microseconds(evaluation),
        });
        let mut set = |name: &str, value: Value| {
            if let Some(object) = decision.as_object_mut() {
                object.insert(name.to_owned(), value);
            }
        };
        if let Some(version) = pinned.version.as_ref().filter(|version| version.state.is_some()) {
            set("state", version.short_state().into());
        }
        match &evaluation.verdict {
            Ok(verdict) => {
                if let Some(objection) = verdict.objection() {
                    set("reason", objection.reason.name().into());
                    if let Some(detail) = &objection.detail {
                        set("detail", text(detail).into());
                    }
                }
            }
            Err(failure) => {
                set("failure", failure.cause.name().into());
                set("detail", text(&failure.detail).into());
            }
        }
        if !evaluation.scores.is_empty() {
            let symbol = |score: &postwarden_sandbox::Score| json!([text(&score.symbol), score.points]);
            set("symbols", evaluation.scores.iter().take(ITEMS_MAX).map(symbol).collect());
            set("score", json!(points(evaluation)));
        }
        if !evaluation.edits.is_empty() {
            set("edits", evaluation.edits.iter().take(ITEMS_MAX).map(edit).collect());
        }
        if pinned.config.shadow {
            set("shadow", true.into());
        }
        if let (Some(canary), Some(candidate)) = (canary, &pinned.canary) {
            set(
                "canary",
                json!({
                    "version": candidate.version.short(),
                    "verdict": word(canary),
                    "score": points(canary),
                    "microseconds": microseconds(canary),
                    "agrees": agree(evaluation, canary),
                }),
            );
        }
        self.tell(pinned, hook, evaluation);
        let bytes = decision.to_string().len();
        // A thousand recipients must not crowd out what is said about the message.
        let share = if hook == Hook::Message { 1 } else { 2 };
        if self.kept.len() >= DECISIONS_MAX / share || self.bytes.saturating_add(bytes) > DECISIONS_BYTES_MAX / share {
            self.omitted = self.omitted.saturating_add(1);
            return;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.kept.push(decision);
    }

    /// A sentence of the host about the whole message.
    pub(super) fn say(&mut self, sentence: &str) {
        if self.summary.chars().count() < SUMMARY_CHARACTERS_MAX {
            if !self.summary.is_empty() {
                self.summary.push_str("; ");
            }
            self.summary.push_str(sentence);
        }
    }

    /// Plain passes are not worth a word.
    fn tell(&mut self, pinned: &Pinned, hook: Hook, evaluation: &Evaluation) {
        let mut sentence = match &evaluation.verdict {
            Ok(verdict) => describe(verdict),
            Err(failure) => format!("failed ({})", failure.cause),
        };
        let crowded = hook != Hook::Message && self.summary.chars().count() > SUMMARY_CHARACTERS_MAX / 2;
        if crowded || (sentence == "pass" && evaluation.scores.is_empty()) {
            return;
        }
        for score in evaluation.scores.iter().take(5) {
            let _ = write!(sentence, " {}={:+.1}", text(&score.symbol), score.points);
        }
        let shadow = if pinned.config.shadow { " (shadow)" } else { "" };
        self.say(&format!("{}{shadow}: {sentence}", pinned.slot.name));
    }

    pub(super) fn report(&self, score: f64) -> Report {
        Report { filters: self.kept.clone(), omitted: self.omitted, score, summary: self.summary.clone() }
    }
}

/// `reject (virus): Eicar`
pub(crate) fn describe(verdict: &postwarden_sandbox::Verdict) -> String {
    match verdict.objection() {
        Some(objection) => {
            let detail = objection.detail.as_deref().map(|detail| format!(": {}", text(detail))).unwrap_or_default();
            format!("{} ({}){detail}", verdict.name(), objection.reason.name())
        }
        None => verdict.name().to_owned(),
    }
}

fn edit(edit: &Edit) -> Value {
    match edit {
        Edit::AddHeader { name, .. } => format!("add {}", text(name)),
        Edit::ReplaceHeader { name, index, .. } => format!("replace {}[{index}]", text(name)),
        Edit::RemoveHeader { name, .. } => format!("remove {}", text(name)),
        Edit::ReplacePart { index, media_type, content } => {
            format!("part {index} becomes {}, {} bytes", text(media_type), content.len())
        }
        Edit::AddRecipient(address) => format!("add recipient {}", text(address)),
        Edit::RemoveRecipient(address) => format!("remove recipient {}", text(address)),
        Edit::SetSender(address) => format!("sender {}", text(address)),
    }
    .into()
}

/// Short and without control characters.
pub(super) fn text(text: &str) -> String {
    text.chars()
        .take(TEXT_CHARACTERS_MAX)
        .flat_map(|c| if c == '"' || c == '\'' { vec![c] } else { c.escape_debug().collect() })
        .collect()
}
