//! 452 4.3.1: before content is asked for, there must be room for it and for the server to go on.

use postwarden_smtp::Refusal;

use super::Check;
use super::asked::Asked;

/// Bytes of the file system that mail never takes: the store must still be able to settle what it has.
pub(super) const RESERVE_BYTES: u64 = 16 << 20;

/// A message lies in the spool and in the store before the first copy goes.
const COPIES: u64 = 2;

pub(super) fn check(asked: &Asked<'_>) -> Check {
    let declared = asked.transaction.and_then(|transaction| transaction.parameters.size).unwrap_or(0);
    let needed = declared.saturating_mul(COPIES).saturating_add(RESERVE_BYTES);
    match asked.node.drafts.free_bytes() {
        Ok(free) if free >= needed => Ok(()),
        Ok(free) => {
            tracing::warn!(free, needed, "no space for a message; the client is asked to try again");
            Err(Refusal::NoSpace)
        }
        Err(error) => {
            tracing::error!(%error, "cannot tell how much space is free");
            Err(Refusal::Unavailable)
        }
    }
}
