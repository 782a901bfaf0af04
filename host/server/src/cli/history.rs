//! `postwarden history`

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use postwarden_store::{HistoryQuery, HistoryRecord, Timestamp};

use super::arguments::moment;
use super::connection::Connection;
use super::failure::{Failure, REFUSED};
use super::output::{Output, note, sender, time};
use crate::admin::history::FindHistory;

/// What happened to messages: received, refused, delivered, bounced …
#[derive(Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Records, newest first
    #[command(after_help = "\
Examples:
  postwarden history find --recipient alice@example.com --after 2h
  postwarden history find --event refused --sender '*@example.net'
  postwarden history find --id 0c3dwvk2m0008
  postwarden history find --after 2026-11-01 --before 2026-11-02 --limit 1000 --json")]
    Find(Find),
}

#[derive(Args)]
struct Find {
    /// Transaction or queue id
    #[arg(long)]
    id: Option<String>,
    /// The sender: exact, or a mask such as '*@example.com'
    #[arg(long, value_name = "MASK")]
    sender: Option<String>,
    /// The recipient: exact, or a mask
    #[arg(long, value_name = "MASK")]
    recipient: Option<String>,
    /// What happened
    #[arg(long, value_parser = [
        "received", "refused", "deleted", "held", "delivered", "deferred", "bounced", "expired", "removed",
    ])]
    event: Option<String>,
    /// Not before: 2h (ago), 2026-11-23, 2026-11-23T22:45:58Z
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    after: Option<Timestamp>,
    /// Not after
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    before: Option<Timestamp>,
    /// At most so many records
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::admin::history::RECORDS_MAX)))]
    limit: u32,
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let Action::Find(find) = self.action;
        let query = HistoryQuery {
            id: find.id,
            sender: find.sender,
            recipient: find.recipient,
            event: find.event,
            after: find.after,
            before: find.before,
            limit: find.limit,
        };
        let records = Connection::open(config)?.call(FindHistory { query })?;
        if out.json {
            out.value(&records)?;
        } else if records.is_empty() {
            note("no record of the history matches");
        } else {
            print(out, &records)?;
        }
        Ok(if records.is_empty() { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
    }
}

pub(super) fn print(out: &mut Output, records: &[HistoryRecord]) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            let why = match (record.reply.is_empty(), record.detail.is_empty()) {
                (false, true) => record.reply.clone(),
                (false, false) => format!("{}: {}", record.reply, record.detail),
                _ => record.detail.clone(),
            };
            vec![
                time(record.time),
                record.id.clone(),
                record.event.clone(),
                sender(&record.sender).to_owned(),
                record.recipients.join(" "),
                why,
            ]
        })
        .collect();
    out.table(&["TIME", "ID", "EVENT", "SENDER", "RECIPIENTS", "WHY"], &rows)
}
