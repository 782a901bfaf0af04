//! New messages into the database. Small ones of many callers go together: one transaction, one
//! answer of the database's disk for all. Large ones go alone, piece by piece.

use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio::sync::{mpsc, oneshot};

use super::history::Record;
use super::node::Number;
use super::rows::plain;
use super::{Database, fail};
use crate::body::{CHUNK_BYTES_MAX, INLINE_BYTES_MAX, read_at};
use crate::codes::{HELD, QUEUED, hold_number};
use crate::draft::{Content, Reserved};
use crate::queue::{NewMessage, NewRecipient};
use crate::{Error, Id, Result};

/// Messages that may wait; more callers wait in line before them.
const WAITING_MAX: usize = 1024;
/// Messages in one transaction.
const BATCH_MAX: usize = 256;

/// A message as its rows need it.
pub(crate) struct Prepared {
    id: Id,
    envelope: String,
    trace: Vec<u8>,
    /// Bytes of trace and content.
    size: i64,
    content: Place,
    recipients: Vec<(NewRecipient, String)>,
    hold: Option<(i64, Option<i64>, String)>,
    history: Option<Record>,
}

enum Place {
    /// In the message's row. The reservation is given back when the message is written.
    Row(Vec<u8>, #[expect(dead_code)] Reserved),
    /// In rows of its own.
    Chunks(Content),
}

pub(crate) async fn prepare(message: NewMessage) -> Result<Prepared> {
    message.check()?;
    let content = message.content.finish().await?;
    let size = content.size() + message.trace.len() as u64;
    let json = |error: serde_json::Error| Error::Invalid(error.to_string());
    let with_data = |to: NewRecipient| serde_json::to_string(&to).map(|data| (to, data)).map_err(json);
    Ok(Prepared {
        id: message.id,
        envelope: serde_json::to_string(&message.envelope).map_err(json)?,
        trace: message.trace,
        size: i64::try_from(size).map_err(|_| Error::LimitExceeded("size of a message".to_owned()))?,
        content: match content {
            Content::Memory(bytes, reserved) if bytes.len() <= INLINE_BYTES_MAX => Place::Row(bytes, reserved),
            content => Place::Chunks(content),
        },
        recipients: message.recipients.into_iter().map(with_data).collect::<Result<_>>()?,
        hold: message.hold.map(|hold| (hold_number(&hold.reason), hold.expires, plain(&hold.detail))),
        history: message.history.as_ref().map(Record::new).transpose()?,
    })
}

impl Prepared {
    /// Whether it may go with others.
    pub(crate) fn is_small(&self) -> bool {
        matches!(self.content, Place::Row(..))
    }
}

/// Inserts the rows of all messages.
pub(crate) async fn insert(transaction: &Transaction<'_>, messages: &[&Prepared]) -> Result<()> {
    let ids: Vec<i64> = messages.iter().map(|message| message.id.0).collect();
    let envelopes: Vec<&str> = messages.iter().map(|message| message.envelope.as_str()).collect();
    let traces: Vec<&[u8]> = messages.iter().map(|message| message.trace.as_slice()).collect();
    let sizes: Vec<i64> = messages.iter().map(|message| message.size).collect();
    let reasons: Vec<Option<i64>> = messages.iter().map(|message| Some(message.hold.as_ref()?.0)).collect();
    let expiries: Vec<Option<i64>> = messages.iter().map(|message| message.hold.as_ref()?.1).collect();
    let details: Vec<Option<&str>> = messages.iter().map(|message| Some(message.hold.as_ref()?.2.as_str())).collect();
    let contents: Vec<Option<&[u8]>> = messages
        .iter()
        .map(|message| match &message.content {
            Place::Row(bytes, _) => Some(bytes.as_slice()),
            Place::Chunks(_) => None,
        })
        .collect();
    let sql = "insert into message (id, envelope, trace, size, hold_reason, hold_expires, hold_detail, content) \
         select * from unnest($1::bigint[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], \
         $7::text[], $8::bytea[])";
    let statement = transaction.prepare_cached(sql).await.map_err(fail)?;
    transaction
        .execute(&statement, &[&ids, &envelopes, &traces, &sizes, &reasons, &expiries, &details, &contents])
        .await
        .map_err(fail)?;
    insert_recipients(transaction, messages).await?;
    let records: Vec<&Record> = messages.iter().filter_map(|message| message.history.as_ref()).collect();
    super::history::insert(transaction, &records).await?;
    for message in messages {
        if let Place::Chunks(content) = &message.content {
            insert_chunks(transaction, message.id, content).await?;
        }
    }
    Ok(())
}

async fn insert_recipients(transaction: &Transaction<'_>, messages: &[&Prepared]) -> Result<()> {
    let (mut ids, mut positions, mut states) = (Vec::new(), Vec::new(), Vec::new());
    let (mut dues, mut expiries, mut datas) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        for (position, (to, data)) in (0i64..).zip(&message.recipients) {
            ids.push(message.id.0);
            positions.push(position);
            states.push(if message.hold.is_some() { HELD } else { QUEUED });
            dues.push(to.due);
            expiries.push(to.expires);
            datas.push(data.as_str());
        }
    }
    let sql = "insert into recipient (message, position, state, due, expires, data, attempts, warned) \
         select *, 0, false from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])";
    let statement = transaction.prepare_cached(sql).await.map_err(fail)?;
    transaction.execute(&statement, &[&ids, &positions, &states, &dues, &expiries, &datas]).await.map_err(fail)?;
    Ok(())
}

async fn insert_chunks(transaction: &Transaction<'_>, id: Id, content: &Content) -> Result<()> {
    let sql = "insert into chunk (message, number, data) values ($1, $2, $3)";
    let statement = transaction.prepare_cached(sql).await.map_err(fail)?;
    let size = content.size();
    let (mut offset, mut number) = (0u64, 0i64);
    while offset < size {
        let length = usize::try_from(size - offset).unwrap_or(usize::MAX).min(CHUNK_BYTES_MAX);
        let from_file;
        let chunk = match content {
            Content::Memory(bytes, _) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                bytes.get(start..start.saturating_add(length)).unwrap_or_default()
            }
            Content::File { file, .. } => {
                from_file = read_at(Arc::clone(file), offset, length).await?;
                from_file.as_slice()
            }
        };
        if chunk.len() != length {
            return Err(Error::Damaged("a spool file is shorter than what was written to it".to_owned()));
        }
        transaction.execute(&statement, &[&id.0, &number, &chunk]).await.map_err(fail)?;
        offset += length as u64;
        number += 1;
    }
    Ok(())
}

struct Request {
    message: Prepared,
    reply: oneshot::Sender<Result<()>>,
}

/// The task that takes what waits and stores it together.
#[derive(Debug)]
pub(crate) struct Accepting {
    sender: mpsc::Sender<Request>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({})", self.message.id)
    }
}

impl Accepting {
    /// Ends when the value is dropped and all that waited is answered.
    pub(crate) fn start(database: Database, number: Arc<Number>) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Request>(WAITING_MAX);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH_MAX);
            while receiver.recv_many(&mut batch, BATCH_MAX).await > 0 {
                let (messages, replies): (Vec<_>, Vec<_>) =
                    batch.drain(..).map(|request| (request.message, request.reply)).unzip();
                let messages: Vec<&Prepared> = messages.iter().collect();
                let outcomes = match number.check() {
                    Ok(()) => together(&database, &messages).await,
                    Err(error) => messages.iter().map(|_| Err(error.clone())).collect(),
                };
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    // The caller may be gone; its message stands anyway.
                    let _ = reply.send(outcome);
                }
            }
        });
        Self { sender }
    }

    pub(crate) async fn accept(&self, message: Prepared) -> Result<()> {
        let gone = || Error::Unavailable("the store is closed".to_owned());
        let (reply, answer) = oneshot::channel();
        self.sender.send(Request { message, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// One outcome for each message. If one spoils the transaction of all, each gets its own.
async fn together(database: &Database, messages: &[&Prepared]) -> Vec<Result<()>> {
    match store(database, messages).await {
        Ok(()) => messages.iter().map(|_| Ok(())).collect(),
        Err(error @ Error::Unavailable(_)) => messages.iter().map(|_| Err(error.clone())).collect(),
        Err(error) if messages.len() < 2 => messages.iter().map(|_| Err(error.clone())).collect(),
        Err(_) => {
            let mut outcomes = Vec::with_capacity(messages.len());
            for message in messages {
                outcomes.push(store(database, &[message]).await);
            }
            outcomes
        }
    }
}

/// All of them, or none. Where the connection breaks during the commit nobody knows which: then the
/// database is asked again, and if it cannot be, the answer is `Unavailable`: the client comes again,
/// and at worst the message is there twice.
pub(crate) async fn store(database: &Database, messages: &[&Prepared]) -> Result<()> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await.map_err(fail)?;
    insert(&transaction, messages).await?;
    match transaction.commit().await.map_err(fail) {
        Err(error @ Error::Unavailable(_)) => {
            drop(client);
            if are_there(database, messages).await? { Ok(()) } else { Err(error) }
        }
        result => result,
    }
}

async fn are_there(database: &Database, messages: &[&Prepared]) -> Result<bool> {
    let ids: Vec<i64> = messages.iter().map(|message| message.id.0).collect();
    let client = database.client().await?;
    let sql = "select count(*) from message where id = any($1)";
    let row = client.query_one(sql, &[&ids]).await.map_err(fail)?;
    Ok(super::rows::unsigned(&row, 0)? == ids.len() as u64)
}
