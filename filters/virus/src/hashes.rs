//! Signatures that are the hash of a whole file. A file is hashed only if a signature has its size.

use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// A hash as a signature file gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    Md5([u8; 16]),
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

impl Digest {
    /// From hex; its length tells which it is.
    pub(crate) fn parse(hex: &str) -> Option<Self> {
        match hex.len() {
            32 => from_hex(hex).map(Self::Md5),
            40 => from_hex(hex).map(Self::Sha1),
            64 => from_hex(hex).map(Self::Sha256),
            _ => None,
        }
    }
}

fn from_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

/// Signatures of all three kinds.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    md5: Table<16>,
    sha1: Table<20>,
    sha256: Table<32>,
}

impl Hashes {
    /// `size` none: of any size.
    pub(crate) fn add(&mut self, digest: Digest, size: Option<u64>, name: &str) {
        match digest {
            Digest::Md5(hash) => self.md5.add(hash, size, name),
            Digest::Sha1(hash) => self.sha1.add(hash, size, name),
            Digest::Sha256(hash) => self.sha256.add(hash, size, name),
        }
    }

    /// Before the first search.
    pub(crate) fn sort(&mut self) {
        self.md5.sort();
        self.sha1.sort();
        self.sha256.sort();
    }

    /// The names of this file's signatures.
    pub(crate) fn find<'a>(&'a self, data: &[u8]) -> impl Iterator<Item = &'a str> + use<'a> {
        let md5 = self.md5.find(data, |data| Md5::digest(data).into());
        let sha1 = self.sha1.find(data, |data| Sha1::digest(data).into());
        let sha256 = self.sha256.find(data, |data| Sha256::digest(data).into());
        md5.into_iter().chain(sha1).chain(sha256)
    }
}

/// Signatures of one kind, sorted by hash.
#[derive(Debug, Default)]
struct Table<const N: usize> {
    entries: Vec<Entry<N>>,
    /// Sorted; without those of any size.
    sizes: Vec<u64>,
    any_size: bool,
}

#[derive(Debug)]
struct Entry<const N: usize> {
    hash: [u8; N],
    size: Option<u64>,
    name: Box<str>,
}

impl<const N: usize> Table<N> {
    fn add(&mut self, hash: [u8; N], size: Option<u64>, name: &str) {
        self.entries.push(Entry { hash, size, name: name.into() });
        self.any_size |= size.is_none();
        self.sizes.extend(size);
    }

    fn sort(&mut self) {
        self.entries.sort_by_key(|entry| entry.hash);
        self.sizes.sort_unstable();
        self.sizes.dedup();
    }

    fn find(&self, data: &[u8], hash: fn(&[u8]) -> [u8; N]) -> Option<&str> {
        let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
        if !self.any_size && self.sizes.binary_search(&size).is_err() {
            return None;
        }
        let hash = hash(data);
        let first = self.entries.partition_point(|entry| entry.hash < hash);
        let same = self.entries.iter().skip(first).take_while(|entry| entry.hash == hash);
        same.filter(|entry| entry.size.is_none_or(|wanted| wanted == size)).map(|entry| &*entry.name).next()
    }
}
