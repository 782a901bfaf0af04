//! A message that counts what a filter reads of it. Changes nothing of what is read.

use std::sync::atomic::{AtomicU64, Ordering};

use postwarden_sandbox::{Content, Field, PartFacts};

use crate::content::MessageContent;

/// How much of the message a filter has read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads {
    pub count: u64,
    pub bytes: u64,
}

/// Counts what is read of a message.
pub(super) struct Counted {
    inner: MessageContent,
    count: AtomicU64,
    bytes: AtomicU64,
}

impl Counted {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { inner: MessageContent::new(bytes), count: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    pub(super) fn reads(&self) -> Reads {
        Reads { count: self.count.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    fn read<T>(&self, read: T, bytes: impl FnOnce(&T) -> usize) -> T {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes(&read)).unwrap_or(0), Ordering::Relaxed);
        read
    }
}

fn size_of(fields: &[Field]) -> usize {
    fields.iter().map(|field| field.value.len()).sum()
}

impl Content for Counted {
    fn size(&self) -> u64 {
        self.inner.size()
    }
    fn read(&self, start: u64, limit: usize) -> Vec<u8> {
        self.read(self.inner.read(start, limit), Vec::len)
    }
    fn count_fields(&self) -> usize {
        self.inner.count_fields()
    }
    fn list_fields(&self, start: usize, limit: usize) -> Vec<Field> {
        self.read(self.inner.list_fields(start, limit), |fields| size_of(fields))
    }
    fn fields(&self, name: &str) -> Vec<Field> {
        self.read(self.inner.fields(name), |fields| size_of(fields))
    }
    fn decoded_fields(&self, name: &str) -> Vec<String> {
        self.read(self.inner.decoded_fields(name), |values| values.iter().map(String::len).sum())
    }
    fn defects(&self) -> Vec<String> {
        self.inner.defects()
    }
    fn count_parts(&self) -> usize {
        self.inner.count_parts()
    }
    fn part(&self, index: usize) -> Option<PartFacts> {
        self.inner.part(index)
    }
    fn part_parameter(&self, index: usize, name: &str) -> Option<String> {
        self.inner.part_parameter(index, name)
    }
    fn part_fields(&self, index: usize, name: &str) -> Vec<Field> {
        self.read(self.inner.part_fields(index, name), |fields| size_of(fields))
    }
    fn part_size(&self, index: usize) -> u64 {
        self.inner.part_size(index)
    }
    fn part_read(&self, index: usize, start: u64, limit: usize) -> Vec<u8> {
        self.read(self.inner.part_read(index, start, limit), Vec::len)
    }
    fn part_text(&self, index: usize, start: u64, limit: usize) -> Option<(String, Option<u64>)> {
        let bytes = |text: &Option<(String, Option<u64>)>| text.as_ref().map_or(0, |(text, _)| text.len());
        self.read(self.inner.part_text(index, start, limit), bytes)
    }
}
