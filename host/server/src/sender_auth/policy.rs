//! What the operator wants done with mail whose sender is not who it says: a pure function of settings and findings.
//! By default nothing but the results is added. A DNS that does not answer is never a reason.

use mail_auth::dmarc::Policy;
use postwarden_smtp::Refusal;

use super::checks::{Checked, Dmarc};
use crate::config::{Authentication, OnUnauthentic};

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) refusal: Option<Refusal>,
    /// Symbol and points, for the sum of all scores.
    pub(crate) scores: Vec<(&'static str, f64)>,
    /// Why the message is held.
    pub(crate) hold: Option<&'static str>,
    /// A failure that a trusted forwarder vouches for.
    pub(crate) vouched: Option<String>,
}

pub(super) fn judge(settings: &Authentication, checked: &Checked) -> Judgement {
    let mut judgement = Judgement::default();
    if checked.spf_failed {
        judgement.act(settings.spf.fail, settings.spf.score, &SPF);
    }
    if checked.dkim_failed {
        judgement.act(settings.dkim.fail, settings.dkim.score, &DKIM);
    }
    if checked.arc_failed {
        judgement.act(settings.arc.fail, settings.arc.score, &ARC);
    }
    if let Dmarc::Fail(asked) = checked.dmarc {
        let trusted = checked.sealers.first().filter(|sealer| settings.arc_trusted.contains(sealer));
        match trusted {
            Some(sealer) => judgement.vouched = Some(sealer.clone()),
            None => judgement.act(honoured(settings.dmarc.fail, asked), settings.dmarc.score, &DMARC),
        }
    }
    judgement
}

/// The domain's own wish, where the operator honours it.
fn honoured(wanted: OnUnauthentic, asked: Policy) -> OnUnauthentic {
    match (wanted, asked) {
        (OnUnauthentic::Policy, Policy::Reject) => OnUnauthentic::Reject,
        (OnUnauthentic::Policy, Policy::Quarantine) => OnUnauthentic::Quarantine,
        (OnUnauthentic::Policy, Policy::None | Policy::Unspecified) => OnUnauthentic::Tag,
        (wanted, _) => wanted,
    }
}

/// How a failure of one method is called.
struct Failure {
    refusal: Refusal,
    symbol: &'static str,
    sentence: &'static str,
}

static SPF: Failure = Failure { refusal: Refusal::SpfFailed, symbol: "SPF_FAIL", sentence: "SPF failed" };
static DKIM: Failure = Failure { refusal: Refusal::DkimFailed, symbol: "DKIM_FAIL", sentence: "DKIM failed" };
static ARC: Failure = Failure { refusal: Refusal::ArcFailed, symbol: "ARC_FAIL", sentence: "ARC failed" };
static DMARC: Failure = Failure { refusal: Refusal::DmarcFailed, symbol: "DMARC_FAIL", sentence: "DMARC failed" };

impl Judgement {
    fn act(&mut self, wanted: OnUnauthentic, score: f64, failure: &'static Failure) {
        match wanted {
            OnUnauthentic::Tag | OnUnauthentic::Policy => {}
            OnUnauthentic::Score => self.scores.push((failure.symbol, score)),
            OnUnauthentic::Quarantine => {
                self.hold.get_or_insert(failure.sentence);
            }
            OnUnauthentic::Reject => {
                self.refusal.get_or_insert_with(|| failure.refusal.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::UnauthenticPolicy;

    fn all(fail: OnUnauthentic) -> Authentication {
        let policy = UnauthenticPolicy { fail, score: 2.5 };
        Authentication { spf: policy, dkim: policy, dmarc: policy, arc: policy, ..Authentication::default() }
    }

    fn nothing_holds() -> Checked {
        Checked {
            spf_failed: true,
            dkim_failed: true,
            arc_failed: true,
            dmarc: Dmarc::Fail(Policy::Reject),
            ..Checked::default()
        }
    }

    #[test]
    fn by_default_nothing_is_done() {
        assert_eq!(judge(&Authentication::default(), &nothing_holds()), Judgement::default());
        assert_eq!(judge(&all(OnUnauthentic::Reject), &Checked::default()), Judgement::default());
    }

    #[test]
    fn each_answer() {
        let said = judge(&all(OnUnauthentic::Score), &nothing_holds());
        let symbols: Vec<_> = said.scores.iter().map(|(symbol, _)| *symbol).collect();
        assert_eq!(symbols, ["SPF_FAIL", "DKIM_FAIL", "ARC_FAIL", "DMARC_FAIL"]);
        assert_eq!(judge(&all(OnUnauthentic::Quarantine), &nothing_holds()).hold, Some("SPF failed"));
        assert_eq!(judge(&all(OnUnauthentic::Reject), &nothing_holds()).refusal, Some(Refusal::SpfFailed));
        let only = Checked { dmarc: Dmarc::Fail(Policy::None), ..Checked::default() };
        assert_eq!(judge(&all(OnUnauthentic::Reject), &only).refusal, Some(Refusal::DmarcFailed));
    }

    #[test]
    fn the_domains_own_wish_counts_where_it_is_honoured() {
        for (asked, refusal, hold) in [
            (Policy::Reject, Some(Refusal::DmarcFailed), None),
            (Policy::Quarantine, None, Some("DMARC failed")),
            (Policy::None, None, None),
        ] {
            let checked = Checked { dmarc: Dmarc::Fail(asked), ..Checked::default() };
            let said = judge(&all(OnUnauthentic::Policy), &checked);
            assert_eq!((said.refusal, said.hold), (refusal, hold), "{asked}");
        }
    }

    #[test]
    fn a_trusted_forwarder_vouches_for_what_dmarc_refuses() {
        let settings = Authentication { arc_trusted: vec!["lists.example".to_owned()], ..all(OnUnauthentic::Reject) };
        let sealed = |by: &str| Checked {
            dmarc: Dmarc::Fail(Policy::Reject),
            sealers: vec![by.to_owned()],
            ..Checked::default()
        };
        assert_eq!(judge(&settings, &sealed("lists.example")).refusal, None);
        assert_eq!(judge(&settings, &sealed("other.example")).refusal, Some(Refusal::DmarcFailed));
    }
}
