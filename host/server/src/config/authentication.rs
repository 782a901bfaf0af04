//! `[authentication]`: what is done with mail of others by who really sent it; `[submission]`: mail of users.

use super::table::Section;
use super::*;

const ANSWERS: [(&str, OnUnauthentic); 4] = [
    ("tag", OnUnauthentic::Tag),
    ("score", OnUnauthentic::Score),
    ("quarantine", OnUnauthentic::Quarantine),
    ("reject", OnUnauthentic::Reject),
];

pub(super) fn authentication(s: Section<'_>) -> Authentication {
    let d = Authentication::default();
    let arc = s.section("arc");
    let trusted = arc.list("trusted", d.arc_trusted, address::domain);
    let dmarc = s.section("dmarc");
    let authentication = Authentication {
        spf: policy(s.section("spf"), d.spf, &ANSWERS),
        dkim: policy(s.section("dkim"), d.dkim, &ANSWERS),
        dmarc_reports: dmarc.bool("reports", d.dmarc_reports),
        dmarc: policy(dmarc, d.dmarc, &[&ANSWERS[..], &[("policy", OnUnauthentic::Policy)]].concat()),
        arc: policy(arc, d.arc, &ANSWERS),
        arc_trusted: trusted,
        exempt: s.networks("exempt", d.exempt),
    };
    s.finish();
    authentication
}

pub(super) fn submission(s: Section<'_>) -> Submission {
    let d = Submission::default();
    let answers = [("sender", ForeignFrom::Sender), ("reject", ForeignFrom::Reject), ("keep", ForeignFrom::Keep)];
    let submission = Submission {
        complete: s.bool("complete", d.complete),
        foreign_from: s.choice("foreign-from", &answers, d.foreign_from),
    };
    s.finish();
    submission
}

fn policy(s: Section<'_>, d: UnauthenticPolicy, answers: &[(&'static str, OnUnauthentic)]) -> UnauthenticPolicy {
    let policy = UnauthenticPolicy { fail: s.choice("fail", answers, d.fail), score: s.float("score", d.score) };
    if let Some(entry) = s.get("score")
        && policy.fail != OnUnauthentic::Score
    {
        entry.warn("is not used without fail = \"score\"");
    }
    s.finish();
    policy
}
