//! Words for verdicts, and errors that become failures.

use crate::{EditError, Failure, Objection, Reason, Verdict};

/// What a hook answers: a decision, or that it could not decide.
pub type Answer = Result<Verdict, Failure>;

/// No objection: the next filter decides.
pub fn pass() -> Answer {
    Ok(Verdict::Pass)
}

/// Wanted: the remaining filters of this hook are skipped. Needs the grant `accept`.
pub fn accept() -> Answer {
    Ok(Verdict::Accept)
}

/// Permanent refusal.
pub fn reject(reason: Reason) -> Objecting {
    Objecting::new(Verdict::Reject, reason)
}

/// Temporary refusal.
pub fn defer(reason: Reason) -> Objecting {
    Objecting::new(Verdict::Defer, reason)
}

/// Taken and deleted. Needs the grant `discard`.
pub fn discard(reason: Reason) -> Objecting {
    Objecting::new(Verdict::Discard, reason)
}

/// Taken and held for the postmaster.
pub fn quarantine(reason: Reason) -> Objecting {
    Objecting::new(Verdict::Quarantine, reason)
}

/// Taken and held until the sender answers a challenge.
pub fn challenge(reason: Reason) -> Objecting {
    Objecting::new(Verdict::Challenge, reason)
}

/// A verdict that is still being described. `into()` makes it an [`Answer`].
#[must_use = "a verdict counts when it is returned: end with .into()"]
pub struct Objecting {
    verdict: fn(Objection) -> Verdict,
    objection: Objection,
}

impl Objecting {
    fn new(verdict: fn(Objection) -> Verdict, reason: Reason) -> Self {
        Self { verdict, objection: Objection { reason, detail: None, reply_text: None } }
    }

    /// For the log and the postmaster; never sent to the client.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.objection.detail = Some(detail.into());
        self
    }

    /// For the client, in place of the server's text. Needs the grant `custom-replies`; one line.
    pub fn reply_text(mut self, text: impl Into<String>) -> Self {
        self.objection.reply_text = Some(text.into());
        self
    }
}

impl From<Objecting> for Answer {
    fn from(objecting: Objecting) -> Self {
        Ok((objecting.verdict)(objecting.objection))
    }
}

/// With `?`: an edit that is refused makes the call a failed one.
impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let retryable = false;
        Self { retryable, message: format!("an edit was refused: {error:?}") }
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { retryable: true, message }
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::from(message.to_owned())
    }
}
