//! Messages for the scenarios.

use postwarden_store::queue::{Envelope, Job, Lease, NewMessage, NewRecipient, Outcome, Queue, Route, Settlement};
use postwarden_store::{Body, Draft, Id, Ids, Result, Store, Timestamp};

use crate::backend::Bench;

/// 2026-06-01; the scenarios' clock. Leases in its future have not ended for the machine's clock either.
pub(crate) fn now() -> Timestamp {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

pub(crate) fn recipient(address: &str, due: Timestamp) -> NewRecipient {
    NewRecipient {
        address: address.to_owned(),
        original: address.to_owned(),
        route: Route::Remote(address.rsplit('@').next().unwrap().to_owned()),
        sender: None,
        notify: None,
        orcpt: None,
        due,
        expires: due + 1_000_000,
    }
}

pub(crate) fn message(bench: &Bench, to: &[&str], due: Timestamp) -> NewMessage {
    message_with_id(bench.ids.next(due), to, due)
}

pub(crate) fn message_with_id(id: Id, to: &[&str], due: Timestamp) -> NewMessage {
    NewMessage {
        id,
        envelope: Envelope { sender: "sender@example.com".to_owned(), received: due, ..Envelope::default() },
        trace: b"Received: from here\r\n".to_vec(),
        content: Draft::from(b"Subject: x\r\n\r\nHello\r\n".to_vec()),
        recipients: to.iter().map(|address| recipient(address, due)).collect(),
        hold: None,
        history: None,
    }
}

/// Accepts a message and returns its id.
pub(crate) async fn accept(bench: &Bench, store: &dyn Store, to: &[&str], due: Timestamp) -> Id {
    let message = message(bench, to, due);
    let id = message.id;
    store.accept(message).await.unwrap();
    id
}

/// As `accept`, without a bench, and it may fail.
pub(crate) async fn accept_result(ids: &Ids, store: &(impl Queue + ?Sized), now: Timestamp) -> Result<Id> {
    let id = ids.next(now);
    store.accept(message_with_id(id, &["a@one.example"], now)).await.map(|()| id)
}

pub(crate) fn lease(node: &str, until: Timestamp) -> Lease {
    Lease { node: node.to_owned(), until }
}

pub(crate) fn settlement(id: Id, outcomes: Vec<(u32, Outcome)>) -> Settlement {
    Settlement { id, outcomes, follow_up: None, history: None }
}

/// Ids and positions of jobs, in their order.
pub(crate) fn keys(jobs: &[Job]) -> Vec<(Id, Vec<u32>)> {
    let positions = |job: &Job| job.message.recipients.iter().map(|recipient| recipient.index).collect();
    jobs.iter().map(|job| (job.message.id, positions(job))).collect()
}

pub(crate) async fn read_all(mut body: Body) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await.unwrap() {
        assert!(!chunk.is_empty() && chunk.len() <= postwarden_store::body::CHUNK_BYTES_MAX);
        all.extend_from_slice(&chunk);
    }
    all
}
