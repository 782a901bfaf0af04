//! The filter chain. Until components can be loaded it is empty and passes everything.

use postwarden_smtp::Refusal;
use postwarden_store::Draft;

use crate::node::Node;

/// The hook at the end of the content. It may read the draft; what it will say beyond yes and no
/// (discard, challenge, edits, scores) comes with the first filter.
pub async fn message(_node: &Node, _draft: &mut Draft) -> Result<(), Refusal> {
    Ok(())
}
