//! The reply table as this room reads it: codes as text, both profiles side by side.

use crate::config::Profile;

/// One row.
pub(super) struct Row {
    /// Of the specification.
    pub(super) number: Option<u32>,
    pub(super) key: &'static str,
    /// In both profiles; the first of a profile is the usual one.
    pub(super) replies: Vec<Reply>,
    pub(super) meaning: &'static str,
    pub(super) causes: &'static [&'static str],
    pub(super) advice: &'static [&'static str],
}

pub(super) struct Reply {
    pub(super) profile: Profile,
    pub(super) code: String,
    pub(super) enhanced: &'static str,
    pub(super) text: &'static str,
}

impl Row {
    pub(super) fn reply(&self, profile: Profile) -> Option<&Reply> {
        self.replies.iter().find(|reply| reply.profile == profile)
    }

    /// Whether it tells of a failure; what tells of success is no question.
    pub(super) fn is_failure(&self) -> bool {
        self.number.is_some() || self.replies.iter().any(|reply| reply.code.starts_with(['4', '5']))
    }
}

pub(super) fn rows() -> &'static [Row] {
    &[]
}
