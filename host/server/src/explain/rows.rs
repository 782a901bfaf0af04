//! The reply table as this room reads it: codes as text, both profiles side by side.

use std::sync::LazyLock;

use postwarden_smtp::reply;

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
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| reply::all().map(row).collect());
    &ROWS
}

fn row(row: &'static reply::Row) -> Row {
    let reply = |profile, code: u16, enhanced| Reply { profile, code: code.to_string(), enhanced, text: row.text };
    let mut replies = vec![reply(Profile::Merak, row.code, row.enhanced)];
    let (code, enhanced) = row.codes(Profile::Rfc, reply::Case::Usual);
    replies.push(reply(Profile::Rfc, code, enhanced));
    replies.extend(row.rfc.iter().map(|(_, code, enhanced)| reply(Profile::Rfc, *code, enhanced)));
    Row {
        number: (row.number != 0).then_some(u32::from(row.number)),
        key: row.key,
        replies,
        meaning: row.faq.meaning,
        causes: row.faq.causes,
        advice: row.faq.change,
    }
}
