//! Mail to other hosts: to the smarthost, or kept until there is a way.

use super::verdict::{Said, Verdict};

/// Without a smarthost mail to other hosts waits.
pub(crate) fn no_way(domain: &str) -> Verdict {
    let text =
        format!("mail to {domain} waits: this server has no way to other hosts until [delivery] smarthost is set");
    Verdict::Deferred(Said::here("4.4.4", text))
}
