//! What the tests share: a sandbox, the puppet filter with settings, a call, a server of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use postwarden_sandbox::*;
use serde_json::{Value, json};

/// One engine for all tests of the process.
pub fn sandbox() -> Arc<Sandbox> {
    static SANDBOX: OnceLock<Arc<Sandbox>> = OnceLock::new();
    let cache = PathBuf::from(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("target/tmp")).join("compiled");
    let start = || Sandbox::new(SandboxSettings { cache: Some(cache), instances: 0 }).unwrap();
    SANDBOX.get_or_init(start).clone()
}

pub fn component(name: &str) -> Vec<u8> {
    std::fs::read(postwarden_artifacts::guest(name)).unwrap()
}

/// Everything granted that needs no further detail, and a generous time, since tests share two processors.
pub fn source(settings: Value) -> Source {
    Source {
        name: "puppet".to_owned(),
        component: component("puppet"),
        settings,
        grants: grants(json!(["dns", "state", "edit", "recipients", "accept", "discard", "custom-replies",
            { "connect": ["127.0.0.1:1"] }])),
        limits: Limits { deadline: Duration::from_secs(20), cpu: Duration::from_secs(10), ..Limits::default() },
        assets: Assets::default(),
        services: Arc::new(Server::default()),
    }
}

pub fn grants(value: Value) -> Grants {
    Grants::read(&value).unwrap()
}

/// The puppet with these actions at the end of the content.
pub async fn puppet(actions: Value) -> Filter {
    sandbox().load(source(json!({ "on-message": actions }))).await.unwrap()
}

pub fn call(hook: Hook) -> Call {
    let recipient = Recipient { address: "bob@example.net".to_owned(), parameters: Vec::new() };
    Call {
        hook,
        session: Some(Arc::new(Session {
            id: "S1".to_owned(),
            listener: "mx".to_owned(),
            remote: "192.0.2.1".parse().unwrap(),
            remote_port: 40_000,
            local: "192.0.2.25".parse().unwrap(),
            reverse_name: Some("mx.example.org".to_owned()),
            helo: Some("mx.example.org".to_owned()),
            tls_version: None,
            user: None,
            attributes: BTreeMap::new(),
        })),
        transaction: Some(Arc::new(Transaction {
            id: "T1".to_owned(),
            sender: "alice@example.org".to_owned(),
            recipients: vec![recipient.clone()],
            ..Transaction::default()
        })),
        recipient: Some(recipient),
        message: Some(Arc::new(Mail::default())),
        outcome: Some(Outcome { outcome: "queued".to_owned(), reply: "250 2.0.0 Ok".to_owned() }),
        class: Some(Class::Spam),
        score: 1.0,
        notes: BTreeMap::new(),
        time: 1_000,
        shadow: false,
    }
}

/// What the filter wrote.
pub fn lines(evaluation: &Evaluation) -> Vec<&str> {
    evaluation.log.iter().map(|line| line.message.as_str()).collect()
}

/// A message of one part with a header of two fields.
pub struct Mail(pub Vec<u8>);

impl Default for Mail {
    fn default() -> Self {
        Self(b"Subject: Hello\r\nTo: bob@example.net\r\n\r\nHow are you?\r\n".to_vec())
    }
}

impl Content for Mail {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }
    fn read(&self, start: u64, limit: usize) -> Vec<u8> {
        self.0.iter().skip(start as usize).take(limit).copied().collect()
    }
    fn count_fields(&self) -> usize {
        2
    }
    fn list_fields(&self, start: usize, limit: usize) -> Vec<Field> {
        let field = |name: &str, value: &str| Field { name: name.to_owned(), value: value.as_bytes().to_vec() };
        let all = [field("Subject", "Hello"), field("To", "bob@example.net")];
        all.into_iter().skip(start).take(limit).collect()
    }
    fn fields(&self, name: &str) -> Vec<Field> {
        self.list_fields(0, 2).into_iter().filter(|field| field.name.eq_ignore_ascii_case(name)).collect()
    }
    fn decoded_fields(&self, name: &str) -> Vec<String> {
        self.fields(name).into_iter().map(|field| String::from_utf8(field.value).unwrap()).collect()
    }
    fn defects(&self) -> Vec<String> {
        vec!["missing-date".to_owned()]
    }
    fn count_parts(&self) -> usize {
        1
    }
    fn part(&self, index: usize) -> Option<PartFacts> {
        (index == 0).then(|| PartFacts {
            parent: None,
            media_type: "text/plain".to_owned(),
            disposition: None,
            filename: None,
        })
    }
    fn part_parameter(&self, _index: usize, _name: &str) -> Option<String> {
        None
    }
    fn part_fields(&self, _index: usize, name: &str) -> Vec<Field> {
        self.fields(name)
    }
    fn part_size(&self, _index: usize) -> u64 {
        14
    }
    fn part_read(&self, _index: usize, start: u64, limit: usize) -> Vec<u8> {
        b"How are you?\r\n".iter().skip(start as usize).take(limit).copied().collect()
    }
    fn part_text(&self, index: usize, start: u64, limit: usize) -> Option<(String, Option<u64>)> {
        Some((String::from_utf8(self.part_read(index, start, limit)).unwrap(), None))
    }
}

/// Names under `example` and state in memory. `never.example` never answers.
#[derive(Default)]
pub struct Server {
    pub state: Mutex<BTreeMap<String, i64>>,
    /// Bucket and key to value.
    pub values: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

#[async_trait]
impl Services for Server {
    async fn resolve(&self, name: &str, _record_type: u16) -> Result<DnsAnswer, DnsError> {
        match name {
            "here.example" => Ok(DnsAnswer {
                records: vec![DnsRecord::Address("127.0.0.2".parse().unwrap())],
                ttl: 60,
                authenticated: false,
            }),
            "never.example" => std::future::pending().await,
            _ => Err(DnsError::NoSuchName),
        }
    }
    async fn get_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        let values = self.values.lock().unwrap();
        Ok(keys.iter().map(|key| values.get(&(bucket.to_owned(), key.clone())).cloned()).collect())
    }
    async fn set(&self, bucket: &str, key: &str, value: &[u8], _: Option<Duration>) -> Result<(), StateError> {
        self.values.lock().unwrap().insert((bucket.to_owned(), key.to_owned()), value.to_vec());
        Ok(())
    }
    async fn delete(&self, _bucket: &str, _key: &str) -> Result<(), StateError> {
        Ok(())
    }
    async fn increment_many(
        &self,
        bucket: &str,
        deltas: &[(String, i64)],
        _ttl: Option<Duration>,
    ) -> Result<Vec<i64>, StateError> {
        let mut state = self.state.lock().unwrap();
        let add = |(key, delta): &(String, i64)| {
            let sum = state.entry(format!("{bucket} {key}")).or_default();
            *sum += delta;
            *sum
        };
        Ok(deltas.iter().map(add).collect())
    }
    async fn compare_and_set(
        &self,
        _: &str,
        _: &str,
        _: Option<&[u8]>,
        _: &[u8],
        _: Option<Duration>,
    ) -> Result<bool, StateError> {
        Ok(true)
    }
    async fn list_keys(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StateError> {
        let values = self.values.lock().unwrap();
        let of_bucket = values.keys().filter(|(of, _)| of == bucket).map(|(_, key)| key);
        let found = of_bucket.filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        Ok(found.take(limit).cloned().collect())
    }
    async fn bucket_bytes(&self, bucket: &str) -> Result<u64, StateError> {
        Ok(if bucket == "bucket/full" { 1 << 40 } else { 0 })
    }
}
