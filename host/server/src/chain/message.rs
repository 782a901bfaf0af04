//! The end of the message: its filters, the sum of their scores, and what becomes of content and envelope.

use std::sync::Arc;
use std::time::Duration;

use postwarden_mail::header;
use postwarden_sandbox::{Edit, Hook};
use postwarden_smtp::{Mailbox, Refusal};
use postwarden_store::holds::NewHold;
use postwarden_store::{Draft, HoldReason, Timestamp};
use tokio::sync::OwnedSemaphorePermit;

use super::conversation::{Conversation, Held, Running};
use super::hooks::{Question, run};
use super::{CONTENT_BYTES_MAX, edit, facts};
use crate::config::RefuseAction;
use crate::content::MessageContent;
use crate::decide::Asked;
use crate::directory::address;
use crate::node::Node;

/// Larger messages are taken apart beside the tasks that serve sessions.
const PARSED_AT_ONCE_BYTES_MAX: usize = 256 << 10;

/// How long a message waits for memory while others are filtered.
const CONTENT_WAIT_MAX: Duration = Duration::from_secs(30);

/// What the chain has to say about a message it does not refuse.
#[derive(Default)]
pub(crate) struct Passed {
    pub(crate) changes: Changes,
    pub(crate) fate: Fated,
}

#[derive(Default)]
pub(crate) enum Fated {
    #[default]
    Queue,
    /// Row 31; why.
    Discard(String),
    Hold(NewHold),
}

/// Changes to the envelope.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) added: Vec<Mailbox>,
    /// As said at RCPT, in lower case.
    removed: Vec<String>,
    /// Reverse-path without brackets.
    pub(crate) sender: Option<String>,
}

impl Changes {
    pub(crate) fn removes(&self, said: &str) -> bool {
        self.removed.iter().any(|address| address.eq_ignore_ascii_case(said))
    }

    pub(crate) fn touch_recipients(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }

    fn add(&mut self, edit: &Edit) {
        match edit {
            Edit::AddRecipient(text) => match address::parse(text) {
                Some(mailbox) => {
                    self.removed.retain(|removed| !removed.eq_ignore_ascii_case(text));
                    self.added.push(mailbox);
                }
                None => tracing::warn!(address = text.escape_debug().to_string(), "a filter added what is no address"),
            },
            Edit::RemoveRecipient(text) => {
                self.added.retain(|added| !crate::directory::address_of(added).eq_ignore_ascii_case(text));
                self.removed.push(text.to_ascii_lowercase());
            }
            Edit::SetSender(text) => match text.is_empty() || address::parse(text).is_some() {
                true => self.sender = Some(text.clone()),
                false => tracing::warn!(address = text.escape_debug().to_string(), "a filter set no sender address"),
            },
            Edit::AddHeader { .. }
            | Edit::ReplaceHeader { .. }
            | Edit::RemoveHeader { .. }
            | Edit::ReplacePart { .. } => {}
        }
    }
}

/// Asks the message filters; the draft leaves with the header they made.
pub(crate) async fn message(asked: &Asked<'_>, known: &mut Conversation, draft: &mut Draft) -> Result<Passed, Refusal> {
    let (state, sender) = known.parts();
    let (Some(state), Some(transaction)) = (state, asked.transaction) else { return Ok(Passed::default()) };
    if let Some(why) = &state.running.discard {
        return Ok(Passed { fate: Fated::Discard(why.clone()), ..Passed::default() });
    }
    let pinned = Arc::clone(&state.pinned);
    let mut running = state.running.clone();
    running.forged = sender.spf_failed();
    let mut letter = None;
    let mut ruling = Ok(());
    if pinned.iter().any(|filter| filter.answers(Hook::Message)) {
        let mut facts = facts::transaction(transaction, sender);
        let letter = letter.insert(Letter::read(asked.node, draft).await?);
        for edit in &running.edits {
            facts::apply(&mut facts, edit);
            letter.apply(edit);
        }
        facts::tell_local(&mut facts, None, asked);
        let transaction = Some(Arc::new(facts));
        let question = Question { hook: Hook::Message, transaction, recipient: None, letter: Some(letter) };
        ruling = run(asked, state, &pinned, &mut running, question).await;
    }
    let passed = match ruling {
        Ok(()) => settle(asked, &mut running, draft, letter).await,
        Err(refusal) => Err(refusal),
    };
    state.running = running;
    passed
}

async fn settle(
    asked: &Asked<'_>,
    running: &mut Running,
    draft: &mut Draft,
    letter: Option<Letter>,
) -> Result<Passed, Refusal> {
    let scores = &asked.config.scores;
    let reaches = |score: f64, limit: f64| limit > 0.0 && score >= limit;
    if running.discard.is_none() && reaches(running.score, scores.reject) {
        let why = format!("score {:.1} reaches {:.1}", running.score, scores.reject);
        running.decisions.say(&why);
        match scores.refuse_action {
            RefuseAction::Reject => return Err(Refusal::SpamScore),
            RefuseAction::Discard => running.discard = Some(why),
        }
    }
    if let Some(why) = &running.discard {
        return Ok(Passed { fate: Fated::Discard(why.clone()), ..Passed::default() });
    }
    if reaches(running.score, scores.quarantine) {
        let detail = format!("score {:.1} reaches {:.1}", running.score, scores.quarantine);
        running.hold(Held { reason: HoldReason::Quarantine, detail });
    }
    let mark = reaches(running.score, scores.mark);
    let challenge = running.hold.as_ref().is_some_and(|held| held.reason == HoldReason::Challenge);
    let fresh = letter.is_none();
    if fresh && (mark || challenge || running.edits.iter().any(is_of_header)) {
        let mut read = Letter::read(asked.node, draft).await?;
        running.edits.iter().for_each(|edit| read.apply(edit));
        return finish(asked, running, draft, Some(read), mark).await;
    }
    finish(asked, running, draft, letter, mark).await
}

async fn finish(
    asked: &Asked<'_>,
    running: &mut Running,
    draft: &mut Draft,
    mut letter: Option<Letter>,
    mark: bool,
) -> Result<Passed, Refusal> {
    if let Some(letter) = &mut letter {
        if mark {
            letter.mark(running.score, &asked.config.scores.subject_tag);
        }
        letter.write_back(asked.node, draft).await?;
    }
    let mut changes = Changes::default();
    running.edits.iter().for_each(|edit| changes.add(edit));
    let fate = match running.hold.clone() {
        Some(mut held) => {
            let null = asked.transaction.is_some_and(|t| t.sender == postwarden_smtp::ReversePath::Null);
            // Whoever is no person answers no challenge (row 32).
            if null || running.forged || letter.as_ref().is_some_and(Letter::is_automatic) {
                held.reason = HoldReason::Quarantine;
            }
            Fated::Hold(hold(asked, held))
        }
        None => Fated::Queue,
    };
    Ok(Passed { changes, fate })
}

fn hold(asked: &Asked<'_>, held: Held) -> NewHold {
    let time = match held.reason {
        HoldReason::Challenge => asked.config.challenge.expire,
        HoldReason::Quarantine | HoldReason::Operator => asked.config.quarantine_expire,
    };
    let time = Timestamp::try_from(time.as_millis()).unwrap_or(Timestamp::MAX);
    NewHold { reason: held.reason, detail: held.detail, expires: Some(asked.now.saturating_add(time)) }
}

fn is_of_header(edit: &Edit) -> bool {
    matches!(edit, Edit::AddHeader { .. } | Edit::ReplaceHeader { .. } | Edit::RemoveHeader { .. })
}

/// A whole message in memory, and its header as filters changed it.
pub(super) struct Letter {
    received: Vec<u8>,
    /// Where the header ends in what was received.
    rest: usize,
    header: Arc<[u8]>,
    changed: bool,
    /// As it was handed out last.
    content: Option<Arc<MessageContent>>,
    _memory: OwnedSemaphorePermit,
}

impl Letter {
    async fn read(node: &Node, draft: &mut Draft) -> Result<Self, Refusal> {
        let size = draft.size();
        // As received, and taken apart. One message may have all of the memory, so that any size gets its turn.
        let kibibytes = u32::try_from((size >> 9).saturating_add(1).min(CONTENT_BYTES_MAX >> 10)).unwrap_or(u32::MAX);
        let wait = Arc::clone(&node.chain.content).acquire_many_owned(kibibytes);
        let Ok(Ok(memory)) = tokio::time::timeout(CONTENT_WAIT_MAX, wait).await else {
            tracing::warn!(size, "no memory for filters: the client is asked to try again");
            return Err(Refusal::Unavailable);
        };
        let received = whole(draft).await.map_err(|error| {
            tracing::error!(%error, "a message cannot be read back for its filters");
            Refusal::Unavailable
        })?;
        let rest = header::split(&received).0.len();
        let header = received.get(..rest).unwrap_or_default().into();
        Ok(Self { received, rest, header, changed: false, content: None, _memory: memory })
    }

    /// The message as the edits so far left it.
    pub(super) async fn content(&mut self) -> Result<Arc<MessageContent>, Refusal> {
        if let Some(content) = &self.content {
            return Ok(Arc::clone(content));
        }
        let bytes = self.pieces().concat();
        let content = match bytes.len() {
            0..=PARSED_AT_ONCE_BYTES_MAX => MessageContent::new(bytes),
            _ => tokio::task::spawn_blocking(|| MessageContent::new(bytes)).await.map_err(|error| {
                tracing::error!(%error, "a message cannot be taken apart for its filters");
                Refusal::Unavailable
            })?,
        };
        let content = Arc::new(content);
        self.content = Some(Arc::clone(&content));
        Ok(content)
    }

    /// Header, the empty line where it was missing and now is needed, and the rest.
    fn pieces(&self) -> [&[u8]; 3] {
        let rest = self.received.get(self.rest..).unwrap_or_default();
        let closed = !self.changed || rest.starts_with(b"\r\n") || rest.starts_with(b"\n");
        [&self.header, if closed { b"" } else { b"\r\n" }, rest]
    }

    /// Puts in the new parts among these edits. Their indexes are those of the message as it was handed out last.
    pub(super) async fn replace_parts(&mut self, edits: &[Edit]) -> Result<(), Refusal> {
        if !edits.iter().any(|edit| matches!(edit, Edit::ReplacePart { .. })) {
            return Ok(());
        }
        let (content, edits) = (self.content().await?, edits.to_vec());
        let made = tokio::task::spawn_blocking(move || content.replace_parts(&edits)).await.map_err(|error| {
            tracing::error!(%error, "the parts of a message cannot be replaced");
            Refusal::Unavailable
        })?;
        self.rest = header::split(&made).0.len();
        self.header = made.get(..self.rest).unwrap_or_default().into();
        (self.received, self.changed, self.content) = (made, true, None);
        Ok(())
    }

    pub(super) fn apply(&mut self, edit: &Edit) {
        if let Some(header) = edit::apply(&self.header, edit) {
            (self.header, self.changed, self.content) = (header.into(), true, None);
        }
    }

    /// Marks as spam; what the sender wrote in these fields goes.
    fn mark(&mut self, score: f64, tag: &str) {
        for (name, value) in [("X-Spam-Score", format!("{score:.1}")), ("X-Spam-Flag", "YES".to_owned())] {
            self.apply(&Edit::RemoveHeader { name: name.to_owned(), index: None });
            self.apply(&Edit::AddHeader { name: name.to_owned(), value });
        }
        if tag.is_empty() {
            return;
        }
        let name = "Subject".to_owned();
        match header::find(&self.header, "Subject").map(|subject| subject.text()) {
            Some(subject) if subject.starts_with(tag) => {}
            Some(subject) => self.apply(&Edit::ReplaceHeader { name, index: 0, value: format!("{tag} {subject}") }),
            None => self.apply(&Edit::AddHeader { name, value: tag.to_owned() }),
        }
    }

    /// Lists, bulk mail and answering machines.
    fn is_automatic(&self) -> bool {
        let text = |name: &str| header::find(&self.header, name).map(|field| field.text().to_ascii_lowercase());
        text("Auto-Submitted").is_some_and(|value| value != "no")
            || text("Precedence").is_some_and(|value| matches!(value.as_str(), "bulk" | "list" | "junk"))
            || ["List-Id", "List-Unsubscribe"].iter().any(|name| text(name).is_some())
    }

    async fn write_back(&self, node: &Node, draft: &mut Draft) -> Result<(), Refusal> {
        if !self.changed {
            return Ok(());
        }
        let mut changed = node.drafts.open();
        for piece in self.pieces().iter().flat_map(|piece| piece.chunks(postwarden_store::body::CHUNK_BYTES_MAX)) {
            changed.append(piece).await.map_err(|error| {
                tracing::error!(%error, "a message changed by filters cannot be written");
                match error {
                    postwarden_store::Error::Full(_) => Refusal::NoSpace,
                    _ => Refusal::Unavailable,
                }
            })?;
        }
        *draft = changed;
        Ok(())
    }
}

async fn whole(draft: &mut Draft) -> postwarden_store::Result<Vec<u8>> {
    let mut body = draft.body().await?;
    if let Some(bytes) = body.inline() {
        return Ok(bytes.to_vec());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(body.size()).unwrap_or(0));
    while let Some(chunk) = body.next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
