//! Asks the filters of one hook in their order and does what they say.

use std::sync::Arc;

use postwarden_sandbox::{Call, Content, Edit, Evaluation, Hook, Objection, Reason, Recipient, Transaction, Verdict};
use postwarden_smtp::question::RecipientParameters;
use postwarden_smtp::{ForwardPath, Refusal, ReversePath, SenderParameters};
use postwarden_store::HoldReason;

use super::ask::ask;
use super::conversation::{Conversation, Held, Pinned, Running, State, pin};
use super::decision::describe;
use super::facts;
use super::message::Letter;
use crate::config::FailureAction;
use crate::decide::Asked;
use crate::sender_auth;

/// Bytes of a filter's own reply text.
const REPLY_TEXT_BYTES_MAX: usize = 300;

/// Names a filter that failed and was passed over.
const UNFILTERED: &str = "X-Postwarden-Unfiltered";

/// Connect and greeting: with the versions of this moment.
pub(crate) async fn connection(asked: &Asked<'_>, known: &mut Conversation, hook: Hook) -> Result<(), Refusal> {
    if asked.node.filters.all().is_empty() {
        return Ok(());
    }
    let pinned = pin(&asked.node.filters, &asked.facts.session_id);
    let state = known.open();
    let mut running = std::mem::take(&mut state.connection);
    let question = Question { hook, transaction: None, recipient: None, letter: None };
    let ruling = run(asked, state, &pinned, &mut running, question).await;
    state.connection = running;
    ruling
}

/// MAIL, after the built-in policies: the transaction begins.
pub(crate) async fn sender(
    asked: &Asked<'_>,
    known: &mut Conversation,
    path: &ReversePath,
    parameters: &SenderParameters,
) -> Result<(), Refusal> {
    known.begin(&asked.node.filters, &asked.facts.session_id);
    identify(asked, known, Hook::Sender, path).await;
    let (state, sender) = known.parts();
    let Some(state) = state.filter(|state| wanted(state, Hook::Sender)) else { return Ok(()) };
    let mut transaction = facts::proposed(path, parameters, sender);
    facts::tell_local(&mut transaction, None, asked);
    let transaction = Some(Arc::new(transaction));
    envelope(asked, state, Question { hook: Hook::Sender, transaction, recipient: None, letter: None }).await
}

/// RCPT, after the built-in policies. What is found about a recipient that is refused counts for nothing.
pub(crate) async fn recipient(
    asked: &Asked<'_>,
    known: &mut Conversation,
    path: &ForwardPath,
    parameters: &RecipientParameters,
) -> Result<(), Refusal> {
    if let Some(running) = asked.transaction {
        identify(asked, known, Hook::Recipient, &running.sender).await;
    }
    let (state, sender) = known.parts();
    let Some(state) = state.filter(|state| wanted(state, Hook::Recipient)) else { return Ok(()) };
    let recipient = facts::recipient(path, parameters);
    let transaction = asked.transaction.map(|running| {
        let mut transaction = facts::transaction(running, sender);
        facts::tell_local(&mut transaction, Some(&recipient), asked);
        Arc::new(transaction)
    });
    let recipient = Some(recipient);
    envelope(asked, state, Question { hook: Hook::Recipient, transaction, recipient, letter: None }).await
}

/// SPF, before the message is there: only where a filter of this hook looks at such results.
async fn identify(asked: &Asked<'_>, known: &mut Conversation, hook: Hook, path: &ReversePath) {
    let reads = |pinned: &Pinned| {
        pinned.answers(hook) && pinned.version.as_ref().is_some_and(|version| version.evaluator.reads_authentication())
    };
    if known.state().is_some_and(|state| state.pinned.iter().any(reads)) {
        sender_auth::envelope(asked, &mut known.sender, &facts::sender(path)).await;
    }
}

fn wanted(state: &State, hook: Hook) -> bool {
    state.pinned.iter().any(|pinned| pinned.answers(hook))
}

async fn envelope(asked: &Asked<'_>, state: &mut State, question: Question<'_>) -> Result<(), Refusal> {
    let pinned = Arc::clone(&state.pinned);
    let mut running = state.running.clone();
    let ruling = run(asked, state, &pinned, &mut running, question).await;
    match ruling {
        Ok(()) => state.running = running,
        Err(_) => state.running.decisions = running.decisions,
    }
    ruling
}

/// One hook, as its filters are asked about it.
pub(super) struct Question<'a> {
    pub(super) hook: Hook,
    pub(super) transaction: Option<Arc<Transaction>>,
    pub(super) recipient: Option<Recipient>,
    pub(super) letter: Option<&'a mut Letter>,
}

/// The order of the chain. A discard is noted in `running`, which the end of the message looks at.
pub(super) async fn run(
    asked: &Asked<'_>,
    state: &mut State,
    pinned: &[Pinned],
    running: &mut Running,
    mut question: Question<'_>,
) -> Result<(), Refusal> {
    let hook = question.hook;
    let mut session = None;
    let mut accepted = false;
    for filter in pinned {
        if (accepted && !filter.config.always) || !filter.answers(hook) {
            continue;
        }
        let name = filter.slot.name.as_str();
        let message = match &mut question.letter {
            Some(letter) => Some(letter.content().await? as Arc<dyn Content>),
            None => None,
        };
        let call = Call {
            hook,
            session: Some(Arc::clone(session.get_or_insert_with(|| Arc::new(facts::session(asked))))),
            transaction: question.transaction.clone(),
            recipient: question.recipient.clone(),
            message,
            outcome: None,
            class: None,
            score: running.score,
            notes: state.notes(name, false),
            time: u64::try_from(asked.now).unwrap_or(0),
            shadow: filter.config.shadow,
        };
        let canary_notes = filter.canary.as_ref().map(|_| state.notes(name, true)).unwrap_or_default();
        let (mut evaluation, mut canary) = ask(&asked.node.manager, filter, call, canary_notes, asked.now).await;
        state.keep_notes(name, false, &mut evaluation);
        if let Some(canary) = &mut canary {
            state.keep_notes(name, true, canary);
        }
        running.decisions.add(filter, hook, &evaluation, canary.as_ref());
        if filter.config.shadow {
            continue;
        }
        match act(asked, filter, evaluation, running, &mut question).await? {
            Next::Goes => {}
            Next::Accepted => accepted = true,
            Next::Ends => return Ok(()),
        }
    }
    Ok(())
}

enum Next {
    Goes,
    Accepted,
    Ends,
}

async fn act(
    asked: &Asked<'_>,
    filter: &Pinned,
    evaluation: Evaluation,
    running: &mut Running,
    question: &mut Question<'_>,
) -> Result<Next, Refusal> {
    let verdict = match evaluation.verdict {
        Ok(verdict) => verdict,
        Err(failure) => match filter.config.on_failure.action(failure.cause) {
            FailureAction::Defer => return Err(Refusal::Unavailable),
            FailureAction::Reject => return Err(Refusal::Filter(None)),
            FailureAction::Pass => {
                if question.transaction.is_some() {
                    let value = format!("{} ({})", filter.slot.name, failure.cause);
                    stage(running, question, Edit::AddHeader { name: UNFILTERED.to_owned(), value });
                }
                return Ok(Next::Goes);
            }
        },
    };
    running.score +=
        evaluation.scores.iter().map(|score| score.points).filter(|points| points.is_finite()).sum::<f64>();
    if let Some(letter) = &mut question.letter {
        letter.replace_parts(&evaluation.edits).await?;
    }
    for edit in evaluation.edits {
        stage(running, question, edit);
    }
    let detail = format!("{}: {}", filter.slot.name, describe(&verdict));
    match verdict {
        Verdict::Pass => {}
        Verdict::Accept => return Ok(Next::Accepted),
        Verdict::Reject(objection) => return Err(refusal(objection)),
        Verdict::Defer(objection) => return Err(deferral(objection)),
        Verdict::Discard(_) => {
            running.discard = Some(detail);
            return Ok(Next::Ends);
        }
        Verdict::Quarantine(_) => running.hold(Held { reason: HoldReason::Quarantine, detail }),
        Verdict::Challenge(_) => {
            let reason = if asked.config.challenge.enabled { HoldReason::Challenge } else { HoldReason::Quarantine };
            running.hold(Held { reason, detail });
        }
    }
    Ok(Next::Goes)
}

/// Notes an edit and shows it to the filters that follow. New parts are in the letter already, and nowhere else.
fn stage(running: &mut Running, question: &mut Question<'_>, edit: Edit) {
    if matches!(edit, Edit::ReplacePart { .. }) {
        return;
    }
    if let Some(transaction) = &mut question.transaction {
        facts::apply(Arc::make_mut(transaction), &edit);
    }
    if let Some(letter) = &mut question.letter {
        letter.apply(&edit);
    }
    running.edits.push(edit);
}

pub(crate) fn refusal(objection: Objection) -> Refusal {
    match objection.reason {
        Reason::Virus => Refusal::Virus,
        Reason::Content => Refusal::Content(own_text(objection)),
        Reason::Spam => Refusal::SpamFilter,
        Reason::Access => Refusal::AccessDenied,
        Reason::Filter => Refusal::Filter(own_text(objection)),
    }
}

pub(crate) fn deferral(objection: Objection) -> Refusal {
    Refusal::FilterDeferred(own_text(objection))
}

/// One printable line, or none. The sandbox takes it away where it is not granted.
fn own_text(objection: Objection) -> Option<String> {
    let printable = |text: &String| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    objection.reply_text.filter(|text| !text.trim().is_empty() && text.len() <= REPLY_TEXT_BYTES_MAX && printable(text))
}
