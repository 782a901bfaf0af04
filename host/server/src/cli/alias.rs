//! `postwarden alias`

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use postwarden_store::Alias;

use super::account::{done, entries};
use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, note};
use crate::admin::accounts::{EntryKind, EntryView, NewEntry, PutEntry, RemoveEntry, ShowEntry};

/// Other names for addresses: mail to an alias goes to all its targets.
#[derive(Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// A new alias
    #[command(after_help = "\
Examples:
  postwarden alias add postmaster@example.com alice@example.com
  postwarden alias add sales@example.com alice@example.com bob@example.net")]
    Add {
        /// Its address, user@domain
        address: String,
        /// Where its mail goes: addresses of this server or elsewhere
        #[arg(required = true, value_name = "TARGET")]
        targets: Vec<String>,
        /// Write an alias of this name anew
        #[arg(long)]
        replace: bool,
    },
    /// Remove an alias
    Remove {
        /// Its address, user@domain
        address: String,
    },
    /// One alias with its targets
    Show {
        /// Its address, user@domain
        address: String,
    },
    /// All aliases
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
            Action::Add { address, targets, replace } => {
                let entry = NewEntry::Alias(Alias { address, targets });
                let stored = connection.call(PutEntry { entry, replace })?;
                stored.warnings.iter().for_each(|warning| note(format!("warning: {warning}")));
                done(out, if replace { "wrote" } else { "added" }, &stored.entry)
            }
            Action::Remove { address } => {
                let stored = connection.call(RemoveEntry { kind: EntryKind::Alias, address })?;
                stored.warnings.iter().for_each(|warning| note(format!("warning: {warning}")));
                done(out, "removed", &stored.entry)
            }
            Action::Show { address } => {
                let entry = connection.call(ShowEntry { kind: EntryKind::Alias, address })?;
                print(out, &entry, std::slice::from_ref(&entry))
            }
            Action::List { domain } => {
                let all = entries(&connection, EntryKind::Alias, domain)?;
                if all.is_empty() && !out.json {
                    note("there is no alias yet: \"postwarden alias add ADDRESS TARGET…\" makes one");
                    return Ok(ExitCode::SUCCESS);
                }
                print(out, &all, &all)
            }
        }
    }
}

/// One line for each target.
fn print<T: serde::Serialize>(out: &mut Output, value: &T, entries: &[EntryView]) -> Result<ExitCode, Failure> {
    if out.json {
        out.value(value)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Vec::new();
    for entry in entries {
        if let EntryView::Alias { address, targets } = entry {
            rows.extend(targets.iter().map(|target| vec![address.clone(), target.clone()]));
        }
    }
    out.table(&["ALIAS", "TARGET"], &rows)?;
    Ok(ExitCode::SUCCESS)
}
