//! What a rule does: edits, points and a verdict, read from `action` and carried out. Asks no condition.

mod edit;

use postwarden_filter::*;

use crate::read::Value;
use edit::{Edit, Envelope};

/// Keys of a table of actions.
pub(crate) const KEYS: &[&str] = &[
    "add-header",
    "add-recipient",
    "copy-to",
    "mark",
    "remove-header",
    "remove-recipient",
    "replace-header",
    "score",
    "tag-subject",
    "verdict",
];

/// What may stand for `action` or `verdict`.
pub(crate) const VERDICTS: &[(&str, Decision)] = &[
    ("accept", Decision::Accept),
    ("defer", Decision::Defer),
    ("discard", Decision::Discard),
    ("quarantine", Decision::Quarantine),
    ("reject", Decision::Reject),
    ("stop", Decision::Stop),
];

/// How a rule ends the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Accept,
    Defer,
    Discard,
    Quarantine,
    Reject,
    /// No later rule is asked; the filter passes.
    Stop,
}

#[derive(Debug, Default)]
pub(crate) struct Action {
    edits: Vec<Edit>,
    envelope: Vec<Envelope>,
    points: Option<f64>,
    mark: bool,
    decision: Option<Decision>,
}

impl Action {
    /// A word, or a table of what is done together.
    pub(crate) fn read(value: &Value<'_>) -> Option<Self> {
        if value.as_text() == Some("mark") {
            return Some(Self { mark: true, ..Self::default() });
        }
        if value.as_text().is_some() {
            let known = [VERDICTS, &[("mark", Decision::Stop)]].concat();
            return Some(Self { decision: Some(value.choice(&known)?), ..Self::default() });
        }
        let table = value.table("action = \"reject\" or action = { score = 2.5, add-header = [\"X-A\", \"b\"] }")?;
        table.only(KEYS);
        if table.is_empty() {
            table.complain("does nothing: a rule that only ends the filter has action = \"stop\"");
        }
        let mut action = Self::default();
        for (key, value) in table.values() {
            match key {
                "score" => action.points = value.number(),
                "mark" => action.mark = value.bool()?,
                "verdict" => action.decision = value.choice(VERDICTS),
                _ => action.edits.extend(Edit::read(key, &value)),
            }
            action.envelope.extend(Envelope::read(key, &value));
        }
        Some(action)
    }

    /// Whether the client can be told a text.
    pub(crate) fn replies(&self) -> bool {
        matches!(self.decision, Some(Decision::Reject | Decision::Defer))
    }

    /// Points and edits. `mark` is what marked mail has at least, `subject` the subject as earlier rules left it. The
    /// error names what was refused.
    pub(crate) fn carry_out(
        &self,
        transaction: &Transaction,
        message: &Message,
        subject: &mut Option<String>,
        mark: f64,
    ) -> Result<f64, String> {
        for edit in &self.edits {
            edit.carry_out(transaction, message, subject)?;
        }
        for edit in &self.envelope {
            edit.carry_out(transaction)?;
        }
        let points = self.points.unwrap_or(0.0);
        let lacks = if self.mark { mark - transaction.get_score() - points } else { 0.0 };
        Ok(points + lacks.max(0.0))
    }

    /// None: later rules are asked.
    pub(crate) fn answer(&self, detail: &str, text: Option<&str>) -> Option<Answer> {
        let objecting = match self.decision? {
            Decision::Accept => return Some(accept()),
            Decision::Stop => return Some(pass()),
            Decision::Defer => defer(Reason::Content),
            Decision::Discard => discard(Reason::Content),
            Decision::Quarantine => quarantine(Reason::Content),
            Decision::Reject => reject(Reason::Content),
        };
        let objecting = objecting.detail(detail);
        Some(match text {
            Some(text) => objecting.reply_text(text).into(),
            None => objecting.into(),
        })
    }
}
