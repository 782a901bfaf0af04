//! `postwarden list`

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use postwarden_store::List;

use super::account::{done, entries};
use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, note};
use crate::admin::accounts::{EntryKind, EntryView, NewEntry, PutEntry, RemoveEntry, ShowEntry};

/// Mailing lists: mail to a list goes to all its members; bounces do not reach its writers.
#[derive(Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// A new mailing list
    #[command(after_help = "\
Examples:
  postwarden list add team@example.com alice@example.com bob@example.com
  postwarden list add board@example.com --members-only alice@example.com carol@example.net")]
    Add {
        /// Its address, user@domain
        address: String,
        /// Only members may write to it; others get row 20, permission-denied
        #[arg(long)]
        members_only: bool,
        #[arg(required = true, value_name = "MEMBER")]
        members: Vec<String>,
        /// Write a list of this name anew
        #[arg(long)]
        replace: bool,
    },
    /// Remove a mailing list
    Remove {
        /// Its address, user@domain
        address: String,
    },
    /// One list with its members
    Show {
        /// Its address, user@domain
        address: String,
    },
    /// All mailing lists
    List {
        /// Only those of this domain
        #[arg(long)]
        domain: Option<String>,
    },
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let connection = Connection::open(config)?;
        match self.action {
            Action::Add { address, members_only, members, replace } => {
                let entry = NewEntry::List(List { address, members, members_only });
                let stored = connection.call(PutEntry { entry, replace })?;
                stored.warnings.iter().for_each(|warning| note(format!("warning: {warning}")));
                done(out, if replace { "wrote" } else { "added" }, &stored.entry)
            }
            Action::Remove { address } => {
                let stored = connection.call(RemoveEntry { kind: EntryKind::List, address })?;
                stored.warnings.iter().for_each(|warning| note(format!("warning: {warning}")));
                done(out, "removed", &stored.entry)
            }
            Action::Show { address } => {
                let entry = connection.call(ShowEntry { kind: EntryKind::List, address })?;
                show(out, &entry)
            }
            Action::List { domain } => {
                let all = entries(&connection, EntryKind::List, domain)?;
                if out.json {
                    out.value(&all)?;
                } else if all.is_empty() {
                    note("there is no mailing list yet: \"postwarden list add ADDRESS MEMBER…\" makes one");
                } else {
                    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
                    out.table(&["LIST", "MEMBERS", "WHO MAY WRITE"], &rows)?;
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn row(entry: &EntryView) -> Vec<String> {
    match entry {
        EntryView::List { address, members, members_only } => {
            vec![address.clone(), members.len().to_string(), who(*members_only).into()]
        }
        other => vec![other.address().to_owned()],
    }
}

fn who(members_only: bool) -> &'static str {
    if members_only { "members" } else { "everyone" }
}

fn show(out: &mut Output, entry: &EntryView) -> Result<ExitCode, Failure> {
    if out.json {
        out.value(entry)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let EntryView::List { address, members, members_only } = entry {
        let mut fields = vec![("list", address.clone()), ("who may write", who(*members_only).to_owned())];
        fields.extend(members.iter().map(|member| ("member", member.clone())));
        out.fields(&fields)?;
    }
    Ok(ExitCode::SUCCESS)
}
