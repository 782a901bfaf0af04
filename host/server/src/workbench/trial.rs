//! One message through one filter: its hooks in the order of a session, and what the server would reply. The rules are
//! those of the chain, for a chain of one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postwarden_sandbox::{Call, Content, Edit, Evaluation, Hook, Outcome, Recipient, Session, Transaction, Verdict};
use postwarden_smtp::Refusal;
use postwarden_smtp::reply::{self, Case, Row};

use super::counted::{Counted, Reads};
use super::mailbox::Letter;
use super::scenario::Scenario;
use super::subject::Subject;
use crate::chain;
use crate::config::{FailureAction, RefuseAction};
use crate::filters::stats::points;

/// What came of one message.
pub struct Trial {
    /// The calls that were made, in their order.
    pub steps: Vec<Step>,
    pub ruling: Ruling,
    pub score: f64,
    pub edits: Vec<Edit>,
    /// The message with these edits, if they change it.
    pub after: Option<Vec<u8>>,
    pub reads: Reads,
}

pub struct Step {
    pub hook: Hook,
    /// At `on-recipient`.
    pub recipient: Option<String>,
    pub evaluation: Evaluation,
}

/// The server's decision.
pub struct Ruling {
    /// The verdict's word, or `failed`.
    pub word: &'static str,
    /// Where it was made; none: nobody objected.
    pub hook: Option<Hook>,
    /// What the client gets in place of a 250.
    pub refusal: Option<Refusal>,
    /// In the filter's words.
    pub why: String,
}

impl Trial {
    pub fn took(&self) -> Duration {
        self.steps.iter().map(|step| step.evaluation.took).sum()
    }

    pub fn host_calls(&self) -> u64 {
        self.steps.iter().map(|step| step.evaluation.host_calls).fold(0, u64::saturating_add)
    }

    /// The row of the reply table, and the reply line.
    pub fn reply(&self, subject: &Subject) -> (&'static Row, String) {
        let (row, shown, case, extra) = match (&self.ruling.refusal, self.ruling.word) {
            (Some(refusal), _) => {
                let place = refusal.place();
                (place.row, place.row, place.case, place.extra)
            }
            (None, "discard") => (&reply::DELETED_BY_FILTER, &reply::MESSAGE_ACCEPTED, Case::Usual, None),
            (None, "challenge") => (&reply::CHALLENGED_BY_FILTER, &reply::MESSAGE_ACCEPTED, Case::Usual, None),
            (None, _) => (&reply::MESSAGE_ACCEPTED, &reply::MESSAGE_ACCEPTED, Case::Usual, None),
        };
        let (code, enhanced) = shown.codes(subject.profile, case);
        let words = extra.map(|extra| format!(" {extra}")).unwrap_or_default();
        (row, format!("{code} {enhanced} {}{words}", shown.text))
    }
}

/// What hooks have found so far.
struct Running {
    session: Arc<Session>,
    transaction: Transaction,
    content: Arc<Counted>,
    notes: BTreeMap<String, Vec<u8>>,
    time: u64,
    steps: Vec<Step>,
    edits: Vec<Edit>,
    score: f64,
    ruling: Ruling,
}

/// Asks all hooks that the filter has.
pub async fn run(subject: &Subject, letter: &Letter, scenario: &Scenario, time: u64) -> Trial {
    let mut running = Running {
        session: Arc::new(scenario.session()),
        transaction: scenario.transaction(letter),
        content: Arc::new(Counted::new(letter.bytes.clone())),
        notes: BTreeMap::new(),
        time,
        steps: Vec::new(),
        edits: Vec::new(),
        score: scenario.score,
        ruling: Ruling { word: "pass", hook: None, refusal: None, why: String::new() },
    };
    running.session(subject, scenario.recipients(letter)).await;
    if running.ruling.refusal.is_none() {
        running.sum(subject);
    }
    if subject.filter.hooks().contains(&Hook::Outcome) {
        running.tell(subject).await;
    }
    let Running { steps, ruling, score, edits, content, .. } = running;
    let after = chain::edited(&letter.bytes, &edits);
    Trial { steps, ruling, score, edits, after, reads: content.reads() }
}

impl Running {
    async fn session(&mut self, subject: &Subject, recipients: Vec<Recipient>) {
        for hook in [Hook::Connect, Hook::Greeting, Hook::Sender] {
            if self.ask(subject, hook, None).await {
                return;
            }
        }
        for recipient in recipients {
            if !self.ask(subject, Hook::Recipient, Some(&recipient)).await {
                self.transaction.recipients.push(recipient);
            }
        }
        if self.transaction.recipients.is_empty() {
            return;
        }
        self.ruling.refusal = None;
        if self.ruling.hook == Some(Hook::Recipient) && matches!(self.ruling.word, "reject" | "defer") {
            self.ruling = Ruling { word: "pass", hook: None, refusal: None, why: String::new() };
        }
        self.ask(subject, Hook::Message, None).await;
    }

    /// True: that is the end, for the recipient or for all.
    async fn ask(&mut self, subject: &Subject, hook: Hook, recipient: Option<&Recipient>) -> bool {
        if !subject.filter.hooks().contains(&hook) {
            return false;
        }
        let message: Option<Arc<dyn Content>> = (hook == Hook::Message).then(|| self.content.clone() as _);
        let call = Call { recipient: recipient.cloned(), message, ..self.call(hook) };
        let mut evaluation = subject.filter.call(call).await;
        if let Some(notes) = evaluation.notes.take() {
            self.notes = notes;
        }
        let ends = self.act(subject, hook, &evaluation);
        let recipient = recipient.map(|recipient| recipient.address.clone());
        self.steps.push(Step { hook, recipient, evaluation });
        ends
    }

    fn call(&self, hook: Hook) -> Call {
        let early = matches!(hook, Hook::Connect | Hook::Greeting);
        Call {
            hook,
            session: Some(Arc::clone(&self.session)),
            transaction: (!early).then(|| Arc::new(self.transaction.clone())),
            recipient: None,
            message: None,
            outcome: None,
            class: None,
            score: self.score,
            notes: self.notes.clone(),
            time: self.time,
            shadow: false,
        }
    }

    fn act(&mut self, subject: &Subject, hook: Hook, evaluation: &Evaluation) -> bool {
        let verdict = match &evaluation.verdict {
            Ok(verdict) => verdict,
            Err(failure) => {
                let refusal = match subject.config.on_failure.action(failure.cause) {
                    FailureAction::Defer => Some(Refusal::Unavailable),
                    FailureAction::Reject => Some(Refusal::Filter(None)),
                    FailureAction::Pass => None,
                };
                let ends = refusal.is_some();
                self.ruling = Ruling { word: "failed", hook: Some(hook), refusal, why: failure.to_string() };
                return ends;
            }
        };
        self.score += points(evaluation);
        for edit in &evaluation.edits {
            chain::apply_to_envelope(&mut self.transaction, edit);
            self.edits.push(edit.clone());
        }
        let refusal = match verdict {
            Verdict::Pass => return false,
            Verdict::Reject(objection) => Some(chain::refusal(objection.clone())),
            Verdict::Defer(objection) => Some(chain::deferral(objection.clone())),
            Verdict::Accept | Verdict::Discard(_) | Verdict::Quarantine(_) | Verdict::Challenge(_) => None,
        };
        let ends = refusal.is_some() || matches!(verdict, Verdict::Discard(_));
        self.ruling = Ruling { word: verdict.name(), hook: Some(hook), refusal, why: chain::describe(verdict) };
        ends
    }

    /// The sum of the scores decides where no filter does.
    fn sum(&mut self, subject: &Subject) {
        let scores = &subject.scores;
        let reaches = |limit: f64| limit > 0.0 && self.score >= limit;
        let hook = Some(Hook::Message);
        let why = |limit: f64| format!("the score {:.1} reaches {limit:.1}", self.score);
        if self.ruling.word != "discard" && reaches(scores.reject) {
            let (word, refusal) = match scores.refuse_action {
                RefuseAction::Reject => ("reject", Some(Refusal::SpamScore)),
                RefuseAction::Discard => ("discard", None),
            };
            self.ruling = Ruling { word, hook, refusal, why: why(scores.reject) };
        } else if matches!(self.ruling.word, "pass" | "accept") && reaches(scores.quarantine) {
            self.ruling = Ruling { word: "quarantine", hook, refusal: None, why: why(scores.quarantine) };
        }
    }

    /// `on-outcome`, which decides nothing.
    async fn tell(&mut self, subject: &Subject) {
        let outcome = match (&self.ruling.refusal, self.ruling.word) {
            (Some(refusal), _) if refusal.place().row.code < 500 => "deferred",
            (Some(_), _) => "rejected",
            (None, "discard") => "discarded",
            (None, "quarantine") => "quarantined",
            (None, "challenge") => "challenged",
            (None, _) => "queued",
        };
        let outcome = Outcome { outcome: outcome.to_owned(), reply: String::new() };
        let call = Call { outcome: Some(outcome), ..self.call(Hook::Outcome) };
        let evaluation = subject.filter.call(call).await;
        self.steps.push(Step { hook: Hook::Outcome, recipient: None, evaluation });
    }
}
