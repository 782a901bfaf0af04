//! What a filter costs each message: the time of its calls, and the memory of an instance that has answered. Judges
//! nothing.

use std::sync::Arc;

use postwarden_sandbox::{Call, Hook, measure::keep};

use super::mailbox::Letter;
use super::scenario::Scenario;
use super::subject::Subject;
use super::trial;
use crate::content::MessageContent;

/// Instances that are kept to see what one takes.
const KEPT: u64 = 32;

pub struct Figures {
    pub messages: u64,
    /// Microseconds: at most so many in half of the messages.
    pub half: u32,
    /// In all but a hundredth.
    pub most: u32,
    /// Of one message, on average.
    pub host_calls: u64,
    /// Private memory of one instance after a message; none: this system does not tell.
    pub memory_kibibytes: Option<u64>,
    pub failed: u64,
}

/// The messages over and over, one after another.
pub async fn measure(subject: &Subject, letters: &[Letter], times: u32) -> Figures {
    let scenario = Scenario::default();
    let mut microseconds = Vec::new();
    let (mut host_calls, mut failed) = (0_u64, 0_u64);
    for letter in letters.iter().cycle().take(usize::try_from(times).unwrap_or(usize::MAX)) {
        let trial = trial::run(subject, letter, &scenario, 0).await;
        host_calls = host_calls.saturating_add(trial.host_calls());
        failed = failed.saturating_add(u64::from(trial.ruling.word == "failed"));
        microseconds.push(u32::try_from(trial.took().as_micros()).unwrap_or(u32::MAX));
    }
    let messages = u64::from(times);
    Figures {
        messages,
        half: percentile(&mut microseconds, 50),
        most: percentile(&mut microseconds, 99),
        host_calls: host_calls.checked_div(messages).unwrap_or(0),
        memory_kibibytes: memory(subject, letters).await,
        failed,
    }
}

/// At most this in so many of a hundred.
pub fn percentile(figures: &mut [u32], of: usize) -> u32 {
    figures.sort_unstable();
    let last = figures.len().saturating_sub(1);
    let at = figures.len().saturating_mul(of).div_ceil(100).saturating_sub(1).min(last);
    figures.get(at).copied().unwrap_or(0)
}

async fn memory(subject: &Subject, letters: &[Letter]) -> Option<u64> {
    let letter = letters.first().filter(|_| subject.filter.hooks().contains(&Hook::Message))?;
    let scenario = Scenario::default();
    let mut transaction = scenario.transaction(letter);
    transaction.recipients = scenario.recipients(letter);
    let call = Call {
        hook: Hook::Message,
        session: Some(Arc::new(scenario.session())),
        transaction: Some(Arc::new(transaction)),
        recipient: None,
        message: Some(Arc::new(MessageContent::new(letter.bytes.clone()))),
        outcome: None,
        class: None,
        score: 0.0,
        notes: Default::default(),
        time: 0,
        shadow: true,
    };
    let before = private_kibibytes()?;
    let mut kept = Vec::new();
    for _ in 0..KEPT {
        kept.push(keep(&subject.filter, &call).await?);
    }
    let after = private_kibibytes()?;
    drop(kept);
    after.saturating_sub(before).checked_div(KEPT)
}

/// Private pages of this process, as Linux counts them.
fn private_kibibytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = text.lines().find(|line| line.starts_with("Private_Dirty:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_of_few_and_of_none() {
        assert_eq!((percentile(&mut [3, 1, 2], 50), percentile(&mut [3, 1, 2], 99)), (2, 3));
        assert_eq!(percentile(&mut [], 50), 0);
        let mut all: Vec<u32> = (1..=200).rev().collect();
        assert_eq!((percentile(&mut all, 50), percentile(&mut all, 99)), (100, 198));
    }
}
