//! `postwarden filter replay`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use postwarden_store::Timestamp;
use serde_json::json;

use super::run::{AsGranted, hear_filters};
use super::told;
use crate::admin::quarantine::{ListHeld, ReadHeld};
use crate::admin::queue::MessageView;
use crate::cli::arguments::moment;
use crate::cli::connection::Connection;
use crate::cli::failure::{Failure, REFUSED};
use crate::cli::output::{Output, counted, note, safe};
use crate::cli::serve::runtime;
use crate::workbench::mailbox::{Letter, letters};
use crate::workbench::scenario::Scenario;
use crate::workbench::subject::{Subject, Written};
use crate::workbench::trial::{self, Trial};

/// Asks a candidate and the version in the configuration about the same messages and tells where they differ.
///
/// Both are asked with the settings, grants and budgets of the filter in the configuration. The messages are those that
/// the server holds (quarantine, challenge), or files. Nothing is changed, and state is empty at first.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden filter replay footer new-footer.wasm --since 7d
  postwarden filter replay words new-words.wasm archive.mbox Maildir/ --config postwarden.toml

Exit status: 0 both agree on all messages, 1 they differ.")]
pub(super) struct Replay {
    /// The filter's name in the configuration
    #[arg(value_name = "NAME")]
    filter: String,
    /// The candidate's component
    #[arg(value_name = "NEW.wasm")]
    candidate: PathBuf,
    /// Messages, mboxes, Maildirs, folders [default: what the server holds]
    #[arg(value_name = "MAIL")]
    mail: Vec<PathBuf>,
    /// Held messages that were received since
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
}

impl Replay {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        hear_filters();
        let find = || AsGranted::none().find(&self.filter, config);
        let standing = find()?;
        let candidate = find()?.with_file(&self.candidate).map_err(Failure::usage)?;
        let held = if self.mail.is_empty() { Some(Connection::open(config)?) } else { None };
        let mut counts = Counts::default();
        let runtime = runtime()?;
        let load = |written: Written| runtime.block_on(written.load()).map_err(Failure::refused);
        let both = [load(standing)?, load(candidate)?];
        let mut ask = |letter: Letter, scenario: Scenario| -> Result<(), Failure> {
            let trials = runtime.block_on(ask_both(&both, &letter, &scenario)).map_err(Failure::refused)?;
            counts.add(&letter, &trials, out)
        };
        match &held {
            Some(server) => self.over_held(server, &mut ask)?,
            None => {
                for letter in letters(&self.mail) {
                    let letter = letter.map_err(Failure::usage)?;
                    let scenario = Scenario::beside(&letter).map_err(Failure::usage)?.unwrap_or_default();
                    ask(letter, scenario)?;
                }
            }
        }
        let (told, differ) = counts.told(both.each_ref());
        if !out.json {
            out.line(told)?;
        }
        Ok(if differ == 0 { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
    }

    fn over_held(
        &self,
        server: &Connection,
        ask: &mut dyn FnMut(Letter, Scenario) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = server.call(ListHeld { reason: None, after })?;
            for message in &page.messages {
                if self.since.is_some_and(|since| message.envelope.received < since) {
                    continue;
                }
                let content = server.call(ReadHeld { id: message.id.clone() })?.content;
                let bytes = STANDARD.decode(content).map_err(|error| Failure::refused(error.to_string()))?;
                let letter = Letter { name: message.id.clone(), file: PathBuf::new(), bytes, sender: None };
                ask(letter, as_received(message))?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// Envelope and session as the server kept them.
fn as_received(message: &MessageView) -> Scenario {
    let envelope = &message.envelope;
    let at = jiff::Timestamp::from_millisecond(envelope.received).ok();
    let client = envelope.client.parse().ok();
    if client.is_none() {
        note(format!("{}: the client's address {} is not one: 192.0.2.1 is told", message.id, safe(&envelope.client)));
    }
    Scenario {
        from: Some(envelope.sender.clone()),
        to: message.recipients.iter().map(|recipient| recipient.recipient.address.clone()).collect(),
        client,
        helo: Some(envelope.helo.clone()),
        user: envelope.login.clone(),
        tls: envelope.tls.then(|| "TLSv1.3".to_owned()),
        listener: Some(envelope.listener.clone()),
        time: at.map(|at| at.to_string()),
        ..Scenario::default()
    }
}

async fn ask_both(both: &[Subject; 2], letter: &Letter, scenario: &Scenario) -> Result<[Trial; 2], String> {
    let now = scenario.moment(crate::node::now())?;
    let [standing, candidate] = both;
    for subject in both {
        subject.lent.prepare(subject.filter.name(), scenario, now)?;
    }
    let time = u64::try_from(now).unwrap_or(0);
    Ok([trial::run(standing, letter, scenario, time).await, trial::run(candidate, letter, scenario, time).await])
}

#[derive(Default)]
struct Counts {
    same: u64,
    different: u64,
    /// Microseconds over all messages.
    took_standing: u128,
    took_candidate: u128,
}

impl Counts {
    fn add(&mut self, letter: &Letter, trials: &[Trial; 2], out: &mut Output) -> Result<(), Failure> {
        let [was, now] = trials;
        self.took_standing = self.took_standing.saturating_add(was.took().as_micros());
        self.took_candidate = self.took_candidate.saturating_add(now.took().as_micros());
        let differ = was.ruling.word != now.ruling.word
            || was.ruling.refusal != now.ruling.refusal
            || (was.score - now.score).abs() > 0.001
            || was.edits != now.edits;
        let count = if differ { &mut self.different } else { &mut self.same };
        *count = count.saturating_add(1);
        if out.json {
            let side = |trial: &Trial| json!({ "verdict": trial.ruling.word, "detail": trial.ruling.why, "score": trial.score });
            let line =
                json!({ "message": letter.name, "differ": differ, "standing": side(was), "candidate": side(now) });
            return out.line(line.to_string());
        }
        if !differ {
            return Ok(());
        }
        out.line(format!("- {}", told::short(&letter.name, was)))?;
        out.line(format!("+ {}", told::short(&letter.name, now)))
    }

    fn told(self, [standing, candidate]: [&Subject; 2]) -> (String, u64) {
        let all = self.same.saturating_add(self.different);
        let mean = |sum: u128| sum.checked_div(u128::from(all)).unwrap_or(0);
        let text = format!(
            "{}: {} as before, {} differ; {} µs each in {}, {} µs in {}",
            counted(all, "message"),
            self.same,
            self.different,
            mean(self.took_candidate),
            candidate.source,
            mean(self.took_standing),
            standing.source,
        );
        (text, self.different)
    }
}
