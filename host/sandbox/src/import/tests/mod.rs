//! Tests of the host functions without a guest: what is denied, which budget ends what, and what is staged.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod network;
mod smtp;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use wasmtime::component::Resource;

use super::content::MessageHandle;
use super::smtp::{SessionHandle, TransactionHandle};
use crate::assets::Assets;
use crate::call::{Call, Content, Field, Level, PartFacts, Recipient, Session, Transaction};
use crate::context::{Context, Shared};
use crate::failure::{Cause, Stop};
use crate::grants::Grants;
use crate::hook::Hook;
use crate::limits::Limits;
use crate::services::{DnsAnswer, DnsError, DnsRecord, Services, StateError};
use crate::track_0_1::postwarden::filter as wit;

/// Resolves every name but `absent.*`, later the shorter it is; keeps values, never expires them.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<String>>,
    values: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

type Stated<T> = Result<T, StateError>;

#[async_trait]
impl Services for Fake {
    async fn resolve(&self, name: &str, _: u16) -> Result<DnsAnswer, DnsError> {
        self.asked.lock().unwrap().push(name.to_owned());
        if name.starts_with("absent.") {
            return Err(DnsError::NoSuchName);
        }
        if name.starts_with("silent.") {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(50_u64.saturating_sub(name.len() as u64))).await;
        Ok(DnsAnswer { records: vec![DnsRecord::Name(name.to_owned())], ttl: 60, authenticated: false })
    }

    async fn get_many(&self, bucket: &str, keys: &[String]) -> Stated<Vec<Option<Vec<u8>>>> {
        let values = self.values.lock().unwrap();
        Ok(keys.iter().map(|key| values.get(&(bucket.to_owned(), key.clone())).cloned()).collect())
    }

    async fn set(&self, bucket: &str, key: &str, value: &[u8], _: Option<Duration>) -> Stated<()> {
        self.values.lock().unwrap().insert((bucket.to_owned(), key.to_owned()), value.to_vec());
        Ok(())
    }

    async fn delete(&self, bucket: &str, key: &str) -> Stated<()> {
        self.values.lock().unwrap().remove(&(bucket.to_owned(), key.to_owned()));
        Ok(())
    }

    async fn increment_many(&self, _: &str, deltas: &[(String, i64)], _: Option<Duration>) -> Stated<Vec<i64>> {
        Ok(deltas.iter().map(|(_, delta)| *delta).collect())
    }

    async fn compare_and_set(&self, _: &str, _: &str, _: Option<&[u8]>, _: &[u8], _: Option<Duration>) -> Stated<bool> {
        Ok(true)
    }

    async fn list_keys(&self, _: &str, _: &str, _: Option<&str>, limit: usize) -> Stated<Vec<String>> {
        Ok(vec![limit.to_string()])
    }

    async fn bucket_bytes(&self, bucket: &str) -> Stated<u64> {
        let values = self.values.lock().unwrap();
        let of_bucket = values.iter().filter(|((of, _), _)| of == bucket);
        Ok(of_bucket.map(|((_, key), value)| (key.len() + value.len()) as u64).sum())
    }
}

/// Two `Received` fields, one `Subject`, content of 100 bytes.
struct Mail;

impl Content for Mail {
    fn size(&self) -> u64 {
        100
    }
    fn read(&self, start: u64, limit: usize) -> Vec<u8> {
        vec![b'x'; usize::try_from(100_u64.saturating_sub(start)).unwrap().min(limit)]
    }
    fn count_fields(&self) -> usize {
        3
    }
    fn list_fields(&self, start: usize, limit: usize) -> Vec<Field> {
        let field = |name: &str| Field { name: name.to_owned(), value: vec![b'v'; 10] };
        ["Received", "Received", "Subject"].into_iter().map(field).skip(start).take(limit).collect()
    }
    fn fields(&self, name: &str) -> Vec<Field> {
        self.list_fields(0, 3).into_iter().filter(|field| field.name.eq_ignore_ascii_case(name)).collect()
    }
    fn decoded_fields(&self, name: &str) -> Vec<String> {
        self.fields(name).into_iter().map(|field| String::from_utf8(field.value).unwrap()).collect()
    }
    fn defects(&self) -> Vec<String> {
        vec!["bare-cr".to_owned()]
    }
    fn count_parts(&self) -> usize {
        1
    }
    fn part(&self, index: usize) -> Option<PartFacts> {
        let facts = PartFacts { parent: None, media_type: "text/plain".to_owned(), disposition: None, filename: None };
        (index == 0).then_some(facts)
    }
    fn part_parameter(&self, _: usize, _: &str) -> Option<String> {
        None
    }
    fn part_fields(&self, _: usize, name: &str) -> Vec<Field> {
        self.fields(name)
    }
    fn part_size(&self, _: usize) -> u64 {
        100
    }
    fn part_read(&self, _: usize, start: u64, limit: usize) -> Vec<u8> {
        self.read(start, limit)
    }
    fn part_text(&self, _: usize, start: u64, limit: usize) -> Option<(String, Option<u64>)> {
        Some((String::from_utf8(self.read(start, limit)).unwrap(), None))
    }
}

fn shared(grants: Value, limits: Limits) -> (Arc<Shared>, Arc<Fake>) {
    let services = Arc::new(Fake::default());
    let shared = Shared {
        name: "tested".to_owned(),
        grants: Grants::read(&grants).unwrap(),
        limits,
        assets: Assets::default().with("words", *b"0123456789"),
        services: services.clone(),
    };
    (Arc::new(shared), services)
}

fn generous() -> Limits {
    Limits { deadline: Duration::from_secs(10), ..Limits::default() }
}

fn session() -> Session {
    Session {
        id: "s1".to_owned(),
        listener: "public".to_owned(),
        remote: "192.0.2.1".parse().unwrap(),
        remote_port: 4000,
        local: "192.0.2.2".parse().unwrap(),
        reverse_name: None,
        helo: Some("client.example".to_owned()),
        tls_version: None,
        user: None,
        attributes: BTreeMap::new(),
    }
}

fn call() -> Call {
    let recipient = Recipient { address: "user@example.org".to_owned(), parameters: Vec::new() };
    Call {
        hook: Hook::Message,
        session: Some(Arc::new(session())),
        transaction: Some(Arc::new(Transaction { recipients: vec![recipient], ..Transaction::default() })),
        recipient: None,
        message: Some(Arc::new(Mail)),
        outcome: None,
        class: None,
        score: 1.5,
        notes: BTreeMap::from([("before".to_owned(), b"old".to_vec())]),
        time: 1_700_000_000_000,
        shadow: false,
    }
}

fn asked(grants: Value, limits: Limits) -> (Context, Arc<Fake>) {
    let (shared, services) = shared(grants, limits);
    (Context::for_call(shared, Arc::default(), call()), services)
}

fn configured(grants: Value) -> (Context, Arc<Fake>) {
    let (shared, services) = shared(grants, generous());
    (Context::for_configure(shared, Arc::default()), services)
}

/// A handle as the guest holds it, for as many uses as a test has.
fn again<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

fn stopped_by<T>(result: wasmtime::Result<T>) -> Cause {
    result.err().unwrap().downcast_ref::<Stop>().unwrap().cause
}

#[test]
fn host_calls_are_counted_and_the_last_is_named() {
    use wit::call::Host;
    let (mut context, _) = asked(json!([]), Limits { host_calls: 2, ..generous() });
    assert_eq!(context.get_filter_name().unwrap(), "tested");
    assert_eq!(context.get_time().unwrap(), 1_700_000_000_000);
    assert_eq!(stopped_by(context.is_shadow()), Cause::HostCalls);
    assert_eq!(context.last_call, Some("call.is-shadow"));
}

#[test]
fn tables_grow_to_the_budget_all_together() {
    use wasmtime::ResourceLimiter;
    let (mut context, _) = asked(json!([]), Limits { table_elements: 100, ..generous() });
    assert!(context.table_growing(0, 60, None).unwrap());
    assert!(context.table_growing(0, 40, Some(u32::MAX as usize)).unwrap());
    assert_eq!(stopped_by(context.table_growing(40, 41, None)), Cause::Tables);
    assert_eq!(stopped_by(context.table_growing(60, usize::MAX, None)), Cause::Tables);
    assert!(context.table_growing(60, 60, None).unwrap());
}

#[test]
fn a_handle_that_is_not_there_is_an_error_of_the_guest() {
    use wit::smtp::HostSession;
    let (mut context, _) = asked(json!([]), generous());
    assert!(context.get_id(Resource::<SessionHandle>::new_borrow(7)).is_err());
    let transaction = context.hand(TransactionHandle).unwrap();
    assert!(context.get_id(Resource::<SessionHandle>::new_borrow(transaction.rep())).is_err());
}

#[test]
fn handles_end_at_the_budget() {
    use wit::content::HostMessage;
    let (mut context, _) = asked(json!([]), Limits { handles: 3, ..generous() });
    let message = context.hand(MessageHandle).unwrap();
    assert!(context.get_part(again(&message), 1).unwrap().is_none());
    let parts = (0..10).map_while(|_| context.get_part(again(&message), 0).ok()).count();
    assert_eq!(parts, 2);
}

#[test]
fn one_answer_has_so_many_bytes() {
    use wit::content::{HostMessage, HostPart};
    let (mut context, _) = asked(json!([]), Limits { returned_bytes: 40, ..generous() });
    let message = context.hand(MessageHandle).unwrap();
    assert_eq!(HostMessage::read(&mut context, again(&message), 0, u32::MAX).unwrap().len(), 40);
    assert_eq!(HostMessage::read(&mut context, again(&message), 90, u32::MAX).unwrap().len(), 10);
    // 18 bytes each, and 17 for the subject.
    assert_eq!(context.list_fields(again(&message), 0, u32::MAX).unwrap().len(), 2);
    assert_eq!(HostMessage::get_fields(&mut context, again(&message), "RECEIVED".to_owned()).unwrap().len(), 2);
    let part = context.get_part(again(&message), 0).unwrap().unwrap();
    assert_eq!(HostPart::read(&mut context, again(&part), 0, u32::MAX).unwrap().len(), 40);
    assert_eq!(context.read_text(again(&part), 0, u32::MAX).unwrap().unwrap().text.len(), 40);
}

#[test]
fn assets_are_read_in_pieces() {
    use wit::assets::Host;
    let (mut context, _) = configured(json!([]));
    assert_eq!(context.list_names().unwrap(), ["words"]);
    assert_eq!(context.get_size("words".to_owned()).unwrap(), Some(10));
    assert_eq!(context.get_size("other".to_owned()).unwrap(), None);
    assert_eq!(context.read("words".to_owned(), 8, 5).unwrap(), b"89");
    assert_eq!(context.read("words".to_owned(), u64::MAX, 5).unwrap(), b"");
    assert_eq!(context.read("other".to_owned(), 0, 5).unwrap(), b"");
}

#[test]
fn log_and_counters_keep_what_their_limits_allow() {
    use wit::telemetry::{Host, Level as WitLevel};
    let (mut context, _) = asked(json!([]), Limits { log_lines: 2, log_bytes: 20, ..generous() });
    context.log(WitLevel::Warn, "short".to_owned(), vec![("k".to_owned(), "a\nb".to_owned())]).unwrap();
    context.log(WitLevel::Info, "x".repeat(12), Vec::new()).unwrap();
    context.log(WitLevel::Info, "fits".to_owned(), Vec::new()).unwrap();
    context.log(WitLevel::Info, "too many".to_owned(), Vec::new()).unwrap();
    assert_eq!((context.staged.log.len(), context.staged.log_dropped), (2, 2));
    assert_eq!((context.staged.log[0].level, context.staged.log[0].fields[0].1.as_str()), (Level::Warn, "a\nb"));

    context.add_to_counter("hits".to_owned(), u64::MAX).unwrap();
    context.add_to_counter("hits".to_owned(), 1).unwrap();
    context.add_to_counter("Not a name".to_owned(), 1).unwrap();
    assert_eq!(context.staged.counters, [("hits".to_owned(), u64::MAX)]);
    for number in 0..100 {
        context.add_to_counter(format!("c{number}"), 1).unwrap();
    }
    assert_eq!(context.staged.counters.len(), 64);
}
