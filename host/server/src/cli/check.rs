//! `postwarden check`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::connection;
use super::failure::{Failure, USAGE};
use super::output::{Output, note};
use super::serve::runtime;
use crate::config::read::{self, Problem};
use crate::config::{AccountsBackend, Config, Role};

/// Read the configuration and load its filters, and tell every error at once, each with file, line, key and what to
/// write. Nothing is started and nothing is changed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden check
  postwarden check --config new.toml && postwarden reload
  postwarden check --json | jq .errors

Exit status: 0 the configuration can be used (warnings are told), 2 it cannot.")]
pub(super) struct Check {}

#[derive(Serialize)]
struct Report {
    file: String,
    ok: bool,
    errors: Vec<ProblemView>,
    warnings: Vec<ProblemView>,
}

#[derive(Serialize)]
struct ProblemView {
    file: String,
    line: Option<usize>,
    key: String,
    message: String,
}

impl From<&Problem> for ProblemView {
    fn from(problem: &Problem) -> Self {
        Self {
            file: problem.file.display().to_string(),
            line: problem.line,
            key: problem.key.clone(),
            message: problem.message.clone(),
        }
    }
}

impl Check {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let file = connection::find(config)?;
        let (loaded, errors) = match read::load(&file) {
            Ok(loaded) => {
                let mut errors = other_files(&loaded.config);
                errors.extend(components(&loaded.config)?);
                (Some(loaded), errors)
            }
            Err(errors) => (None, errors),
        };
        let warnings = loaded.as_ref().map(|loaded| loaded.warnings.as_slice()).unwrap_or_default();
        if out.json {
            out.value(&Report {
                file: file.display().to_string(),
                ok: errors.is_empty(),
                errors: errors.iter().map(ProblemView::from).collect(),
                warnings: warnings.iter().map(ProblemView::from).collect(),
            })?;
            return Ok(if errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) });
        }
        for warning in warnings {
            note(format!("warning: {warning}"));
        }
        match loaded {
            Some(loaded) if errors.is_empty() => {
                out.line(format!("{} can be used", file.display()))?;
                out.fields(&summary(&loaded.config))?;
                Ok(ExitCode::SUCCESS)
            }
            _ => Err(Failure::configuration(&file, &errors)),
        }
    }
}

/// Files that the configuration names and the server reads at its start, and what else it tries then.
fn other_files(config: &Config) -> Vec<Problem> {
    let file = config.file.clone().unwrap_or_default();
    let problem = |key: &str, error: anyhow::Error| {
        let message = format!("{error:#}");
        Problem { file: file.clone(), line: None, key: key.to_owned(), message }
    };
    let mut problems = Vec::new();
    if let Err(error) = crate::tls::Tls::default().check(config.tls.as_ref()) {
        problems.push(problem("tls", error));
    }
    if let Err(error) = crate::dns::Dns::new(config) {
        problems.push(problem("delivery.resolver", error));
    }
    if config.accounts == AccountsBackend::File {
        problems.extend(crate::accounts_file::check(config));
    }
    problems
}

/// Components that would not load.
fn components(config: &Config) -> Result<Vec<Problem>, Failure> {
    if config.filters.is_empty() {
        return Ok(Vec::new());
    }
    let file = config.file.clone().unwrap_or_default();
    let problem =
        |(name, message)| Problem { file: file.clone(), line: None, key: format!("filter \"{name}\""), message };
    Ok(runtime()?.block_on(crate::filters::check(config)).into_iter().map(problem).collect())
}

/// What this configuration makes of the server, in a few lines.
fn summary(config: &Config) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    for listener in &config.listeners {
        let role = match listener.role {
            Role::Mx => "mail from other servers",
            Role::Submission => "mail from users who log in",
            Role::Lmtp => "LMTP",
        };
        let addresses: Vec<String> = listener.bind.iter().map(ToString::to_string).collect();
        fields.push(("listener", format!("{} on {}: {role}", listener.name, addresses.join(", "))));
    }
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let domains: Vec<&str> = config.domains.keys().map(String::as_str).collect();
    fields.push(("domains", or_none(domains.join(", "))));
    let relay: Vec<String> = config.relay_from.iter().map(ToString::to_string).collect();
    fields.push(("relaying from", or_none(relay.join(", "))));
    fields.push(("TLS", config.tls.as_ref().map_or("off".into(), |tls| tls.certificate.display().to_string())));
    fields
}
