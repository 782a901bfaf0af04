//! Collects signatures, in any order, until all are read. Those that a list names are left out.

use std::collections::BTreeSet;

use super::{Database, Link, Part, Place, Rule};
use crate::fragments;
use crate::hashes::{Digest, Hashes};
use crate::signatures::hex::Unused;

#[derive(Default)]
pub(crate) struct Builder {
    ignored: BTreeSet<String>,
    rules: Vec<Rule>,
    parts: Vec<Place>,
    links: Vec<Link>,
    fragments: fragments::Builder,
    hashes: Hashes,
    harmless: Hashes,
}

impl Builder {
    /// Signatures of this name do not count, if they come later.
    pub(crate) fn ignore(&mut self, name: &str) {
        self.ignored.insert(name.to_owned());
    }

    pub(crate) fn hash(&mut self, digest: Digest, size: Option<u64>, name: &str, harmless: bool) -> Result<(), Unused> {
        if harmless {
            self.harmless.add(digest, size, name);
        } else {
            self.known(name)?;
            self.hashes.add(digest, size, name);
        }
        Ok(())
    }

    pub(crate) fn rule(&mut self, rule: Rule, parts: Vec<Part>) -> Result<(), Unused> {
        self.known(&rule.name)?;
        let index =
            |length: usize| u32::try_from(length).map_err(|_| Unused::Unsupported("more than 4 billion patterns"));
        let own = index(self.rules.len())?;
        self.rules.push(rule);
        for part in parts {
            let place = index(self.parts.len())?;
            self.parts.push(Place { rule: own, number: part.number, offset: part.offset });
            let last = part.pattern.chunks.len().saturating_sub(1);
            for (number, (chunk, fragment)) in part.pattern.chunks.into_iter().enumerate() {
                self.fragments.add(fragment.bytes, fragment.folded, index(self.links.len())?);
                let is_last = number == last;
                let number = u16::try_from(number).map_err(|_| Unused::Unsupported("more than 65535 wildcards"))?;
                self.links.push(Link { part: place, number, is_last, chunk });
            }
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Result<(), Unused> {
        if self.ignored.contains(name) { Err(Unused::Unsupported("named in an .ign list")) } else { Ok(()) }
    }

    pub(crate) fn build(mut self) -> Database {
        self.hashes.sort();
        self.harmless.sort();
        let holds_of_nothing = |rule: &Rule| rule.logic.as_ref().is_some_and(|logic| logic.holds(&|_| 0));
        let rules = (0..).zip(&self.rules);
        Database {
            by_absence: rules.filter(|(_, rule)| holds_of_nothing(rule)).map(|(index, _)| index).collect(),
            has_text: self.rules.iter().any(|rule| matches!(rule.target, 0 | 3 | 7) && rule.name != crate::eicar::NAME),
            rules: self.rules.into(),
            parts: self.parts.into(),
            links: self.links.into(),
            fragments: self.fragments.build(),
            hashes: self.hashes,
            harmless: self.harmless,
        }
    }
}
