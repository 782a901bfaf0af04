//! A table of the file on its way into the configuration: typed reading that notes every problem
//! with its line and goes on, and remembers which names it was asked for, so that the others are errors.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::Network;
use super::entry::{Entry, describe};
use super::read::Problem;
use super::suggest::nearest;

/// The file and all that was found wrong with it.
pub(crate) struct Reader<'a> {
    /// As the operator named it.
    file: &'a Path,
    /// The same, absolute: where relative paths start.
    absolute: &'a Path,
    text: &'a str,
    errors: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    /// Keys nobody asked for: path of the table, name, offset.
    unknown: RefCell<Vec<(String, String, usize)>>,
    /// Names asked for, by table.
    known: RefCell<BTreeMap<String, Vec<&'static str>>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a Path, absolute: &'a Path, text: &'a str) -> Self {
        Self {
            file,
            absolute,
            text,
            errors: RefCell::default(),
            warnings: RefCell::default(),
            unknown: RefCell::default(),
            known: RefCell::default(),
        }
    }

    pub(crate) fn root(&'a self, table: &'a DeTable<'a>) -> Section<'a> {
        Section { reader: self, path: String::new(), table: Some(table), at: None }
    }

    /// A path of the file, relative to the folder the file lies in.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        // Through its components, so that `data-dir = "."` is shown as the folder itself.
        self.absolute.parent().unwrap_or(Path::new("")).join(path).components().collect()
    }

    pub(crate) fn error(&self, at: Option<usize>, key: &str, message: impl Into<String>) {
        self.errors.borrow_mut().push(self.problem(at, key, message.into()));
    }

    pub(crate) fn warn(&self, at: Option<usize>, key: &str, message: impl Into<String>) {
        self.warnings.borrow_mut().push(self.problem(at, key, message.into()));
    }

    /// Errors and warnings in the order of their lines; those without a line first.
    pub(crate) fn into_problems(self) -> (Vec<Problem>, Vec<Problem>) {
        let known = self.known.take();
        for (path, name, at) in self.unknown.take() {
            let message = unknown_key(&known, &path, &name);
            self.error(Some(at), &join(&path, &name), message);
        }
        let (mut errors, mut warnings) = (self.errors.into_inner(), self.warnings.into_inner());
        for problems in [&mut errors, &mut warnings] {
            problems.sort_by_key(|problem| problem.line);
            // A value may be asked for twice.
            problems.dedup();
        }
        (errors, warnings)
    }

    fn problem(&self, at: Option<usize>, key: &str, message: String) -> Problem {
        let line = at.map(|at| line_of(self.text, at));
        Problem { file: self.file.to_owned(), line, key: key.to_owned(), message }
    }
}

/// The line of a byte offset, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// What to say about a key nobody asked for.
fn unknown_key(known: &BTreeMap<String, Vec<&'static str>>, path: &str, name: &str) -> String {
    let siblings = known.get(path).map(Vec::as_slice).unwrap_or_default();
    let place = if path.is_empty() { "at the top of the file".into() } else { format!("in {path}") };
    if let Some(near) = nearest(name, siblings.iter().copied()) {
        return format!("unknown key {place}; did you mean \"{near}\"?");
    }
    let elsewhere: Vec<&str> =
        known.iter().filter(|(_, names)| names.contains(&name)).map(|(path, _)| path.as_str()).collect();
    match elsewhere.first() {
        Some(&"") => {
            format!("unknown key {place}; \"{name}\" belongs at the top of the file, before the first [table]")
        }
        Some(path) => {
            let table = path.split_once('[').map_or_else(|| format!("[{path}]"), |(list, _)| format!("[[{list}]]"));
            format!("unknown key {place}; \"{name}\" belongs in {table}")
        }
        None => {
            let mut names = siblings.to_vec();
            names.sort_unstable();
            format!("unknown key {place}; known are: {}", names.join(", "))
        }
    }
}

/// `smtp` and `max-errors` make `smtp.max-errors`; what is no bare key is quoted.
pub(crate) fn join(path: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let name = if bare { name.to_owned() } else { format!("\"{}\"", name.escape_default()) };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// One table, present or not.
pub(crate) struct Section<'a> {
    pub(crate) reader: &'a Reader<'a>,
    pub(crate) path: String,
    pub(crate) table: Option<&'a DeTable<'a>>,
    /// Offset of what opened it.
    pub(crate) at: Option<usize>,
}

impl<'a> Section<'a> {
    /// Whether the file has this table.
    pub(crate) fn written(&self) -> bool {
        self.table.is_some()
    }

    pub(crate) fn get(&self, name: &'static str) -> Option<Entry<'a>> {
        self.reader.known.borrow_mut().entry(self.path.clone()).or_default().push(name);
        self.entries().find(|(key, _)| *key == name).map(|(_, entry)| entry)
    }

    /// All keys as they stand, for tables whose keys are the operator's.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, Entry<'a>)> + use<'a> {
        let (reader, path) = (self.reader, self.path.clone());
        self.table.into_iter().flat_map(|table| table.iter()).map(move |(key, value)| {
            let name: &'a str = key.get_ref();
            let entry = Entry { reader, path: join(&path, name), at: key.span().start, value: value.get_ref() };
            (name, entry)
        })
    }

    pub(crate) fn error(&self, name: &str, message: impl Into<String>) {
        self.reader.error(self.at, &join(&self.path, name), message);
    }

    pub(crate) fn bool(&self, name: &'static str, default: bool) -> bool {
        self.get(name).and_then(|entry| entry.bool()).unwrap_or(default)
    }

    pub(crate) fn text(&self, name: &'static str, default: &str) -> String {
        self.get(name).and_then(|entry| entry.text()).unwrap_or(default).to_owned()
    }

    pub(crate) fn size(&self, name: &'static str, default: u64) -> u64 {
        self.get(name).and_then(|entry| entry.size()).unwrap_or(default)
    }

    /// 0 is allowed.
    pub(crate) fn duration(&self, name: &'static str, default: Duration) -> Duration {
        self.get(name).and_then(|entry| entry.duration()).unwrap_or(default)
    }

    /// For waits that must end.
    pub(crate) fn finite(&self, name: &'static str, default: Duration) -> Duration {
        let Some(entry) = self.get(name) else { return default };
        match entry.duration() {
            Some(time) if time.is_zero() => {
                entry.error("must be more than 0, because this wait has to end; leave the key out for the default");
                default
            }
            Some(time) => time,
            None => default,
        }
    }

    pub(crate) fn count<T: TryFrom<i64>>(&self, name: &'static str, default: T) -> T {
        self.get(name).and_then(|entry| entry.count()).unwrap_or(default)
    }

    pub(crate) fn float(&self, name: &'static str, default: f64) -> f64 {
        self.get(name).and_then(|entry| entry.float()).unwrap_or(default)
    }

    pub(crate) fn choice<T: Copy>(&self, name: &'static str, choices: &[(&'static str, T)], default: T) -> T {
        self.get(name).and_then(|entry| entry.choice(choices)).unwrap_or(default)
    }

    pub(crate) fn file(&self, name: &'static str, default: &str) -> PathBuf {
        self.reader.resolve(&self.text(name, default))
    }

    /// Strings, each read by `each`; a single string counts as a list of one.
    pub(crate) fn list<T>(
        &self,
        name: &'static str,
        default: Vec<T>,
        each: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        self.get(name).map_or(default, |entry| entry.list(each))
    }

    pub(crate) fn networks(&self, name: &'static str, default: Vec<Network>) -> Vec<Network> {
        let Some(entry) = self.get(name) else { return default };
        let networks = entry.list(super::network::parse);
        for network in &networks {
            if network.first() != network.address {
                entry.warn(format!("{}/{} means {network}", network.address, network.prefix));
            }
        }
        networks
    }

    /// A table below this one.
    pub(crate) fn section(&self, name: &'static str) -> Section<'a> {
        let entry = self.get(name);
        let path = join(&self.path, name);
        match entry {
            Some(entry) => entry.section(),
            None => Section { reader: self.reader, path, table: None, at: self.at },
        }
    }

    /// `[[name]]`
    pub(crate) fn sections(&self, name: &'static str) -> Vec<Section<'a>> {
        let Some(entry) = self.get(name) else { return Vec::new() };
        let DeValue::Array(items) = entry.value else {
            entry.error(format!("is {}: write [[{name}]] with double brackets", describe(entry.value)));
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, item)| entry.item(index, item).section()).collect()
    }

    /// Names nobody asked for become errors.
    pub(crate) fn finish(self) {
        let known = self.reader.known.borrow();
        let names = known.get(&self.path);
        for (name, entry) in self.entries() {
            if !names.is_some_and(|names| names.contains(&name)) {
                self.reader.unknown.borrow_mut().push((self.path.clone(), name.to_owned(), entry.at));
            }
        }
    }
}
