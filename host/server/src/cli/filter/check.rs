//! `postwarden filter check`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use postwarden_sandbox::TRACK;
use postwarden_toolchain::inspect::{Interface, Interfaces};
use serde_json::{Value, json};

use super::run::AsGranted;
use crate::cli::failure::{Failure, REFUSED};
use crate::cli::output::Output;
use crate::cli::serve::runtime;
use crate::config::units;
use crate::workbench::subject::{HARMLESS, Written, component_of, project_in};

/// Tells what a component is and whether a server would load it: hooks, imports, the grants it needs, size, snapshot;
/// or what stops it and what to do then. Runs its `configure`, and nothing else of it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden filter check footer.wasm
  postwarden filter check .                       the project in this folder, with its settings
  postwarden filter check footer.wasm --settings '{\"text\": \"Confidential.\"}'

Exit status: 0 a server would load it, 1 it would not.")]
pub(super) struct Check {
    /// A component's file, or a project's folder
    #[arg(value_name = "FILTER", default_value = ".")]
    filter: String,
    #[command(flatten)]
    as_granted: AsGranted,
}

impl Check {
    pub(super) fn run(mut self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let project = project_in(&self.filter).map_err(Failure::usage)?;
        let file = project.as_ref().map_or_else(|| PathBuf::from(&self.filter), |project| project.component());
        let bytes = component_of(&file).map_err(Failure::usage)?;
        let found = Interfaces::of(&bytes).ok();
        let needed = found.as_ref().map(Interfaces::grants).unwrap_or_default();
        if project.is_none() && self.as_granted.grants.is_empty() {
            // All that it may need, so that what else stops it comes to light.
            self.as_granted.grants = HARMLESS.iter().map(|name| (*name).to_owned()).collect();
            let wanted = |grant: &str| needed.iter().any(|needed| needed.contains(grant));
            self.as_granted.grants.extend(wanted("\"dns\"").then(|| "dns".to_owned()));
            self.as_granted.grants.extend(wanted("connect").then(|| "connect=127.0.0.1:1".to_owned()));
        }
        let loaded = self.as_granted.find(&self.filter, config).and_then(load);
        let mut fields: Vec<(&str, String)> =
            vec![("file", format!("{}, {}", file.display(), units::format_size(count(bytes.len()))))];
        let mut report = json!({ "file": file.display().to_string(), "bytes": bytes.len(), "track": TRACK });
        if let Some(found) = &found {
            describe(found, &needed, &mut fields, &mut report);
        }
        let (ok, verdict) = match loaded {
            Ok(loaded) => {
                fields.push(("snapshot", loaded.snapshot.clone()));
                set(&mut report, "snapshot", loaded.snapshot.into());
                fields.push(("loading", loaded.took.clone()));
                (true, "a server would load it".to_owned())
            }
            Err(failure) => (false, failure.message),
        };
        set(&mut report, "ok", ok.into());
        if !ok {
            set(&mut report, "error", verdict.clone().into());
        }
        if out.json {
            out.value(&report)?;
            return Ok(ExitCode::from(if ok { 0 } else { REFUSED }));
        }
        if ok {
            fields.push(("verdict", verdict));
            out.fields(&fields)?;
            return Ok(ExitCode::SUCCESS);
        }
        out.fields(&fields)?;
        Err(Failure::refused(verdict))
    }
}

struct Loaded {
    snapshot: String,
    took: String,
}

fn load(written: Written) -> Result<Loaded, Failure> {
    let subject = runtime()?.block_on(written.load()).map_err(Failure::refused)?;
    let report = subject.filter.report();
    let snapshot = match &report.no_snapshot {
        None => "possible: each call starts with the memory that configure left".to_owned(),
        Some(why) => format!("not possible: each call configures the filter anew, because {why}"),
    };
    let how = if report.cached { "compiled before" } else { "compiled now" };
    Ok(Loaded { snapshot, took: format!("{} ms, {how}", report.took.as_millis()) })
}

fn count(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

fn set(report: &mut Value, key: &str, value: Value) {
    if let Some(object) = report.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn describe(found: &Interfaces, needed: &[&str], fields: &mut Vec<(&'static str, String)>, report: &mut Value) {
    let ours = |all: &[Interface]| -> Vec<String> {
        all.iter().filter_map(|one| Some(one.of_contract()?.0.to_owned())).collect()
    };
    let hooks: Vec<String> = ours(&found.exports).into_iter().filter(|name| name != "setup").collect();
    let version = found.exports.iter().find_map(|one| one.of_contract().map(|(_, version)| version.to_owned()));
    let or_none = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    fields.push(("hooks", or_none(&hooks)));
    let said = version.as_deref().unwrap_or("none of this contract");
    fields.push(("contract", format!("{said}; this server speaks {TRACK}")));
    for import in &found.imports {
        if let Some((name, _)) = import.of_contract().filter(|_| !import.functions.is_empty()) {
            fields.push(("imports", format!("{name}: {}", import.functions.join(", "))));
        }
    }
    let wasi: Vec<String> =
        found.imports.iter().filter(|one| one.name.starts_with("wasi:")).map(|one| one.name.clone()).collect();
    if !wasi.is_empty() {
        fields.push(("WASI", format!("{} interfaces, all closed but clocks and random numbers", wasi.len())));
    }
    fields.push(("may need", format!("grants = [{}]", needed.join(", "))));
    set(report, "hooks", hooks.into());
    set(report, "version", version.into());
    set(report, "grants", needed.iter().map(|grant| Value::from(*grant)).collect());
    let functions = found.imports.iter().map(|one| json!({ "interface": one.name, "functions": one.functions }));
    set(report, "imports", functions.collect());
}
