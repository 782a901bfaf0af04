//! The reply table as this room reads it.

use crate::config::Profile;

/// One row.
pub(super) struct Row {
    /// Of the specification.
    pub(super) number: Option<u32>,
    pub(super) key: &'static str,
    /// In all profiles, the first of each profile being the usual one.
    pub(super) replies: Vec<Reply>,
    pub(super) meaning: &'static str,
    pub(super) causes: Vec<&'static str>,
    pub(super) advice: Vec<&'static str>,
}

pub(super) struct Reply {
    pub(super) profile: Profile,
    pub(super) code: &'static str,
    pub(super) enhanced: &'static str,
    pub(super) text: &'static str,
}

impl Row {
    pub(super) fn reply(&self, profile: Profile) -> Option<&Reply> {
        self.replies.iter().find(|reply| reply.profile == profile)
    }
}

pub(super) fn rows() -> &'static [Row] {
    &[]
}
