//! `postwarden filter bench`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use postwarden_toolchain::empty;
use serde_json::json;

use super::run::{AsGranted, hear_filters};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::serve::runtime;
use crate::workbench::mailbox::{Letter, letters};
use crate::workbench::measure::{Figures, measure};
use crate::workbench::subject::{Written, project_in};

/// Messages that are kept in memory for a measurement.
const LETTERS_MAX: usize = 1000;

/// Measures what a filter costs each message: time and memory, beside a filter that does nothing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden filter bench                         the project in this folder, over its tests' messages
  postwarden filter bench footer.wasm mail.eml --times 10000")]
pub(super) struct Bench {
    /// A project's folder, a component's file, builtin:NAME, or a filter's name in the configuration
    #[arg(value_name = "FILTER", default_value = ".")]
    filter: String,
    /// Messages, mboxes, Maildirs, folders [default: the project's tests]
    #[arg(value_name = "MAIL")]
    mail: Vec<PathBuf>,
    /// Messages that are asked about, over and over the same ones
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..10_000_000))]
    times: u32,
    #[command(flatten)]
    as_granted: AsGranted,
}

impl Bench {
    pub(super) fn run(mut self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        hear_filters();
        if let (true, Some(project)) = (self.mail.is_empty(), project_in(&self.filter).map_err(Failure::usage)?) {
            self.mail.push(project.tests());
        }
        let mail: Result<Vec<Letter>, String> = letters(&self.mail).take(LETTERS_MAX).collect();
        let mail = mail.map_err(Failure::usage)?;
        if mail.is_empty() {
            return Err(Failure::usage("name a message to measure with"));
        }
        let written = self.as_granted.find(&self.filter, config)?;
        let name = written.config.name.clone();
        let empty = Written::of_bytes("an empty filter", empty::component()?).map_err(Failure::refused)?;
        let figures = runtime()?.block_on(async {
            let own = measure(&written.load().await?, &mail, self.times).await;
            let none = measure(&empty.load().await?, &mail, self.times).await;
            Ok::<_, String>([(name, own), ("an empty filter".to_owned(), none)])
        });
        tell(&figures.map_err(Failure::refused)?, out)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(figures: &[(String, Figures)], out: &mut Output) -> Result<(), Failure> {
    if out.json {
        let one = |(name, figures): &(String, Figures)| {
            json!({
                "filter": name, "messages": figures.messages, "p50-microseconds": figures.half,
                "p99-microseconds": figures.most, "host-calls": figures.host_calls,
                "memory-kibibytes": figures.memory_kibibytes, "failed": figures.failed,
            })
        };
        return out.value(&figures.iter().map(one).collect::<Vec<_>>());
    }
    let row = |(name, figures): &(String, Figures)| {
        let memory = figures.memory_kibibytes.map_or("-".to_owned(), |kibibytes| kibibytes.to_string());
        let [half, most, calls] = [u64::from(figures.half), u64::from(figures.most), figures.host_calls];
        let numbers = [figures.messages, half, most, calls].map(|number| number.to_string());
        [vec![name.clone()], numbers.into(), vec![memory, figures.failed.to_string()]].concat()
    };
    let headings = ["FILTER", "MESSAGES", "P50 µs", "P99 µs", "HOST CALLS", "KiB EACH", "FAILED"];
    out.table(&headings, &figures.iter().map(row).collect::<Vec<_>>())
}
