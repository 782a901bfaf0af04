//! Values of the rules file on their way into rules: typed reading that notes every complaint with file, line, rule and
//! key, and goes on. Knows no condition and no action.

mod table;
mod units;

use std::cell::RefCell;
use std::rc::Rc;

use postwarden_filter::{Problem, Problems};
use toml::de::DeTable;

pub(crate) use table::{Table, Value};

use crate::needles::Builder;

/// Complaints told at once; the rest is a number.
const COMPLAINTS_MAX: usize = 100;
/// Bytes of a rules file.
pub(crate) const FILE_BYTES_MAX: usize = 4 << 20;

/// The file, what is wrong with it, and what all rules together look for.
pub(crate) struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    /// Where its lines end.
    line_ends: Vec<usize>,
    complaints: RefCell<Vec<(usize, String)>>,
    pub(crate) needles: RefCell<Builder>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        Self { name, text, line_ends, complaints: RefCell::default(), needles: RefCell::default() }
    }

    /// The whole file; none: it is no TOML.
    pub(crate) fn parse(&self) -> Option<DeTable<'a>> {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            self.complain(at, &format!("this is not TOML: {}", error.message().replace('\n', "; ")));
        }
        errors.is_empty().then(|| root.into_inner())
    }

    pub(crate) fn root(&'a self, table: &'a DeTable<'a>) -> Table<'a> {
        Table { reader: self, rule: Rc::from(""), path: String::new(), table, at: 0 }
    }

    /// From 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.line_ends.partition_point(|end| *end < at).saturating_add(1)
    }

    pub(crate) fn complain(&self, at: usize, message: &str) {
        self.complaints.borrow_mut().push((at, message.to_owned()));
    }

    /// In the order of lines, under the setting that names the file.
    pub(crate) fn into_problems(self, setting: &str) -> Problems {
        let mut complaints = self.complaints.take();
        complaints.sort();
        complaints.dedup();
        let problem = |message: String| Problem::new(format!("/{setting}"), message);
        let told = complaints.iter().take(COMPLAINTS_MAX);
        let mut problems: Problems =
            told.map(|(at, message)| problem(format!("{}:{}: {message}", self.name, self.line(*at)))).collect();
        let more = complaints.len().saturating_sub(COMPLAINTS_MAX);
        if more > 0 {
            problems.push(problem(format!("{}: {more} more", self.name)));
        }
        problems
    }
}
