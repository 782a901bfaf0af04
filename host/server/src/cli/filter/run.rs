//! `postwarden filter run`

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value};

use super::told;
use crate::cli::connection;
use crate::cli::failure::{Failure, REFUSED};
use crate::cli::output::{Output, note};
use crate::cli::serve::runtime;
use crate::workbench::mailbox::letters;
use crate::workbench::scenario::{Authentication, Scenario};
use crate::workbench::subject::{Choice, Subject, Written};
use crate::workbench::trial;

/// Asks a filter about messages from files and tells what it says: verdict, reply, score, edits, log, time.
///
/// No server is needed and nothing is delivered. The hooks are asked in the order of a session. State is kept in memory
/// and ends with the command; the DNS is asked only if it is granted.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden filter run target/wasm32-wasip2/release/footer.wasm mail.eml
  postwarden filter run builtin:access mail.eml --settings '{\"black\": \"black.txt\"}' --client 192.0.2.9
  postwarden filter run footer.wasm Maildir/ --grant edit --settings footer.toml
  postwarden filter run . tests/mail.eml           the project in this folder, as it was built last
  postwarden filter run spam archive.mbox --config postwarden.toml --json | jq -r .verdict

A file mail.toml beside mail.eml says what the flags say, and more:
  from = \"eve@example.org\"
  to = [\"bob@example.net\"]
  client = \"192.0.2.9\"
  authentication = [{ method = \"spf\", outcome = \"fail\" }]
  dns = { \"9.2.0.192.list.example A\" = \"127.0.0.2\" }
What nobody says is taken from the message's header: Return-Path or From, Delivered-To or To.")]
pub(super) struct Run {
    /// A component's file, a project's folder, builtin:NAME, or a filter's name in the configuration
    #[arg(value_name = "FILTER")]
    filter: String,
    /// Messages, mboxes, Maildirs, folders
    #[arg(value_name = "MAIL", required = true)]
    mail: Vec<PathBuf>,
    #[command(flatten)]
    as_granted: AsGranted,
    #[command(flatten)]
    facts: Facts,
    /// Tell everything about each message, also where there are many
    #[arg(long, short)]
    verbose: bool,
    /// Tell the sums only
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,
}

/// What a `[[filter]]` would say.
#[derive(Args)]
pub(super) struct AsGranted {
    /// The filter's settings: a file of TOML or JSON, or JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    pub(super) settings: Option<String>,
    /// Grant this and no more: a name, or as in files.lists=lists/, connect=127.0.0.1:3310, dns=example.org
    /// [default: all that reach nothing outside: state, accept, discard, edit, recipients, custom-replies]
    #[arg(long = "grant", value_name = "GRANT")]
    pub(super) grants: Vec<String>,
}

/// Envelope and session.
#[derive(Args)]
pub(super) struct Facts {
    /// Envelope sender; '' is the null one
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Envelope recipient, as often as there are
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// The client's IP address [default: 192.0.2.1]
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// What it says in EHLO
    #[arg(long, value_name = "NAME")]
    helo: Option<String>,
    /// The account it logged in as
    #[arg(long, value_name = "ACCOUNT")]
    user: Option<String>,
    /// Its confirmed name in the DNS
    #[arg(long, value_name = "NAME")]
    reverse_name: Option<String>,
    /// TLS version of the session
    #[arg(long, value_name = "VERSION")]
    tls: Option<String>,
    /// The listener's name [default: mx]
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    /// A fact without a flag of its own
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = pair)]
    attributes: Vec<(String, String)>,
    /// What SPF, DKIM and others found, as in spf=fail
    #[arg(long = "authentication", value_name = "METHOD=OUTCOME", value_parser = pair)]
    authentication: Vec<(String, String)>,
    /// Points of the filters before this one
    #[arg(long, value_name = "POINTS", default_value_t = 0.0, allow_negative_numbers = true)]
    score: f64,
    /// When it happens [default: now]
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Run {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        hear_filters();
        let written = self.as_granted.find(&self.filter, config)?;
        runtime()?.block_on(async {
            let subject = written.load().await.map_err(Failure::refused)?;
            if let Some(why) = subject.filter.no_snapshot() {
                note(format!("no snapshot: each call configures the filter anew, because {why}"));
            }
            self.over(&subject, out).await
        })
    }

    async fn over(&self, subject: &Subject, out: &mut Output) -> Result<ExitCode, Failure> {
        let flags = self.facts.scenario();
        let many = self.mail.len() > 1 || self.mail.iter().any(|path| path.is_dir());
        let mut sums = told::Sums::default();
        let mut unread = false;
        for letter in letters(&self.mail) {
            let prepared = letter.and_then(|letter| {
                let scenario = Scenario::beside(&letter)?.unwrap_or_default().under(&flags);
                let now = scenario.moment(crate::node::now())?;
                subject.lent.prepare(subject.filter.name(), &scenario, now)?;
                Ok((letter, scenario, u64::try_from(now).unwrap_or(0)))
            });
            let (letter, scenario, time) = match prepared {
                Ok(prepared) => prepared,
                Err(error) => {
                    note(error);
                    unread = true;
                    continue;
                }
            };
            let trial = trial::run(subject, &letter, &scenario, time).await;
            sums.add(&trial);
            if out.json {
                out.line(told::json(subject, &letter, &trial).to_string())?;
            } else if self.verbose || (!many && !self.quiet) {
                out.line(told::whole(subject, &letter, &trial))?;
            } else if !self.quiet {
                out.line(told::short(&letter.name, &trial))?;
            }
        }
        if sums.count() > 1 && !out.json {
            out.line(sums.told())?;
        }
        Ok(if unread { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
    }
}

impl AsGranted {
    /// As it is written down.
    pub(super) fn none() -> Self {
        Self { settings: None, grants: Vec::new() }
    }

    pub(super) fn find(&self, what: &str, config: Option<&Path>) -> Result<Written, Failure> {
        self.find_for(what, config, &Scenario::default())
    }

    /// With the settings and grants of a test, where it has its own.
    pub(super) fn find_for(&self, what: &str, config: Option<&Path>, test: &Scenario) -> Result<Written, Failure> {
        let own = |error: serde_json::Error| Failure::usage(error.to_string());
        let own_settings = test.settings.as_ref().map(serde_json::to_value).transpose().map_err(own)?;
        let own_grants = test.grants.as_ref().map(serde_json::to_value).transpose().map_err(own)?;
        let (settings, folder) = match &self.settings {
            Some(text) => read_settings(text).map_err(Failure::usage)?,
            None => (None, PathBuf::new()),
        };
        let grants = match self.grants.is_empty() {
            true => None,
            false => Some(self.grants.iter().map(|text| grant(text)).collect::<Result<Value, _>>()?),
        };
        let file = connection::find(config).ok();
        let (settings, grants) = (own_settings.or(settings), own_grants.or(grants));
        let choice = Choice { what, settings, grants, file: file.as_deref(), folder: &folder };
        Written::find(choice).map_err(Failure::usage)
    }
}

/// The settings, and the folder their paths are relative to.
fn read_settings(text: &str) -> Result<(Option<Value>, PathBuf), String> {
    if text.trim_start().starts_with('{') {
        let value = serde_json::from_str(text).map_err(|error| format!("--settings: {error}"))?;
        return Ok((Some(value), PathBuf::new()));
    }
    let file = Path::new(text);
    let content = std::fs::read_to_string(file).map_err(|error| format!("--settings {text}: {error}"))?;
    let value = match file.extension().is_some_and(|ending| ending == "json") {
        true => serde_json::from_str(&content).map_err(|error| format!("{text}: {error}"))?,
        false => toml::from_str(&content).map_err(|error| format!("{text}: {error}"))?,
    };
    Ok((Some(value), file.parent().map(PathBuf::from).unwrap_or_default()))
}

/// `dns`, `connect=127.0.0.1:3310`, `files.lists=lists/`, as the configuration's `grants` would say it.
fn grant(text: &str) -> Result<Value, Failure> {
    let Some((name, value)) = text.split_once('=') else { return Ok(Value::from(text)) };
    let list = || Value::Array(value.split(',').map(|one| Value::from(one.trim())).collect());
    let table = |name: &str, value: Value| Value::Object(Map::from_iter([(name.to_owned(), value)]));
    Ok(match name.split_once('.') {
        Some(("files", file)) => table("files", table(file, Value::from(value))),
        None if matches!(name, "dns" | "connect" | "state") => table(name, list()),
        _ => {
            let known = "files.NAME=PATH, connect=HOST:PORT, dns=NAME, state=BUCKET";
            return Err(Failure::usage(format!("--grant {text}: write a name, or one of: {known}")));
        }
    })
}

impl Facts {
    fn scenario(&self) -> Scenario {
        let authentication = self.authentication.iter().map(|(method, outcome)| Authentication {
            method: method.clone(),
            outcome: outcome.clone(),
            properties: BTreeMap::new(),
        });
        Scenario {
            from: self.from.clone(),
            to: self.to.clone(),
            client: self.client,
            helo: self.helo.clone(),
            user: self.user.clone(),
            reverse_name: self.reverse_name.clone(),
            tls: self.tls.clone(),
            listener: self.listener.clone(),
            attributes: self.attributes.iter().cloned().collect(),
            authentication: authentication.collect(),
            score: self.score,
            time: self.time.clone(),
            ..Scenario::default()
        }
    }
}

/// A filter that asks whether its lines would be kept is told yes.
pub(super) fn hear_filters() {
    use tracing_subscriber::EnvFilter;
    let kept = EnvFilter::new("off,filter=trace");
    let _ = tracing_subscriber::fmt().with_env_filter(kept).with_writer(std::io::sink).try_init();
}
