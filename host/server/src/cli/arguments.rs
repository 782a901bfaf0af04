//! Kinds of arguments that several commands take.

use std::time::Duration;

use clap::Args;
use postwarden_store::Timestamp;
use postwarden_store::queue::QueueFilter;

use super::failure::Failure;
use crate::config::units;

pub(super) fn size(text: &str) -> Result<u64, String> {
    units::parse_size(text)
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    units::parse_duration(text)
}

/// `2h` (that long ago), `2026-11-23`, `2026-11-23T22:45:58Z`.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = units::parse_duration(text) {
        return Ok(before(crate::node::now(), ago));
    }
    let full = if text.len() == "2026-11-23".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    full.parse::<jiff::Timestamp>().map(|time| time.as_millisecond()).map_err(|_| {
        format!("\"{text}\" is no time: write \"2h\" for two hours ago, \"2026-11-23\" or \"2026-11-23T22:45:58Z\"")
    })
}

pub(super) fn before(now: Timestamp, ago: Duration) -> Timestamp {
    now.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))
}

/// Which messages of the queue. All that is given must match.
#[derive(Args, Default)]
pub(super) struct Which {
    /// Ids of messages
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<String>,
    /// The sender: exact, or a mask such as '*@example.com'; '<>' for bounces
    #[arg(long, value_name = "MASK")]
    sender: Option<String>,
    /// The recipient: exact, or a mask
    #[arg(long, value_name = "MASK")]
    recipient: Option<String>,
    /// The recipient's domain
    #[arg(long)]
    domain: Option<String>,
    /// Received longer ago than this
    #[arg(long, value_name = "TIME", value_parser = duration)]
    older_than: Option<Duration>,
    /// Received more recently than this
    #[arg(long, value_name = "TIME", value_parser = duration)]
    newer_than: Option<Duration>,
    /// What the recipient's delivery waits for
    #[arg(long, value_parser = ["queued", "held", "leased"])]
    state: Option<String>,
}

impl Which {
    pub(super) fn filter(&self, now: Timestamp) -> Result<QueueFilter, Failure> {
        let domain = self.domain.as_deref().map(crate::config::address::domain).transpose().map_err(Failure::usage)?;
        Ok(QueueFilter {
            id: None,
            sender: self.sender.as_deref().map(|sender| if sender == "<>" { "" } else { sender }.to_owned()),
            recipient: self.recipient.clone(),
            domain,
            received_before: self.older_than.map(|ago| before(now, ago)),
            received_after: self.newer_than.map(|ago| before(now, ago)),
            state: self.state.clone(),
        })
    }
}
