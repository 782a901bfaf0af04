//! Asks the black and white lists of a running server about what a text names: the filter itself tells which entry
//! matches, and in which file. Decides nothing; the filter's own budgets bound it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use postwarden_sandbox::{Call, Hook, Recipient, Session, Transaction, Verdict};

use super::here::fact;
use super::{ADDRESSES_MAX, Clues, Finding};
use crate::admin::operation::Parts;

const COMPONENT: &str = "builtin:access";
/// Clients of the text that are asked about.
const CLIENTS_MAX: usize = 4;

/// One for each entry that matches.
pub(super) async fn entries(clues: &Clues, parts: Option<&Parts<'_>>) -> Vec<Finding> {
    let Some(node) = parts.and_then(|parts| parts.node) else { return Vec::new() };
    let mut told: Vec<String> = Vec::new();
    for slot in node.filters.all().iter().filter(|slot| slot.config.load().component == COMPONENT) {
        let Some(version) = slot.standing().filter(|version| version.evaluator.hooks().contains(&Hook::Recipient))
        else {
            continue;
        };
        for question in questions(clues, node.now()) {
            let evaluation = version.evaluator.call(question).await;
            if let Ok(Verdict::Reject(objection)) = evaluation.verdict
                && let Some(detail) = objection.detail
                && !told.contains(&detail)
            {
                told.push(detail);
            }
        }
    }
    let change =
        "that entry, or one in the bypass file that names the recipient (r:), the sender (s:) or the client (i:)";
    told.into_iter().map(|detail| fact(format!("As the lists stand now, {detail}."), change)).collect()
}

/// Each address as sender and as recipient, each client: so every answer names what it is about.
fn questions(clues: &Clues, now: i64) -> Vec<Call> {
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let mut questions = Vec::new();
    for address in clues.addresses.iter().take(ADDRESSES_MAX) {
        questions.push(question(nobody, address, "", now));
        questions.push(question(nobody, "", address, now));
    }
    questions.extend(clues.ips.iter().take(CLIENTS_MAX).map(|client| question(*client, "", "", now)));
    questions
}

fn question(remote: IpAddr, sender: &str, recipient: &str, now: i64) -> Call {
    let session = Session {
        id: "explain".to_owned(),
        listener: String::new(),
        remote,
        remote_port: 0,
        local: IpAddr::V4(Ipv4Addr::LOCALHOST),
        reverse_name: None,
        helo: None,
        tls_version: None,
        user: None,
        attributes: BTreeMap::new(),
    };
    let transaction = Transaction { id: "explain".to_owned(), sender: sender.to_owned(), ..Transaction::default() };
    Call {
        hook: Hook::Recipient,
        session: Some(Arc::new(session)),
        transaction: Some(Arc::new(transaction)),
        recipient: Some(Recipient { address: recipient.to_owned(), parameters: Vec::new() }),
        message: None,
        outcome: None,
        class: None,
        score: 0.0,
        notes: BTreeMap::new(),
        time: u64::try_from(now).unwrap_or(0),
        shadow: true,
    }
}
