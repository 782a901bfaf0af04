//! Tells filters that learn what a message is, on somebody's word. No client waits; what one filter fails at is no
//! concern of another's, and no reason to doubt its verdicts.

use std::sync::Arc;
use std::time::Duration;

use postwarden_sandbox::{Call, Class, Hook};

use super::CONTENT_BYTES_MAX;
use super::ask::{log, run};
use super::conversation::pin;
use crate::content::MessageContent;
use crate::node::Node;

/// How long a message waits for memory while others are filtered.
const CONTENT_WAIT_MAX: Duration = Duration::from_secs(30);

/// What one filter made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    pub filter: String,
    /// What people see of the version's id.
    pub version: String,
    /// The error is for people.
    pub result: Result<(), String>,
}

/// Asks every filter with the hook, in the order of the chain; empty where there is none. After the last message of a
/// batch call [`crate::filters::Manager::refresh`], so that what was learned counts at once.
pub async fn feedback(node: &Node, message: Vec<u8>, class: Class) -> Vec<Learned> {
    let pinned = pin(&node.filters, "feedback");
    let learns = |filter: &&super::conversation::Pinned| filter.answers(Hook::Feedback);
    if !pinned.iter().any(|filter| learns(&filter)) {
        return Vec::new();
    }
    let size = u64::try_from(message.len()).unwrap_or(u64::MAX);
    let kibibytes = u32::try_from((size >> 9).saturating_add(1).min(CONTENT_BYTES_MAX >> 10)).unwrap_or(u32::MAX);
    let memory = tokio::time::timeout(CONTENT_WAIT_MAX, node.chain.content.acquire_many(kibibytes)).await;
    let content = Arc::new(MessageContent::new(message));
    let mut all = Vec::new();
    for filter in pinned.iter().filter(learns) {
        let Some(version) = &filter.version else { continue };
        let call = Call {
            hook: Hook::Feedback,
            session: None,
            transaction: None,
            recipient: None,
            message: Some(content.clone()),
            outcome: None,
            class: Some(class.clone()),
            score: 0.0,
            notes: Default::default(),
            time: u64::try_from(node.now()).unwrap_or(0),
            shadow: false,
        };
        let result = match &memory {
            Ok(Ok(_)) => {
                let evaluation = run(version, call, &filter.config.limits).await;
                filter.slot.stats.add(&evaluation);
                log(filter, version, &evaluation, "feedback");
                evaluation.verdict.map(drop).map_err(|failure| failure.to_string())
            }
            _ => Err("all memory for messages is in use: try again later".to_owned()),
        };
        all.push(Learned { filter: filter.slot.name.clone(), version: version.short().to_owned(), result });
    }
    all
}
