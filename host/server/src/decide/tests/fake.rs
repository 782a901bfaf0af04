//! A store in memory that counts what it is asked and can be told to fail. For tests of decisions only:
//! what a store promises is tested in its own crate.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use postwarden_store::accounts::Entry;
use postwarden_store::history::{HistoryQuery, HistoryRecord};
use postwarden_store::holds::HoldReason;
use postwarden_store::queue::{Job, Lease, NewMessage, QueueChange, QueueFilter, QueuedMessage, Settlement};
use postwarden_store::{
    Account, Accounts, Alias, Body, Error, FilterState, History, Holds, Id, List, Queue, Result, Timestamp,
};

/// A value of the filter state and when it expires.
type Value = (Vec<u8>, Option<Timestamp>);

#[derive(Default)]
pub(crate) struct Fake {
    entries: Mutex<BTreeMap<String, Entry>>,
    generation: AtomicI64,
    pub(crate) lookups: AtomicUsize,
    pub(crate) polls: AtomicUsize,
    /// What every method answers while set.
    pub(crate) failing: Mutex<Option<Error>>,
    values: Mutex<HashMap<String, Value>>,
    pub(crate) accepted: Mutex<Vec<NewMessage>>,
    pub(crate) notes: Mutex<Vec<HistoryRecord>>,
    pub(crate) refuse_accept: AtomicBool,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An account that nothing is special about.
pub(crate) fn account(address: &str) -> Account {
    Account {
        address: address.to_owned(),
        password: None,
        quota: 0,
        max_message_size: 0,
        send_limit_messages: 0,
        send_limit_bytes: 0,
        local_domains_only: false,
        no_send: false,
        no_receive: false,
        disabled: false,
    }
}

fn address(entry: &Entry) -> &str {
    match entry {
        Entry::Account(account) => &account.address,
        Entry::Alias(alias) => &alias.address,
        Entry::List(list) => &list.address,
    }
}

impl Fake {
    pub(crate) fn add(&self, entry: Entry) {
        lock(&self.entries).insert(address(&entry).to_owned(), entry);
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// `account ADDRESS [flag|key=number]…`, `alias ADDRESS TARGET…`, `list ADDRESS [members-only] MEMBER…`
    pub(crate) fn add_line(&self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((kind, [address, rest @ ..])) = words.split_first() else { panic!("entry: {line}") };
        let strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        self.add(match *kind {
            "account" => {
                let mut account = account(address);
                for setting in rest {
                    let (key, value) = setting.split_once('=').unwrap_or((setting, "1"));
                    match key {
                        "quota" => account.quota = value.parse().unwrap(),
                        "size" => account.max_message_size = value.parse().unwrap(),
                        "messages" => account.send_limit_messages = value.parse().unwrap(),
                        "bytes" => account.send_limit_bytes = value.parse().unwrap(),
                        "local-domains-only" => account.local_domains_only = true,
                        "no-send" => account.no_send = true,
                        "no-receive" => account.no_receive = true,
                        "disabled" => account.disabled = true,
                        _ => panic!("setting: {setting}"),
                    }
                }
                Entry::Account(account)
            }
            "alias" => Entry::Alias(Alias { address: (*address).to_owned(), targets: strings(rest) }),
            "list" => {
                let members_only = rest.first() == Some(&"members-only");
                let members = strings(rest.split_at(usize::from(members_only)).1);
                Entry::List(List { address: (*address).to_owned(), members, members_only })
            }
            _ => panic!("kind: {line}"),
        });
    }

    fn answer(&self) -> Result<()> {
        lock(&self.failing).clone().map_or(Ok(()), Err)
    }

    fn value(&self, bucket: &str, key: &str, now: Timestamp) -> Option<Vec<u8>> {
        let values = lock(&self.values);
        let (value, expires) = values.get(&format!("{bucket}/{key}"))?;
        expires.is_none_or(|expires| now < expires).then(|| value.clone())
    }

    fn put_value(&self, bucket: &str, key: &str, value: &[u8], expires: Option<Timestamp>) {
        lock(&self.values).insert(format!("{bucket}/{key}"), (value.to_vec(), expires));
    }
}

#[async_trait]
impl Accounts for Fake {
    async fn lookup(&self, address: &str) -> Result<Option<Entry>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        self.answer()?;
        Ok(lock(&self.entries).get(address).cloned())
    }
    async fn put(&self, entry: Entry, _replace: bool) -> Result<()> {
        self.add(entry);
        Ok(())
    }
    async fn remove(&self, address: &str) -> Result<()> {
        lock(&self.entries).remove(address);
        self.generation.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    async fn entries(&self, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        self.answer()?;
        let entries = lock(&self.entries);
        let rest = entries.iter().filter(|(address, _)| after.is_none_or(|after| address.as_str() > after));
        Ok(rest.map(|(_, entry)| entry.clone()).take(limit).collect())
    }
    async fn generation(&self) -> Result<i64> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        self.answer()?;
        Ok(self.generation.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl FilterState for Fake {
    async fn get_many(&self, bucket: &str, keys: &[String], now: Timestamp) -> Result<Vec<Option<Vec<u8>>>> {
        self.answer()?;
        Ok(keys.iter().map(|key| self.value(bucket, key, now)).collect())
    }
    async fn set(&self, bucket: &str, key: &str, value: &[u8], expires: Option<Timestamp>) -> Result<()> {
        self.put_value(bucket, key, value, expires);
        Ok(())
    }
    async fn delete_key(&self, _bucket: &str, _key: &str) -> Result<()> {
        Ok(())
    }
    async fn increment(
        &self,
        bucket: &str,
        key: &str,
        delta: i64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<i64> {
        self.answer()?;
        let old = self.value(bucket, key, now);
        let sum = old.as_ref().map_or(0, |old| String::from_utf8_lossy(old).parse::<i64>().unwrap()) + delta;
        let kept = lock(&self.values).get(&format!("{bucket}/{key}")).and_then(|(_, expires)| *expires);
        let expires = if old.is_some() { kept } else { expires };
        if delta != 0 {
            self.put_value(bucket, key, sum.to_string().as_bytes(), expires);
        }
        Ok(sum)
    }
    async fn increment_many(
        &self,
        bucket: &str,
        deltas: &[(String, i64)],
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<i64>> {
        let mut sums = Vec::new();
        for (key, delta) in deltas {
            sums.push(self.increment(bucket, key, *delta, expires, now).await?);
        }
        Ok(sums)
    }
    async fn compare_and_set(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        self.answer()?;
        if self.value(bucket, key, now).as_deref() != expected {
            return Ok(false);
        }
        self.put_value(bucket, key, value, expires);
        Ok(true)
    }
    async fn list_keys(&self, _: &str, _: &str, _: Option<&str>, _: usize, _: Timestamp) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
    async fn bucket_size(&self, _bucket: &str) -> Result<(u64, u64)> {
        Ok((0, 0))
    }
    async fn expire_state(&self, _now: Timestamp) -> Result<u64> {
        Ok(0)
    }
}

#[async_trait]
impl History for Fake {
    async fn note(&self, record: HistoryRecord) -> Result<()> {
        lock(&self.notes).push(record);
        Ok(())
    }
    async fn find(&self, _query: &HistoryQuery) -> Result<Vec<HistoryRecord>> {
        Ok(Vec::new())
    }
    async fn expire_history(&self, _before: Timestamp) -> Result<u64> {
        Ok(0)
    }
}

fn none<T>() -> Result<T> {
    Err(Error::Unavailable("not in this fake".to_owned()))
}

#[async_trait]
impl Holds for Fake {
    async fn list_held(&self, _: Option<HoldReason>, _: Option<Id>, _: usize) -> Result<Vec<QueuedMessage>> {
        none()
    }
    async fn release(&self, _: Id, _: Timestamp) -> Result<()> {
        none()
    }
    async fn delete(&self, _: Id) -> Result<()> {
        none()
    }
    async fn expire_holds(&self, _: Timestamp) -> Result<u64> {
        none()
    }
}

#[async_trait]
impl Queue for Fake {
    async fn accept(&self, message: NewMessage) -> Result<()> {
        self.answer()?;
        if self.refuse_accept.load(Ordering::SeqCst) {
            return Err(Error::Full("told so".to_owned()));
        }
        lock(&self.accepted).push(message);
        Ok(())
    }
    async fn claim(&self, _: Timestamp, _: usize, _: Lease) -> Result<Vec<Job>> {
        none()
    }
    async fn settle(&self, _: &str, _: Settlement) -> Result<()> {
        none()
    }
    async fn renew(&self, _: &str, _: Timestamp) -> Result<()> {
        none()
    }
    async fn next_due(&self) -> Result<Option<Timestamp>> {
        none()
    }
    async fn list(&self, _: &QueueFilter, _: Option<Id>, _: usize) -> Result<Vec<QueuedMessage>> {
        none()
    }
    async fn show(&self, _: Id) -> Result<QueuedMessage> {
        none()
    }
    async fn content(&self, _: Id) -> Result<(Vec<u8>, Body)> {
        none()
    }
    async fn change(&self, _: &QueueFilter, _: QueueChange) -> Result<u64> {
        none()
    }
    async fn count(&self) -> Result<(u64, u64)> {
        none()
    }
}
