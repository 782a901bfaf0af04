//! One value of the file on its way into the configuration: its type, its unit, its choices; what is
//! wrong with it is noted with its line.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::suggest::nearest;
use super::table::{Reader, Section};
use super::units;

/// One value with its place.
pub(crate) struct Entry<'a> {
    pub(crate) reader: &'a Reader<'a>,
    pub(crate) path: String,
    pub(crate) at: usize,
    pub(crate) value: &'a DeValue<'a>,
}

impl<'a> Entry<'a> {
    pub(crate) fn error(&self, message: impl Into<String>) {
        self.reader.error(Some(self.at), &self.path, message);
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.reader.warn(Some(self.at), &self.path, message);
    }

    fn mismatch<T>(&self, wanted: &str) -> Option<T> {
        self.error(format!("is {}, not {wanted}", describe(self.value)));
        None
    }

    fn name(&self) -> &str {
        // A quoted name may hold dots.
        let quoted = self.path.strip_suffix('"').and_then(|path| self.path.get(path.rfind('"')?..));
        quoted.or_else(|| self.path.rsplit('.').next()).unwrap_or(&self.path)
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.mismatch(&format!("true or false: write {} = true, without quotes", self.name())),
        }
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => self.mismatch(&format!("a text: write {} = \"…\"", self.name())),
        }
    }

    pub(crate) fn size(&self) -> Option<u64> {
        match self.value {
            DeValue::String(text) => self.checked(units::parse_size(text)),
            DeValue::Integer(number) if number.as_str() == "0" => Some(0),
            DeValue::Integer(number) => {
                self.error(format!("{number} has no unit: write \"{number}MiB\", or \"{number}B\" for bytes"));
                None
            }
            _ => self.mismatch("a size: write a text with a unit, as in \"25MiB\", or 0"),
        }
    }

    pub(crate) fn duration(&self) -> Option<Duration> {
        match self.value {
            DeValue::String(text) => self.checked(units::parse_duration(text)),
            DeValue::Integer(number) if number.as_str() == "0" => Some(Duration::ZERO),
            DeValue::Integer(number) => {
                self.error(format!(
                    "{number} has no unit: write \"{number}s\" for seconds or \"{number}m\" for minutes"
                ));
                None
            }
            _ => self.mismatch("a time: write a text with a unit, as in \"5m\", or 0"),
        }
    }

    pub(crate) fn count<T: TryFrom<i64>>(&self) -> Option<T> {
        let DeValue::Integer(number) = self.value else {
            return self.mismatch(&format!("a whole number: write {} = 100, without quotes", self.name()));
        };
        let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
        match parsed {
            Some(value) if value < 0 => {
                self.error(format!("{value} is below 0; 0 means unlimited"));
                None
            }
            Some(value) if value <= i64::from(u32::MAX) => T::try_from(value).ok(),
            _ => {
                self.error(format!("{number} is above {}; 0 means unlimited", u32::MAX));
                None
            }
        }
    }

    pub(crate) fn float(&self) -> Option<f64> {
        let value = match self.value {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => return self.mismatch(&format!("a number: write {} = 5.0, without quotes", self.name())),
        };
        match value {
            Some(value) if f64::is_finite(value) => Some(value),
            _ => {
                self.error("is not a number that can be compared");
                None
            }
        }
    }

    pub(crate) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name);
        let all = names().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let DeValue::String(text) = self.value else {
            return self.mismatch(&format!("one of {all}"));
        };
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == &**text) {
            return Some(*value);
        }
        self.error(match nearest(text, names()) {
            Some(near) => format!("\"{text}\" is none of {all}; did you mean \"{near}\"?"),
            None => format!("\"{text}\" is none of {all}"),
        });
        None
    }

    pub(crate) fn list<T>(&self, each: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        match self.value {
            DeValue::String(text) => self.checked(each(text)).into_iter().collect(),
            DeValue::Array(items) => items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| {
                    let item = self.item(index, item);
                    let DeValue::String(text) = item.value else { return item.mismatch("a text in quotes") };
                    item.checked(each(text))
                })
                .collect(),
            _ => {
                self.mismatch::<()>(&format!("a list: write {} = [\"…\", \"…\"]", self.name()));
                Vec::new()
            }
        }
    }

    /// As a table; anything else is an error and reads as an empty one.
    pub(crate) fn section(self) -> Section<'a> {
        let table = match self.value {
            DeValue::Table(table) => Some(table),
            _ => {
                self.mismatch::<()>(&format!("a table: write {} = {{ … }} or [{}]", self.name(), self.path));
                None
            }
        };
        Section { reader: self.reader, path: self.path, table, at: Some(self.at) }
    }

    pub(crate) fn item(&self, index: usize, item: &'a Spanned<DeValue<'a>>) -> Entry<'a> {
        Entry {
            reader: self.reader,
            path: format!("{}[{index}]", self.path),
            at: item.span().start,
            value: item.get_ref(),
        }
    }

    pub(crate) fn items(&self) -> Vec<Entry<'a>> {
        match self.value {
            DeValue::Array(items) => items.iter().enumerate().map(|(index, item)| self.item(index, item)).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn checked<T>(&self, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.error(message)).ok()
    }
}

/// For messages: what stands there instead.
pub(crate) fn describe(value: &DeValue<'_>) -> String {
    const SHOWN_CHARACTERS_MAX: usize = 40;
    match value {
        DeValue::String(text) if text.chars().count() <= SHOWN_CHARACTERS_MAX => format!("the text {text:?}"),
        DeValue::String(_) => "a text".into(),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}
