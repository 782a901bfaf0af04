//! FUTURERELEASE (RFC 4865) and DELIVERBY (RFC 2852): times that cannot be kept are refused at once.

use postwarden_smtp::limits::HOLD_SECONDS_MAX;
use postwarden_smtp::question::Hold;
use postwarden_smtp::{Refusal, SenderParameters};
use postwarden_store::Timestamp;

use super::Check;
use super::asked::Asked;

pub(super) fn check(asked: &Asked<'_>, parameters: &SenderParameters) -> Check {
    let release = release(parameters, asked.now);
    if let Some(release) = release
        && release > asked.now.saturating_add(ms(HOLD_SECONDS_MAX))
    {
        return Err(Refusal::ServiceNotAvailable);
    }
    // To be returned unless delivered before it may be released: that can only fail.
    if let Some(by) = parameters.deliver_by
        && !by.notify
    {
        let deadline = deadline(by.seconds, asked.now);
        if by.seconds <= 0 || release.is_some_and(|release| release >= deadline) {
            return Err(Refusal::ServiceNotAvailable);
        }
    }
    Ok(())
}

/// When the message may leave; none: now.
pub(super) fn release(parameters: &SenderParameters, now: Timestamp) -> Option<Timestamp> {
    match parameters.hold? {
        Hold::For(seconds) => Some(now.saturating_add(ms(seconds))),
        Hold::Until(seconds) => Some(ms(seconds).max(now)),
    }
}

/// The absolute time of DELIVERBY.
pub(super) fn deadline(seconds: i64, now: Timestamp) -> Timestamp {
    now.saturating_add(seconds.saturating_mul(1000))
}

fn ms(seconds: u64) -> Timestamp {
    Timestamp::try_from(seconds.saturating_mul(1000)).unwrap_or(Timestamp::MAX)
}
