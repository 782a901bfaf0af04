//! A table and a value of the file: asked for a type, a value answers or complains.

use std::rc::Rc;

use postwarden_filter::nearest;
use toml::de::{DeTable, DeValue};

use super::{Reader, units};

/// Texts in one list.
const LIST_MAX: usize = 10_000;
/// Bytes of one text.
const TEXT_BYTES_MAX: usize = 4096;
/// Characters of a value that are repeated in a complaint.
const SHOWN_CHARACTERS_MAX: usize = 40;

pub(crate) struct Table<'a> {
    pub(crate) reader: &'a Reader<'a>,
    /// `rule "casino": `, or nothing outside of rules.
    pub(crate) rule: Rc<str>,
    pub(crate) path: String,
    pub(crate) table: &'a DeTable<'a>,
    pub(crate) at: usize,
}

impl<'a> Table<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<Value<'a>> {
        self.values().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// In alphabetical order.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a, '_> {
        self.table.iter().map(|(key, value)| {
            let path = match self.path.as_str() {
                "" => key.get_ref().to_string(),
                path => format!("{path}.{}", key.get_ref()),
            };
            let at = key.span().start;
            let value = Value { reader: self.reader, rule: Rc::clone(&self.rule), path, at, value: value.get_ref() };
            (&**key.get_ref(), value)
        })
    }

    /// Complains about names that nobody knows here.
    pub(crate) fn only(&self, known: &[&str]) {
        for (name, value) in self.values().filter(|(name, _)| !known.contains(name)) {
            value.complain(match nearest(name, known.iter().copied()) {
                Some(near) => format!("unknown key; did you mean \"{near}\"?"),
                None => format!("unknown key; known are: {}", known.join(", ")),
            });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(crate) fn complain(&self, message: impl AsRef<str>) {
        complain(self.reader, self.at, &self.rule, &self.path, message.as_ref());
    }
}

pub(crate) struct Value<'a> {
    pub(crate) reader: &'a Reader<'a>,
    rule: Rc<str>,
    path: String,
    pub(crate) at: usize,
    value: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    pub(crate) fn complain(&self, message: impl AsRef<str>) {
        complain(self.reader, self.at, &self.rule, &self.path, message.as_ref());
    }

    fn mismatch<T>(&self, wanted: &str) -> Option<T> {
        self.complain(format!("is {}, not {wanted}", describe(self.value)));
        None
    }

    fn is<T>(&self, read: Result<T, String>) -> Option<T> {
        read.map_err(|message| self.complain(message)).ok()
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.mismatch("true or false, without quotes"),
        }
    }

    pub(crate) fn as_text(&self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        let text = match self.as_text() {
            Some(text) => text,
            None => return self.mismatch("a text in quotes"),
        };
        if text.len() > TEXT_BYTES_MAX {
            self.complain(format!("has more than {TEXT_BYTES_MAX} bytes"));
            return None;
        }
        Some(text)
    }

    /// One text or a list of them, each read by `each`; what does not read is left out and complained about.
    pub(crate) fn texts<T>(&self, mut each: impl FnMut(&'a str) -> Result<T, String>) -> Vec<T> {
        let items = match self.items() {
            Some(items) if items.len() > LIST_MAX => {
                self.complain(format!("has more than {LIST_MAX} entries"));
                return Vec::new();
            }
            Some(items) if items.is_empty() => {
                self.complain("is an empty list: leave the key out");
                return Vec::new();
            }
            Some(items) => items,
            None if self.as_text().is_some() => {
                return self.text().and_then(|text| self.is(each(text))).into_iter().collect();
            }
            None => {
                self.mismatch::<()>("a text or a list of texts");
                return Vec::new();
            }
        };
        items.iter().filter_map(|item| item.text().and_then(|text| item.is(each(text)))).collect()
    }

    /// The values of a list; none: it is no list.
    pub(crate) fn items(&self) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.value else { return None };
        let item = |(index, item): (usize, &'a toml::Spanned<DeValue<'a>>)| Value {
            reader: self.reader,
            rule: Rc::clone(&self.rule),
            path: format!("{}[{index}]", self.path),
            at: item.span().start,
            value: item.get_ref(),
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    pub(crate) fn as_table(&self) -> Option<Table<'a>> {
        let DeValue::Table(table) = self.value else { return None };
        let (rule, path) = (Rc::clone(&self.rule), self.path.clone());
        Some(Table { reader: self.reader, rule, path, table, at: self.at })
    }

    pub(crate) fn table(&self, example: &str) -> Option<Table<'a>> {
        self.as_table().or_else(|| self.mismatch(&format!("a table: write {example}")))
    }

    pub(crate) fn number(&self) -> Option<f64> {
        let number = match self.value {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => return self.mismatch("a number, without quotes"),
        };
        match number {
            Some(number) if f64::is_finite(number) => Some(number),
            _ => self.mismatch("a number that can be compared"),
        }
    }

    /// Bytes.
    pub(crate) fn size(&self) -> Option<f64> {
        match self.value {
            DeValue::String(text) => self.is(units::size(text)),
            DeValue::Integer(number) if number.as_str() == "0" => Some(0.0),
            DeValue::Integer(number) => {
                self.is(Err(format!("{number} has no unit: write \"{number}KiB\", or \"{number}B\" for bytes")))
            }
            _ => self.mismatch("a size: write a text with a unit, as in \"128KiB\""),
        }
    }

    pub(crate) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, chosen)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*chosen);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let near = nearest(text, names.iter().copied());
        let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        self.complain(format!("{} is none of {}{near}", describe(self.value), names.join(", ")));
        None
    }
}

fn complain(reader: &Reader<'_>, at: usize, rule: &str, path: &str, message: &str) {
    let colon = if path.is_empty() { "" } else { ": " };
    reader.complain(at, &format!("{rule}{path}{colon}{message}"));
}

/// What stands there instead.
fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() <= SHOWN_CHARACTERS_MAX => format!("the text {text:?}"),
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
