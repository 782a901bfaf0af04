//! What became of one recipient in one try, before it is decided what follows from it.

use std::time::Duration;

use postwarden_smtp::Refusal;

use crate::config::Config;

/// What was said, by another host or by this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// RFC 3463: `5.1.1`.
    pub status: String,
    /// `550 5.1.1 Unknown user local`, or a sentence. No paths: the sender may read it.
    pub text: String,
    /// The host that said it; none: this one.
    pub remote: Option<String>,
}

impl Said {
    pub(crate) fn here(status: &str, text: impl Into<String>) -> Self {
        Self { status: status.to_owned(), text: text.into(), remote: None }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.remote {
            Some(remote) => write!(f, "{remote} said: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// In the mailbox.
    Delivered { said: Option<Said> },
    /// Passed on. `reports`: the next host reports on it from now on; else it is this one that tells
    /// of the success (RFC 3461 section 5.2.2).
    Relayed { said: Said, reports: bool },
    /// Try again.
    Deferred(Said),
    /// As [`Verdict::Deferred`], because another message just found that there is no way. Nothing new
    /// was learned: no record of its own in the history.
    PutOff(Said),
    /// No room on the way now; come back then. The try does not count.
    Later(Said, Duration),
    /// Not this way, and not later either.
    Failed(Said),
    /// The server stops; the try does not count.
    NotTried,
}

impl Verdict {
    /// This server's own refusal, in the words and with the code its clients would get.
    pub(crate) fn refused(config: &Config, refusal: &Refusal) -> Self {
        let place = refusal.place();
        let (code, status) = place.row.codes(config.smtp.replies, place.case);
        let words = config.replies.get(place.row.key).map_or(place.row.text, String::as_str);
        let text = [&code.to_string(), status, words].join(" ");
        let said = Said::here(status, text);
        if code < 500 { Self::Deferred(said) } else { Self::Failed(said) }
    }
}
