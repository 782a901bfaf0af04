//! Question -> Answer: the built-in policies in their written order, then the chain, then the store.
//!
//! The orders stand in `sender.rs` (MAIL), `recipient.rs` (RCPT) and `message.rs` (after the
//! content); each policy is a file of its own. No reply text and no SMTP code here.

mod arrival;
mod asked;
mod auth_required;
mod budget;
mod expand;
mod hops;
mod local_sender;
mod login;
mod message;
mod quota;
mod recipient;
mod record;
mod relay;
mod reverse_name;
mod schedule;
mod send_limit;
mod sender;
mod sender_login;
mod size;
mod space;
pub mod tally;
#[cfg(test)]
pub(crate) mod tests;
mod verify;

use std::sync::atomic::AtomicU64;

use postwarden_sandbox::Hook;
use postwarden_smtp::session::{Facts, Transaction};
use postwarden_smtp::{Answer, Question, Refusal};
use postwarden_store::Draft;

use crate::chain::{self, Conversation};
use crate::node::Node;
pub(crate) use asked::Asked;
pub use size::announced as announced_size;

/// What decisions remember from one to the next.
#[derive(Debug, Default)]
pub struct Memory {
    refusals: budget::Budget,
    free: space::Free,
    pub tally: tally::Tally,
    /// Messages and recipients beyond a send limit, refused or held.
    pub send_limits: AtomicU64,
}

/// What a policy says: nothing, or why not.
type Check = Result<(), Refusal>;

/// Decides one question of one session. `draft` is the content of the running transaction; it is
/// taken by `Question::Message`; `filtered` is what the filters know of the connection. Never panics, never waits longer than the limits of what it asks.
pub async fn decide(
    node: &Node,
    facts: &Facts,
    transaction: Option<&Transaction>,
    filtered: &mut Conversation,
    draft: &mut Option<Draft>,
    question: Question,
) -> Answer {
    let answer = decide_at(Asked::new(node, facts, transaction, node.now()), filtered, draft, question).await;
    node.decisions.tally.note(&answer);
    answer
}

async fn decide_at(
    asked: Asked<'_>,
    filtered: &mut Conversation,
    draft: &mut Option<Draft>,
    question: Question,
) -> Answer {
    match question {
        Question::Connect => answer(match login::at_connect(&asked) {
            Ok(()) => Box::pin(chain::connection(&asked, filtered, Hook::Connect)).await,
            refused => refused,
        }),
        Question::Greeting => answer(Box::pin(chain::connection(&asked, filtered, Hook::Greeting)).await),
        Question::Password { user, authorization, password } => {
            login::password(&asked, &user, &authorization, password).await
        }
        Question::ScramVerifier { user } => login::scram_verifier(&asked, &user).await,
        Question::ScramOutcome { user, authorization, proven } => {
            login::scram_outcome(&asked, &user, &authorization, proven).await
        }
        Question::Sender { path, parameters } => {
            filtered.sender = Default::default();
            let check = match sender::check(&asked, &path, &parameters).await {
                Ok(()) => Box::pin(chain::sender(&asked, filtered, &path, &parameters)).await,
                refused => refused,
            };
            if let Err(refusal) = &check {
                record::sender_refused(&asked, &path, refusal);
            }
            answer(check)
        }
        Question::Recipient { path, parameters } => {
            let (check, why) = match recipient::check(&asked, &path).await {
                Ok(()) => {
                    let check = Box::pin(chain::recipient(&asked, filtered, &path, &parameters)).await;
                    let why = check.as_ref().err().map(|_| filtered.report());
                    (check, why)
                }
                refused => (refused, None),
            };
            if let Err(refusal) = &check {
                record::recipient_refused(&asked, &path, refusal, why).await;
            }
            answer(check)
        }
        Question::Content => answer(space::check(&asked)),
        Question::Message { size } => {
            let answer = message::take(&asked, filtered, draft.take(), size).await;
            chain::outcome(&asked, filtered, &answer);
            answer
        }
        Question::Verify { argument } => verify::verify(&asked, &argument).await,
        Question::Expand { argument } => expand::expand(&asked, &argument).await,
    }
}

fn answer(check: Check) -> Answer {
    match check {
        Ok(()) => Answer::Proceed,
        Err(refusal) => Answer::Refuse(refusal),
    }
}

/// What a failure of the store means to a client: it may try again.
fn store_refusal(error: &postwarden_store::Error) -> Refusal {
    match error {
        postwarden_store::Error::Full(_) => Refusal::NoSpace,
        _ => Refusal::Unavailable,
    }
}

/// As [`store_refusal`], for a lookup; the operator reads why.
fn lookup_failed(error: postwarden_store::Error) -> Refusal {
    tracing::warn!(%error, "a lookup in the store failed; the client is asked to try again");
    store_refusal(&error)
}
