//! Lets each account send so many messages in a window of time; the rest is asked to wait.

use postwarden_filter::*;
use serde::Deserialize;

const SECOND: u64 = 1_000_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimit {
    messages: i64,
    /// Seconds.
    within: u64,
}

impl Filter for RateLimit {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        if settings.messages < 1 {
            problems.push(Problem::new("/messages", "is at least 1"));
        }
        if settings.within == 0 {
            problems.push(Problem::new("/within", "is at least 1 second"));
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    fn on_sender(&self, session: &Session, _: &Transaction) -> Answer {
        let Some(user) = session.get_user() else { return pass() };
        let counted = state::Bucket::open("")
            .and_then(|bucket| bucket.increment(&user.to_lowercase(), 1, Some(self.within.saturating_mul(SECOND))));
        match counted {
            Ok(count) if count > self.messages => {
                defer(Reason::Access).detail(format!("{user} has sent {count} messages")).into()
            }
            Ok(_) => pass(),
            // The server's on-failure says whether mail waits meanwhile.
            Err(error) => Err(format!("the count of {user} is not at hand: {error:?}").into()),
        }
    }
}

export!(RateLimit: on_sender);
