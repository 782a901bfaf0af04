//! `[[filter]]`: names and types only; components come with the filter chain.

use super::suggest::nearest;
use super::table::Section;
use super::*;

/// Filters that come with the server.
const BUILTIN: &[&str] = &["access", "virus", "content", "spam"];

pub(super) fn filters(root: &Section<'_>) -> Vec<Filter> {
    let mut filters: Vec<Filter> = Vec::new();
    for s in root.sections("filter") {
        for name in ["name", "component"] {
            if s.get(name).is_none() {
                s.error(name, "is missing: each [[filter]] has a name and a component");
            }
        }
        let name = s.text("name", "");
        if let Some(entry) = s.get("name")
            && filters.iter().any(|other| other.name == name)
        {
            entry.error(format!("there are two filters \"{name}\"; each needs a name of its own"));
        }
        let component = s.text("component", "");
        check_component(&s, &component);
        let on_failure = [("defer", OnFailure::Defer), ("pass", OnFailure::Pass), ("reject", OnFailure::Reject)];
        let filter = Filter {
            on_failure: s.choice("on-failure", &on_failure, defaults::filter::ON_FAILURE),
            deadline: s.finite("deadline", defaults::filter::DEADLINE),
            memory: s.size("memory", defaults::filter::MEMORY),
            shadow: s.bool("shadow", false),
            always: s.bool("always", false),
            grants: s.get("grants").map_or(toml::Value::Array(Vec::new()), |entry| plain(entry.value)),
            settings: match s.get("settings").map(|entry| (plain(entry.value), entry)) {
                Some((toml::Value::Table(table), _)) => table,
                Some((_, entry)) => {
                    entry.error("is no table: write settings = { … } or [filter.settings]");
                    toml::Table::new()
                }
                None => toml::Table::new(),
            },
            name,
            component,
        };
        s.reader.warn(
            s.at,
            &s.path,
            format!("this version does not run filters yet: all mail passes \"{}\" unfiltered", filter.name),
        );
        filters.push(filter);
        s.finish();
    }
    filters
}

fn check_component(s: &Section<'_>, component: &str) {
    let Some(entry) = s.get("component") else { return };
    if let Some(name) = component.strip_prefix("builtin:") {
        if !BUILTIN.contains(&name) {
            entry.error(match nearest(name, BUILTIN.iter().copied()) {
                Some(near) => format!("there is no built-in filter \"{name}\"; did you mean \"builtin:{near}\"?"),
                None => format!("there is no built-in filter \"{name}\"; known are: {}", BUILTIN.join(", ")),
            });
        }
    } else if component.starts_with("oci://") {
        if !component.contains("@sha256:") {
            entry.error("names no digest: write \"oci://registry/name@sha256:…\", so that nobody can exchange it");
        }
    } else if !component.is_empty() {
        let file = s.reader.resolve(component);
        if !file.is_file() {
            entry.warn(format!("there is no file {}", file.display()));
        }
    }
}

/// A value without its places.
fn plain(value: &toml::de::DeValue<'_>) -> toml::Value {
    use toml::de::DeValue;
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(number) => {
            toml::Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_default())
        }
        DeValue::Float(number) => toml::Value::Float(number.as_str().parse().unwrap_or_default()),
        DeValue::Boolean(value) => toml::Value::Boolean(*value),
        DeValue::Datetime(date) => toml::Value::Datetime(*date),
        DeValue::Array(items) => toml::Value::Array(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => toml::Value::Table(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), plain(value.get_ref()))).collect(),
        ),
    }
}
