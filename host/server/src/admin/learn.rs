//! Teaching filters: messages that somebody has sorted go to every filter that learns (`on-feedback`), which is loaded
//! again with what it has learned. What learning means is the filter's own matter.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postwarden_sandbox as sandbox;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::operation::{Kind, Operation, Parts, Refused};
use crate::chain;
use crate::node::Node;

/// Messages of one request.
pub const MESSAGES_MAX: usize = 200;
/// Bytes of all messages of one request.
pub const BYTES_MAX: usize = 4 << 20;
/// Messages that are learned at one time: while one waits for the store, others compute.
const AT_ONCE: usize = 8;
/// Base64 of the messages, and some room for the rest.
const REQUEST_BYTES_MAX: usize = BYTES_MAX / 3 * 4 + MESSAGES_MAX * 8 + (64 << 10);

/// What messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Ham,
    Spam,
}

impl Class {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ham => "ham",
            Self::Spam => "spam",
        }
    }
}

impl From<Class> for sandbox::Class {
    fn from(class: Class) -> Self {
        match class {
            Class::Ham => Self::Ham,
            Class::Spam => Self::Spam,
        }
    }
}

/// Whole messages, lines ended with CRLF.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learn {
    pub class: Class,
    /// Base64 in JSON.
    #[serde(serialize_with = "encode", deserialize_with = "decode")]
    pub messages: Vec<Vec<u8>>,
    /// Another request follows: filters are loaded again after the last one. An empty request may end it.
    #[serde(default)]
    pub more: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Learned {
    /// Messages that every learning filter took.
    pub learned: u64,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// Index of the message in the request.
    pub message: usize,
    pub filter: String,
    pub why: String,
}

impl Operation for Learn {
    type Reply = Learned;
    const ROUTE: &'static str = "filters/learn";
    const CHANGES: bool = true;
    const REQUEST_BYTES_MAX: usize = REQUEST_BYTES_MAX;

    async fn run(self, parts: &Parts<'_>) -> Result<Learned, Refused> {
        if self.messages.len() > MESSAGES_MAX {
            return Err(Refused::invalid(format!("more than {MESSAGES_MAX} messages in one request")));
        }
        let node = parts.node.ok_or_else(super::status::no_server)?;
        teach(node, self.messages, self.class, self.more).await
    }
}

/// All of them, then the filters are loaded again unless there are more to come.
pub(super) async fn teach(
    node: &Arc<Node>,
    messages: Vec<Vec<u8>>,
    class: Class,
    more: bool,
) -> Result<Learned, Refused> {
    if !learners(node) {
        let message = "no filter learns: add a [[filter]] with component = \"builtin:spam\" and grants = [\"state\"]";
        return Err(Refused::new(Kind::Refused, message));
    }
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (index, message) in messages.into_iter().enumerate() {
        let (node, turn) = (Arc::clone(node), Arc::clone(&turns).acquire_owned().await);
        running.spawn(async move {
            let _turn = turn;
            (index, chain::feedback(&node, message, class.into()).await)
        });
    }
    let mut learned = Learned::default();
    while let Some(done) = running.join_next().await {
        let (message, told) = done.map_err(|error| Refused::new(Kind::Unavailable, error.to_string()))?;
        let before = learned.problems.len();
        for one in told {
            if let Err(why) = one.result {
                learned.problems.push(Problem { message, filter: one.filter, why });
            }
        }
        learned.learned = learned.learned.saturating_add(u64::from(learned.problems.len() == before));
    }
    learned.problems.sort();
    if !more {
        node.manager.refresh(&node.filters, true).await;
    }
    Ok(learned)
}

fn learners(node: &Node) -> bool {
    let learns = |slot: &Arc<crate::filters::Slot>| {
        slot.standing().is_some_and(|version| version.evaluator.hooks().contains(&sandbox::Hook::Feedback))
    };
    node.filters.all().iter().any(learns)
}

fn encode<S: Serializer>(messages: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(messages.iter().map(|message| STANDARD.encode(message)))
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| STANDARD.decode(text).map_err(D::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn messages_are_base64_in_json_and_fit_a_request() {
        let learn =
            Learn { class: Class::Spam, messages: vec![b"Subject: \xff\r\n".to_vec(), Vec::new()], more: false };
        let json = serde_json::to_string(&learn).unwrap();
        assert_eq!(json, r#"{"class":"spam","messages":["U3ViamVjdDog/w0K",""],"more":false}"#);
        assert_eq!(serde_json::from_str::<Learn>(&json).unwrap().messages, learn.messages);
        assert!(serde_json::from_str::<Learn>(r#"{"class":"ham","messages":["?"]}"#).is_err());
        let most =
            Learn { class: Class::Ham, messages: vec![vec![0; BYTES_MAX / MESSAGES_MAX]; MESSAGES_MAX], more: true };
        assert!(serde_json::to_vec(&most).unwrap().len() < REQUEST_BYTES_MAX);
    }
}
