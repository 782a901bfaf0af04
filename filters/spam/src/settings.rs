//! What the operator may set, and what is said when it is wrong. Every key has a default; none is required.

use std::collections::BTreeMap;

use postwarden_filter::{Problem, Problems};
use serde::Deserialize;
use serde::de::Error as _;

use crate::lists::{self, List};
use crate::symbols::Points;

/// `settings` of the filter.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Other points for symbols: `{ HTML_ONLY = 1.5, URL_TLD = 0 }`. A symbol of 0 points is
    /// switched off.
    symbols: BTreeMap<String, f64>,
    /// The classifier that learns.
    pub(crate) classifier: Classifier,
    /// Block lists that are asked through the DNS, in one round: the name of a known one, or a table.
    lists: Vec<ListSetting>,
    pub(crate) greylist: Greylist,
    pub(crate) reputation: Reputation,
    /// This filter's own sum from which it rejects by itself (row 29); without it the host's `[scores]` decide.
    pub(crate) reject_at: Option<f64>,
    /// This filter's own sum from which the sender is asked to confirm (row 32).
    pub(crate) challenge_at: Option<f64>,
    /// Adds X-Spam-Report, which explains each symbol. X-Spam-Status comes without. Both need the grant `edit`.
    pub(crate) report: bool,
}

/// The classifier.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Classifier {
    pub(crate) enabled: bool,
    /// Silent until it has learned so many messages of each class.
    pub(crate) min_messages: usize,
    /// What the rules' points count once it speaks, since it has learned what they find too: at full weight a
    /// newsletter pays twice for looking like one.
    pub(crate) rules_weight: f64,
}

impl Default for Classifier {
    fn default() -> Self {
        Self { enabled: true, min_messages: 50, rules_weight: 0.3 }
    }
}

/// Strangers are asked to come back: most spam does not. Off by default, since it delays first mail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Greylist {
    pub(crate) enabled: bool,
    /// Time before the same client may try again with the same sender and recipient.
    pub(crate) delay: Span,
    /// A stranger that has not come back by then is a stranger again.
    pub(crate) retry_within: Span,
    /// How long who came back stays known.
    pub(crate) keep: Span,
    /// A network that came back with so many different envelopes is no longer asked; 0: always asked.
    pub(crate) trust_after: u32,
}

impl Default for Greylist {
    fn default() -> Self {
        Self {
            enabled: false,
            delay: Span::seconds(300),
            retry_within: Span::seconds(2 * 86_400),
            keep: Span::seconds(36 * 86_400),
            trust_after: 5,
        }
    }
}

/// What earlier mail of a sender's domain from the same network was.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Reputation {
    pub(crate) enabled: bool,
    /// Messages before anything is concluded.
    pub(crate) min_messages: u32,
    /// How long counts are kept, from the first message on.
    pub(crate) keep: Span,
}

impl Default for Reputation {
    fn default() -> Self {
        Self { enabled: true, min_messages: 5, keep: Span::seconds(30 * 86_400) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ListSetting {
    Known(String),
    Own(List),
}

impl Settings {
    pub(crate) fn points(&self) -> Result<Points, Problems> {
        let told = |(name, message): (String, String)| Problem::new(format!("/symbols/{name}"), message);
        Points::new(&self.symbols).map_err(|problems| problems.into_iter().map(told).collect())
    }

    pub(crate) fn lists(&self) -> Result<Vec<List>, Problems> {
        let mut problems = Problems::new();
        let mut lists = Vec::new();
        for (index, setting) in self.lists.iter().enumerate() {
            let list = match setting {
                ListSetting::Known(name) => lists::known(name),
                ListSetting::Own(list) => list.clone().checked(),
            };
            match list {
                Ok(list) => lists.push(list),
                Err(message) => problems.push(Problem::new(format!("/lists/{index}"), message)),
            }
        }
        if lists.len() > lists::LISTS_MAX {
            problems.push(Problem::new("/lists", format!("more than {} lists", lists::LISTS_MAX)));
        }
        if problems.is_empty() { Ok(lists) } else { Err(problems) }
    }
}

/// A span of time, as in `"5m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    seconds: u64,
}

impl Span {
    const fn seconds(seconds: u64) -> Self {
        Self { seconds }
    }

    pub(crate) fn milliseconds(self) -> u64 {
        self.seconds.saturating_mul(1000)
    }

    /// As the state counts it.
    pub(crate) fn nanoseconds(self) -> u64 {
        self.seconds.saturating_mul(1_000_000_000)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => {
                return Err(D::Error::custom(format!(
                    "\"{text}\" is no span of time: write \"30s\", \"5m\", \"2h\" or \"1d\""
                )));
            }
        };
        let number: u64 =
            number.parse().map_err(|_| D::Error::custom(format!("\"{text}\" has no number before its unit")))?;
        Ok(Self { seconds: number.saturating_mul(factor) })
    }
}
