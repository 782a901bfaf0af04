//! Drives one client session over one connection.

use postwarden_store::queue::QueuedRecipient;

use super::Hop;
use crate::deliver::part::Part;
use crate::deliver::verdict::{Said, Verdict};
use crate::node::Node;

/// Why a part came back without verdicts.
pub(super) enum Fault {
    /// The connection was closed while it was idle.
    Stale,
}

/// One connection with its client session.
pub(super) struct Link {
    sent: usize,
}

impl Link {
    pub(super) async fn open(_node: &Node, hop: &Hop) -> Result<Self, Said> {
        let wire = super::transport::connect(&hop.to)
            .await
            .map_err(|error| Said::here("4.4.1", format!("cannot connect to {}: {error}", hop.to)))?;
        let _ = super::transport::start_tls(wire, hop.name()).await;
        Ok(Self { sent: 0 })
    }

    pub(super) async fn send(&mut self, _node: &Node, part: &Part) -> Result<Vec<(u32, Verdict)>, Fault> {
        let _: Vec<&QueuedRecipient> = part.recipients().collect();
        self.sent += 1;
        Ok(part.all(&Verdict::NotTried))
    }

    pub(super) fn usable(&self) -> bool {
        true
    }

    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    pub(super) async fn quit(self) {}
}
