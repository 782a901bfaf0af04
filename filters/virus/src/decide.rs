//! From what was found to a verdict: the severest action of all findings, then limits and passwords.

use postwarden_filter::telemetry::{self, Level};
use postwarden_filter::{Answer, Message, Reason, Transaction, discard, pass, quarantine, reject};

use crate::limits::Limit;
use crate::scan::Finding;
use crate::settings::{Action, Otherwise, Settings};
use crate::strip;

/// What a scan came to.
pub(crate) struct Outcome<'a> {
    pub(crate) findings: &'a [Finding],
    pub(crate) reached: &'a [(Limit, String)],
    pub(crate) encrypted: &'a [String],
    pub(crate) unreadable: &'a [String],
}

pub(crate) fn verdict(
    settings: &Settings,
    result: &Outcome<'_>,
    transaction: &Transaction,
    message: &Message,
) -> Answer {
    log(result);
    let acting: Vec<&Finding> =
        result.findings.iter().filter(|finding| settings.action_for(&finding.name) != Action::Pass).collect();
    if let Some(worst) = acting.iter().min_by_key(|finding| severity(settings.action_for(&finding.name))) {
        let detail = format!("virus {} in {}", worst.name, worst.place);
        return match settings.action_for(&worst.name) {
            Action::Reject => reject(Reason::Virus).detail(detail).into(),
            Action::Discard => discard(Reason::Virus).detail(detail).into(),
            Action::Quarantine => quarantine(Reason::Virus).detail(detail).into(),
            Action::Strip | Action::Pass => strip::strip(&acting, transaction, message),
        };
    }
    if let Some((limit, place)) = result.reached.first() {
        let detail = format!("not looked into whole: its limit of {} was reached in {place}", limit.name());
        if let Some(answer) = otherwise(settings.on_limit, detail) {
            return answer;
        }
    }
    if let Some(place) = result.encrypted.first()
        && let Some(answer) = otherwise(settings.on_encrypted, format!("needs a password: {place}"))
    {
        return answer;
    }
    pass()
}

/// The lower, the more it overrules.
fn severity(action: Action) -> u8 {
    match action {
        Action::Reject => 0,
        Action::Discard => 1,
        Action::Quarantine => 2,
        Action::Strip => 3,
        Action::Pass => 4,
    }
}

fn otherwise(action: Otherwise, detail: String) -> Option<Answer> {
    match action {
        Otherwise::Reject => Some(reject(Reason::Virus).detail(detail).into()),
        Otherwise::Quarantine => Some(quarantine(Reason::Virus).detail(detail).into()),
        Otherwise::Pass => None,
    }
}

fn log(result: &Outcome<'_>) {
    for finding in result.findings {
        let fields = [("virus".to_owned(), finding.name.clone()), ("place".to_owned(), finding.place.clone())];
        telemetry::log(Level::Warn, "virus found", &fields);
        telemetry::add_to_counter("found", 1);
    }
    for (limit, place) in result.reached {
        let fields = [("limit".to_owned(), limit.name().to_owned()), ("place".to_owned(), place.clone())];
        telemetry::log(Level::Warn, "not looked into whole: a limit was reached", &fields);
        telemetry::add_to_counter("limit", 1);
    }
    for (places, what) in [(result.encrypted, "needs a password"), (result.unreadable, "cannot be unpacked")] {
        if let Some(first) = places.first() {
            let fields = [("place".to_owned(), first.clone()), ("count".to_owned(), places.len().to_string())];
            telemetry::log(Level::Info, what, &fields);
        }
    }
}
