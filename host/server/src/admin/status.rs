//! Operations on the server itself: how it is, and reading its configuration again.

use serde::{Deserialize, Serialize};

use super::operation::{Kind, Operation, Parts, Refused};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StatusReply {
    pub version: String,
    pub hostname: String,
    /// Name of this node in the store.
    pub node: String,
    pub config: Option<String>,
    pub uptime_seconds: u64,
    pub queued_messages: u64,
    pub queued_recipients: u64,
    /// Bytes free for messages being received.
    pub spool_free: Option<u64>,
}

impl Operation for Status {
    type Reply = StatusReply;
    const ROUTE: &'static str = "status";

    async fn run(self, parts: &Parts<'_>) -> Result<StatusReply, Refused> {
        let node = parts.node.ok_or_else(no_server)?;
        let (queued_messages, queued_recipients) = parts.store.count().await?;
        Ok(StatusReply {
            version: env!("CARGO_PKG_VERSION").into(),
            hostname: parts.config.hostname.clone(),
            node: node.name.clone(),
            config: parts.config.file.as_ref().map(|file| file.display().to_string()),
            uptime_seconds: node.started.elapsed().as_secs(),
            queued_messages,
            queued_recipients,
            spool_free: node.drafts.free_bytes().ok(),
        })
    }
}

/// The same as SIGHUP. A file with an error changes nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {}

/// Problems as text, `FILE:LINE: KEY: MESSAGE`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reloaded {
    pub warnings: Vec<String>,
}

impl Operation for Reload {
    type Reply = Reloaded;
    const ROUTE: &'static str = "reload";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<Reloaded, Refused> {
        let node = parts.node.ok_or_else(no_server)?;
        let text =
            |problems: Vec<crate::config::read::Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        match crate::server::reload(node).await {
            Ok(warnings) => Ok(Reloaded { warnings: text(warnings) }),
            Err(errors) => {
                let message =
                    format!("nothing was changed, because the configuration has errors:\n{}", text(errors).join("\n"));
                Err(Refused::new(Kind::Refused, message))
            }
        }
    }
}

pub(super) fn no_server() -> Refused {
    Refused::new(Kind::Refused, "no server is running here: start one with \"postwarden serve\"")
}
