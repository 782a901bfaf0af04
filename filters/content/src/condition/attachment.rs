//! Attachments: name, type and size must fit one and the same; how many fit can be asked too.

use super::range::{Range, Unit};
use super::test::Test;
use crate::letter::{Attached, Letter};
use crate::magic;
use crate::needles::Needles;
use crate::read::{Table, Value};
use crate::text::Text;

pub(crate) const KEYS: &[&str] = &["count", "declared-type", "exists", "name", "not", "size", "type"];

/// Keys of what one attachment must or must not be.
const KEYS_OF_ONE: &[&str] = &["declared-type", "name", "not", "size", "type"];

#[derive(Debug)]
pub(crate) struct Attachment {
    one: One,
    /// How many fit; otherwise at least one.
    count: Option<Range>,
    /// False: none fits.
    exists: bool,
}

/// What is true of one attachment.
#[derive(Debug, Default)]
struct One {
    name: Option<Test>,
    /// By content.
    kind: Option<Test>,
    declared: Option<Test>,
    size: Option<Range>,
    not: Option<Box<One>>,
}

impl Attachment {
    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        let table = value.table("{ name = { wildcard = \"*.exe\" } }")?;
        table.only(KEYS);
        if table.is_empty() {
            table.complain("tests nothing: any attachment is exists = true");
        }
        let count = match table.get("count") {
            Some(count) => Some(Range::read(&count, Unit::Number, &["equals"])?),
            None => None,
        };
        let exists = table.get("exists").map_or(Some(true), |exists| exists.bool())?;
        if count.is_some() && !exists {
            table.complain("exists = false leaves nothing to count");
        }
        Some(Self { one: One::read(&table)?, count, exists })
    }

    pub(super) fn holds(&self, letter: &Letter<'_>) -> bool {
        let fits = |attached: &&Attached| self.one.fits(attached, letter.needles);
        match &self.count {
            Some(count) => count.holds(letter.attachments().iter().filter(fits).count() as f64),
            None => letter.attachments().iter().any(|attached| fits(&attached)) == self.exists,
        }
    }

    pub(super) fn explain(&self, letter: &Letter<'_>) -> String {
        let fits = |attached: &&Attached| self.one.fits(attached, letter.needles);
        let attached = letter.attachments();
        if let Some(count) = &self.count {
            return count.explain("attachments", Some(attached.iter().filter(fits).count() as f64));
        }
        let found = attached.iter().find(fits);
        let label = found.map(|found| format!(" \"{}\"", found.label())).unwrap_or_default();
        let what = self.one.explain(found, letter.needles);
        let what = if what.is_empty() { "exists".to_owned() } else { what };
        format!("{}attachment{label} {what}", if self.exists { "" } else { "no " })
    }
}

impl One {
    fn read(table: &Table<'_>) -> Option<Self> {
        let test = |key: &str| match table.get(key) {
            Some(value) => Test::read(&value, &[]).map(Some),
            None => Some(None),
        };
        if let Some(value) = table.get("type") {
            // A text that no content has would never match, and nobody would notice.
            let equals = value.as_table().map_or(Some(value), |table| table.get("equals"));
            equals.map(|equals| equals.texts(magic::check));
        }
        let size = match table.get("size") {
            Some(size) => Some(Range::read(&size, Unit::Bytes, &[])?),
            None => None,
        };
        let not = match table.get("not") {
            Some(not) => {
                let table = not.table("{ name = \"setup.exe\" }")?;
                table.only(KEYS_OF_ONE);
                if table.is_empty() {
                    table.complain("tests nothing");
                }
                Some(Box::new(Self::read(&table)?))
            }
            None => None,
        };
        Some(Self { name: test("name")?, kind: test("type")?, declared: test("declared-type")?, size, not })
    }

    fn fits(&self, attached: &Attached, needles: &Needles) -> bool {
        holds(self.name.as_ref(), needles, || attached.names())
            && holds(self.declared.as_ref(), needles, || attached.declared())
            && self.size.as_ref().is_none_or(|range| range.holds(attached.size()))
            && holds(self.kind.as_ref(), needles, || attached.types())
            && self.not.as_ref().is_none_or(|not| !not.fits(attached, needles))
    }

    /// With what is found in the attachment that fits, if one does.
    fn explain(&self, attached: Option<&Attached>, needles: &Needles) -> String {
        let mut said = Vec::new();
        let mut tell = |what: &str, test: &Option<Test>, values: fn(&Attached) -> &[Text]| {
            if let Some(test) = test {
                said.push(test.explain(what, attached.map(values).unwrap_or_default(), needles));
            }
        };
        tell("name", &self.name, Attached::names);
        tell("declared-type", &self.declared, Attached::declared);
        tell("type", &self.kind, Attached::types);
        if let Some(size) = &self.size {
            said.push(size.explain("size", attached.map(Attached::size)));
        }
        if let Some(not) = &self.not {
            said.push(format!("not {}", not.explain(None, needles)));
        }
        said.join(", ")
    }
}

/// A test that is not asked holds. The values are fetched for one that is.
fn holds<'v>(test: Option<&Test>, needles: &Needles, values: impl FnOnce() -> &'v [Text]) -> bool {
    test.is_none_or(|test| test.holds(values(), needles))
}
