//! What the operator may set, and how a span of time is written.

use postwarden_filter::{Problem, Problems, dns, state};
use serde::Deserialize;

/// How long a correspondent is remembered, unless the operator says otherwise.
const AUTO_WHITE: &str = "60d";
const AUTO_WHITE_DAYS_MAX: u64 = 1000;
const MILLISECONDS_PER_DAY: u64 = 86_400_000;

/// Files of entries, by the names the operator wrote. Without one, nobody is on that list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// Refused with row 19.
    pub(crate) black: Option<String>,
    /// Not refused, and the filters after this one are skipped, save those with `always = true`. Needs `accept`.
    pub(crate) white: Option<String>,
    /// Not refused, whatever the black list says.
    pub(crate) bypass: Option<String>,
    /// How long those are white that a local user has written to, for that user: `60d`, `12h`; `0` is off. Needs
    /// `accept` and `state`.
    pub(crate) auto_white: Option<String>,
}

impl Settings {
    /// In milliseconds; none: off.
    pub(crate) fn auto_white(&self, problems: &mut Problems) -> Option<u64> {
        let granted = !matches!(state::Bucket::open(""), Err(state::Error::AccessDenied));
        let mut problem = |message: String| {
            problems.push(Problem::new("/auto-white", message));
            None
        };
        let written = match &self.auto_white {
            Some(written) => written,
            None if granted => AUTO_WHITE,
            None => return None,
        };
        match span(written) {
            Some(0) => None,
            Some(span) if span > AUTO_WHITE_DAYS_MAX.saturating_mul(MILLISECONDS_PER_DAY) => {
                problem(format!("\"{written}\" is more than {AUTO_WHITE_DAYS_MAX} days"))
            }
            Some(_) if !granted => {
                problem("needs a place to remember: add to its [[filter]]: grants = [\"state\"]".to_owned())
            }
            Some(span) => Some(span),
            None => problem(format!("\"{written}\" is no span of time: write a number and d, h or m, as in \"60d\"")),
        }
    }
}

/// Whether `a:` entries can be looked up. In `configure` nothing is asked, only refused for this reason or another.
pub(crate) fn may_ask_dns() -> bool {
    let question = dns::Question { name: "localhost".to_owned(), record_type: 1 };
    !matches!(dns::resolve(&question), Err(dns::Error::AccessDenied))
}

/// In milliseconds.
fn span(text: &str) -> Option<u64> {
    let text = text.trim();
    if text == "0" {
        return Some(0);
    }
    let unit = text.chars().last()?;
    let each = match unit {
        'd' => MILLISECONDS_PER_DAY,
        'h' => 3_600_000,
        'm' => 60_000,
        _ => return None,
    };
    text.strip_suffix(unit)?.trim().parse::<u64>().ok()?.checked_mul(each)
}
