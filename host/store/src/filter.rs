//! Which messages and recipients a filter means: one meaning for all backends.

use crate::history::{HistoryQuery, HistoryRecord};
use crate::queue::{Envelope, QueueFilter, QueuedRecipient, RecipientState};
use crate::{Error, Id, Result};

/// Records given for a history query without a limit, and at most.
pub(crate) const HISTORY_FOUND_DEFAULT: u32 = 100;
pub(crate) const HISTORY_FOUND_MAX: u32 = 10_000;

/// A queue filter, checked.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    filter: QueueFilter,
    /// Only this message.
    pub(crate) id: Option<Id>,
    state: Option<RecipientState>,
}

impl Matcher {
    pub(crate) fn new(filter: &QueueFilter) -> Result<Self> {
        let state = match filter.state.as_deref() {
            None => None,
            Some("queued") => Some(RecipientState::Queued),
            Some("held") => Some(RecipientState::Held),
            Some("leased") => Some(RecipientState::Leased),
            Some(_) => return Err(Error::Invalid("a state is one of queued, held, leased".to_owned())),
        };
        let id = filter.id.as_deref().map(str::parse).transpose()?;
        Ok(Self { filter: filter.clone(), id, state })
    }

    pub(crate) fn message(&self, id: Id, envelope: &Envelope) -> bool {
        let filter = &self.filter;
        self.id.is_none_or(|wanted| wanted == id)
            && filter.received_before.is_none_or(|time| envelope.received < time)
            && filter.received_after.is_none_or(|time| envelope.received > time)
            && filter.sender.as_deref().is_none_or(|mask| matches(mask, &envelope.sender))
    }

    pub(crate) fn recipient(&self, recipient: &QueuedRecipient) -> bool {
        let address = recipient.recipient.address.as_str();
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.state.as_ref().is_none_or(|state| *state == recipient.state)
            && self.filter.recipient.as_deref().is_none_or(|mask| matches(mask, address))
            && self.filter.domain.as_deref().is_none_or(|mask| matches(mask, domain))
    }
}

/// Whether a history record is one the query means (its limit aside).
pub(crate) fn history_matches(query: &HistoryQuery, record: &HistoryRecord) -> bool {
    query.id.as_deref().is_none_or(|id| id == record.id)
        && query.event.as_deref().is_none_or(|event| event == record.event)
        && query.after.is_none_or(|time| record.time > time)
        && query.before.is_none_or(|time| record.time < time)
        && query.sender.as_deref().is_none_or(|mask| matches(mask, &record.sender))
        && query.recipient.as_deref().is_none_or(|mask| record.recipients.iter().any(|to| matches(mask, to)))
}

/// `*` stands for any characters; ASCII letters match without regard to case. Time is at most the
/// product of both lengths.
fn matches(mask: &str, text: &str) -> bool {
    let (mask, text) = (mask.as_bytes(), text.as_bytes());
    let (mut m, mut t) = (0, 0);
    // Where to go on after a mismatch: the last star takes one byte more.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match mask.get(m) {
            Some(b'*') => {
                m += 1;
                retry = Some((m, t));
                continue;
            }
            Some(wanted) if wanted.eq_ignore_ascii_case(byte) => {
                m += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        match retry {
            Some((after_star, from)) => {
                m = after_star;
                t = from + 1;
                retry = Some((after_star, t));
            }
            None => return false,
        }
    }
    mask.get(m..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn masks() {
        for (mask, text, expected) in [
            ("a@b", "a@b", true),
            ("a@b", "A@B", true),
            ("a@b", "a@bc", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*@example.com", "x@EXAMPLE.com", true),
            ("*@example.com", "x@example.com.org", false),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXcYYb", false),
            ("*ab", "aab", true),
            ("**", "anything", true),
            ("100%_", "100xx", false),
            ("\u{e9}*", "\u{e9}t\u{e9}", true),
        ] {
            assert_eq!(matches(mask, text), expected, "{mask} {text}");
        }
        assert!(!matches(&"*a".repeat(2_000), &"a".repeat(1_000)));
    }
}
