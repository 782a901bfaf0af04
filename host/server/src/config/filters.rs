//! `[[filter]]`: the chain, in the order of the file. Reads names, budgets, grants and settings; loads no component.

use postwarden_sandbox::{Cause, Grants, Limits};
use serde_json::Value;
use toml::de::DeValue;

use super::entry::Entry;
use super::suggest::nearest;
use super::table::{Section, join};
use super::*;

/// Filters that come with the server.
const BUILTIN: &[&str] = &["access", "virus", "content", "spam", "clamd"];

const ACTIONS: &[(&str, FailureAction)] =
    &[("defer", FailureAction::Defer), ("pass", FailureAction::Pass), ("reject", FailureAction::Reject)];

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
        let component = component(&s);
        filters.push(Filter {
            on_failure: on_failure(&s),
            limits: limits(&s, &component),
            breaker: breaker(s.section("breaker")),
            shadow: s.bool("shadow", false),
            always: s.bool("always", false),
            canary: canary(&s),
            self_test: self_test(&s),
            refresh: s.duration("refresh", defaults::FILTER_REFRESH),
            grants: grants(&s, &component),
            settings: settings(&s),
            component,
            name,
        });
        if let Some(filter) = filters.last_mut() {
            grant_named_files(&s, filter);
        }
        s.finish();
    }
    filters
}

/// As it is loaded: paths absolute.
fn component(s: &Section<'_>) -> String {
    let written = s.text("component", "");
    let Some(entry) = s.get("component") else { return written };
    if let Some(name) = written.strip_prefix("builtin:") {
        if crate::filters::builtin(name).is_some() {
            return written;
        }
        if BUILTIN.contains(&name) {
            entry.warn("is not in this build: mail passes it unfiltered");
        } else {
            entry.error(match nearest(name, BUILTIN.iter().copied()) {
                Some(near) => format!("there is no built-in filter \"{name}\"; did you mean \"builtin:{near}\"?"),
                None => format!("there is no built-in filter \"{name}\"; known are: {}", BUILTIN.join(", ")),
            });
        }
        return written;
    }
    if written.starts_with("oci://") {
        entry.error(match written.contains("@sha256:") {
            false => "names no digest: write \"oci://registry/name@sha256:…\", so that nobody can exchange it",
            true => "cannot be fetched by this version: download the component and name its path",
        });
        return written;
    }
    if written.is_empty() {
        return written;
    }
    let file = s.reader.resolve(&written);
    if !file.is_file() {
        entry.warn(format!("there is no file {}", file.display()));
    }
    file.display().to_string()
}

fn on_failure(s: &Section<'_>) -> OnFailure {
    let default = OnFailure::default();
    let Some(entry) = s.get("on-failure") else { return default };
    if !matches!(entry.value, DeValue::Table(_)) {
        return OnFailure { default: entry.choice(ACTIONS).unwrap_or(default.default), ..default };
    }
    let s = entry.section();
    let chosen = OnFailure {
        default: s.choice("default", ACTIONS, default.default),
        by_cause: Cause::ALL
            .into_iter()
            .filter_map(|cause| Some((cause, s.get(cause.name())?.choice(ACTIONS)?)))
            .collect(),
    };
    s.finish();
    chosen
}

fn limits(s: &Section<'_>, component: &str) -> Limits {
    let d = crate::filters::builtin_limits(component.strip_prefix("builtin:").unwrap_or_default());
    Limits {
        deadline: s.finite("deadline", d.deadline),
        cpu: s.finite("cpu", d.cpu),
        configure_deadline: s.finite("configure-deadline", d.configure_deadline),
        memory: size(s, "memory", d.memory),
        table_elements: count(s, "table-elements", d.table_elements),
        instances: count(s, "instances", d.instances),
        host_calls: count(s, "host-calls", d.host_calls),
        returned_bytes: size(s, "returned-bytes", d.returned_bytes),
        handles: count(s, "handles", d.handles),
        log_lines: count(s, "log-lines", d.log_lines),
        log_bytes: size(s, "log-bytes", d.log_bytes),
        edits: count(s, "edits", d.edits),
        edit_bytes: size(s, "edit-bytes", d.edit_bytes),
        scores: count(s, "scores", d.scores),
        note_bytes: size(s, "note-bytes", d.note_bytes),
        dns_queries: count(s, "dns-queries", d.dns_queries),
        connections: count(s, "connections", d.connections),
    }
}

fn size(s: &Section<'_>, name: &'static str, default: u64) -> u64 {
    above_zero(s, name, s.size(name, default), default)
}

fn count<T: TryFrom<i64> + Copy + Default + PartialEq>(s: &Section<'_>, name: &'static str, default: T) -> T {
    above_zero(s, name, s.count(name, default), default)
}

/// Elsewhere 0 means unlimited; no filter is.
fn above_zero<T: Default + PartialEq>(s: &Section<'_>, name: &'static str, value: T, default: T) -> T {
    if value != T::default() {
        return value;
    }
    if let Some(entry) = s.get(name) {
        entry.error("must be more than 0, because no filter is without limits; leave the key out for the default");
    }
    default
}

fn breaker(s: Section<'_>) -> FilterBreaker {
    let d = FilterBreaker::default();
    let breaker = FilterBreaker {
        failures: s.count("failures", d.failures),
        within: s.finite("within", d.within),
        pause: s.finite("pause", d.pause),
    };
    s.finish();
    breaker
}

fn canary(s: &Section<'_>) -> Option<FilterCanary> {
    let s = s.get("canary")?.section();
    if s.get("component").is_none() && s.written() {
        s.error("component", "is missing: write canary = { component = \"new.wasm\", share = 0.05 }");
    }
    let canary = FilterCanary { component: component(&s), share: s.float("share", defaults::CANARY_SHARE) };
    if let Some(entry) = s.get("share")
        && !(0.0..=1.0).contains(&canary.share)
    {
        entry.error(format!("{} is no share: write a number between 0 and 1, as in 0.05", canary.share));
    }
    s.finish();
    Some(canary)
}

fn self_test(s: &Section<'_>) -> Option<PathBuf> {
    let entry = s.get("self-test")?;
    let folder = s.reader.resolve(&s.text("self-test", ""));
    if !folder.is_dir() {
        entry.warn(format!("there is no folder {}", folder.display()));
    }
    Some(folder)
}

fn grants(s: &Section<'_>, component: &str) -> Grants {
    let Some(entry) = s.get("grants") else { return Grants::default() };
    let mut value = plain(&entry);
    sizes_of_buckets(&mut value, &entry);
    match Grants::read_with(&value, crate::filters::bucket_bytes(component)) {
        Ok(mut grants) => {
            for path in grants.files.values_mut() {
                let file = s.reader.resolve(path);
                if !file.exists() {
                    entry.warn(format!("there is no file or folder {}", file.display()));
                }
                *path = file.display().to_string();
            }
            grants
        }
        Err(errors) => {
            errors.into_iter().for_each(|error| entry.error(error));
            Grants::default()
        }
    }
}

/// `{ state = { shared = "4MiB" } }`: sizes are written as everywhere else.
fn sizes_of_buckets(grants: &mut Value, entry: &Entry<'_>) {
    let items = match grants {
        Value::Array(items) => items.as_mut_slice(),
        item => std::slice::from_mut(item),
    };
    for bucket in items
        .iter_mut()
        .filter_map(|item| item.get_mut("state")?.as_object_mut())
        .flat_map(|buckets| buckets.values_mut())
    {
        if let Some(Ok(bytes)) = bucket.as_str().map(units::parse_size) {
            *bucket = bytes.into();
        } else if let Some(text) = bucket.as_str() {
            entry.error(format!("\"{text}\" is no size: write a number with a unit, as in \"4MiB\""));
            *bucket = 0.into();
        }
    }
}

fn settings(s: &Section<'_>) -> serde_json::Map<String, Value> {
    let Some(entry) = s.get("settings") else { return serde_json::Map::new() };
    match plain(&entry) {
        Value::Object(settings) => settings,
        _ => {
            entry.error("is no table: write settings = { … } or [filter.settings]");
            serde_json::Map::new()
        }
    }
}

/// The files that the settings of a built-in filter name, under the name that is written there.
fn grant_named_files(s: &Section<'_>, filter: &mut Filter) {
    let Some(name) = filter.component.strip_prefix("builtin:") else { return };
    filter.grants.optional = crate::filters::builtin_optional(name);
    let Some(entry) = s.get("settings") else { return };
    for key in crate::filters::builtin_files(name) {
        let Some(written) = filter.settings.get(*key).and_then(Value::as_str) else { continue };
        let file = s.reader.resolve(written);
        if !file.exists() {
            entry.warn(format!("{key} = \"{written}\": there is no file {}", file.display()));
        }
        filter.grants.files.entry(written.to_owned()).or_insert_with(|| file.display().to_string());
    }
}

/// A value without its places, as JSON.
fn plain(entry: &Entry<'_>) -> Value {
    match entry.value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.into(),
            Err(_) => {
                entry.error(format!("{number} is too large"));
                Value::Null
            }
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(serde_json::Number::from_f64) {
            Some(number) => Value::Number(number),
            None => {
                entry.error("is not a number that can be handed on");
                Value::Null
            }
        },
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(_) => Value::Array(entry.items().iter().map(plain).collect()),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| {
                let name: &str = key.get_ref();
                let path = join(&entry.path, name);
                let below = Entry { reader: entry.reader, path, at: key.span().start, value: value.get_ref() };
                (name.to_owned(), plain(&below))
            })
            .collect(),
    }
}
