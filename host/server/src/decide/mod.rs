//! Question -> Answer: the built-in policies in their written order, then the chain, then the store.

use postwarden_smtp::session::{Facts, Transaction};
use postwarden_smtp::{Answer, Question};
use postwarden_store::Draft;

use crate::node::Node;

/// Decides one question of one session. `draft` is the content of the running transaction; it is
/// taken by `Question::Message`. Never panics, never waits longer than the limits of what it asks.
#[allow(unused_variables, clippy::todo)]
pub async fn decide(
    node: &Node,
    facts: &Facts,
    transaction: Option<&Transaction>,
    draft: &mut Option<Draft>,
    question: Question,
) -> Answer {
    todo!()
}
