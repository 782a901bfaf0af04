//! Sets of patterns, searched natively.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;

use super::world;
pub use crate::bindings::imports::postwarden::filter::patterns::{Error, Found, Places};
use crate::{Message, Part};

pub fn define(set: &str, patterns: &[Vec<u8>], ignore_case: bool) -> Result<(), Error> {
    if patterns.iter().any(Vec::is_empty) || set.is_empty() {
        return Err(Error::Invalid("a pattern or the name is empty".to_owned()));
    }
    world(|world| {
        if !world.configuring {
            return Err(Error::WrongTime);
        }
        let (all, same) = world.patterns.entry(set.to_owned()).or_insert_with(|| (Vec::new(), ignore_case));
        if *same != ignore_case {
            return Err(Error::Invalid(format!("the set {set:?} has another ignore-case already")));
        }
        all.extend_from_slice(patterns);
        Ok(())
    })
}

pub fn find_in_bytes(set: &str, bytes: &[u8], places: Places, limit: u32) -> Result<Vec<Found>, Error> {
    let known =
        world(|world| if world.configuring { Err(Error::WrongTime) } else { Ok(world.patterns.get(set).cloned()) });
    let (patterns, ignore_case) = known?.ok_or(Error::NoSuchSet)?;
    let automaton = AhoCorasick::builder().ascii_case_insensitive(ignore_case).build(&patterns);
    let automaton = automaton.map_err(|error| Error::Other(error.to_string()))?;
    let mut seen = BTreeSet::new();
    let all = automaton.find_overlapping_iter(bytes);
    let wanted = all.filter(|found| matches!(places, Places::Every) || seen.insert(found.pattern()));
    let found = wanted.map(|found| Found {
        pattern: found.pattern().as_u32(),
        start: u64::try_from(found.start()).unwrap_or(u64::MAX),
    });
    Ok(found.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
}

pub fn find_in_part(set: &str, part: &Part, places: Places, limit: u32) -> Result<Vec<Found>, Error> {
    find_in_bytes(set, &part.read(0, u32::MAX), places, limit)
}

pub fn find_in_message(set: &str, message: &Message, places: Places, limit: u32) -> Result<Vec<Found>, Error> {
    find_in_bytes(set, &message.read(0, u32::MAX), places, limit)
}
