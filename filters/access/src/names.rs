//! A set of addresses, domains, host names and masks. A name that is not in it costs two looks into a table, however
//! many there are.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::list::Place;

/// Masks in one kind of entry: each costs its time for every recipient.
const MASKS_MAX: usize = 1000;
/// Bytes of a host name (RFC 1035).
const HOST_BYTES_MAX: usize = 253;

/// Of what the operator wrote: nobody else can add to it, so its hash needs no secret. A table rather than a tree: a
/// fresh instance pays for each page of memory it looks at.
pub(crate) type Table<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// Without case and without a dot at the end.
pub(crate) fn fold(text: String) -> String {
    text.trim_end_matches('.').to_lowercase()
}

#[derive(Debug, Default)]
pub(crate) struct Names {
    /// `user@example.com`, or `example.com` for all of its users and for the host of that name.
    exact: Table<Box<str>, Place>,
    /// `.example.com`: what is below it, kept without the dot.
    below: Table<Box<str>, Place>,
    masks: Vec<(String, Place)>,
}

impl Names {
    /// `value` is folded.
    pub(crate) fn add(&mut self, value: &str, place: Place) -> Result<(), String> {
        let value = value.strip_prefix('@').unwrap_or(value);
        if value.is_empty() {
            return Err("the entry names nothing".to_owned());
        }
        if let Some(reason) = unbalanced(value) {
            return Err(format!("Unbalanced: {reason}"));
        }
        if value.contains(char::is_whitespace) && !value.contains('"') {
            return Err(format!("\"{value}\" has a space in it: write one entry a line"));
        }
        if value.contains('*') {
            if self.masks.len() >= MASKS_MAX {
                return Err(format!("more than {MASKS_MAX} masks: write domains, as in \".example.com\""));
            }
            self.masks.push((value.to_owned(), place));
        } else if let Some(domain) = value.strip_prefix('.') {
            self.below.entry(domain.into()).or_insert(place);
        } else {
            self.exact.entry(value.into()).or_insert(place);
        }
        Ok(())
    }

    pub(crate) fn find(&self, value: &str) -> Option<Place> {
        if value.is_empty() {
            return None;
        }
        let domain = value.rsplit_once('@').map_or(value, |(_, domain)| domain);
        let exact = self.exact.get(value).or_else(|| self.exact.get(domain)).copied();
        let below = || {
            let mut parents = domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot.saturating_add(1)..));
            parents.find_map(|parent| self.below.get(parent)).copied()
        };
        let masked = || self.masks.iter().find(|(mask, _)| matches(mask, value)).map(|(_, place)| *place);
        exact.or_else(below).or_else(masked)
    }
}

/// A name that the DNS can be asked for.
pub(crate) fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(plain)
    };
    name.len() <= HOST_BYTES_MAX && name.split('.').all(label)
}

/// Row 3, for a line of a list.
fn unbalanced(value: &str) -> Option<String> {
    for (open, close) in [('<', '>'), ('(', ')'), ('[', ']')] {
        let count = |wanted: char| value.chars().filter(|&found| found == wanted).count();
        if count(open) != count(close) {
            return Some(format!("{open} without {close} or {close} without {open}"));
        }
    }
    (value.matches('"').count() % 2 == 1).then(|| "a quote without its second".to_owned())
}

/// `*` stands for any text, an empty one too. Time is at most the product of both lengths.
fn matches(mask: &str, value: &str) -> bool {
    let Some((head, rest)) = mask.split_once('*') else { return mask == value };
    let Some(mut left) = value.strip_prefix(head) else { return false };
    let Some((middle, tail)) = rest.rsplit_once('*') else { return left.ends_with(rest) };
    for piece in middle.split('*') {
        match left.split_once(piece) {
            Some((_, behind)) => left = behind,
            None => return false,
        }
    }
    left.ends_with(tail)
}
