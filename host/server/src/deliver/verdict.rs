//! What became of one recipient in one try, before it is decided what follows from it.

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
    /// Not this way, and not later either.
    Failed(Said),
    /// The server stops; the try does not count.
    NotTried,
}
