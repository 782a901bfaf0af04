//! `postwarden quarantine`

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use postwarden_store::HoldReason;

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, age, note, sender, time};
use crate::admin::quarantine::{DeleteHeld, ListHeld, ReleaseHeld};
use crate::admin::queue::{MessageView, ShowMessage};
use crate::config::units;

/// Messages held back: by a filter, until their sender answers a challenge, or by an operator.
#[derive(Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Held messages
    List {
        /// Only those held for this reason
        #[arg(long, value_parser = ["quarantine", "challenge", "operator"])]
        reason: Option<String>,
    },
    /// One held message: why, envelope, header
    Show {
        /// Its id, as in "queue list" and in the reply to the client
        id: String,
    },
    /// Let messages go to their recipients
    Release {
        /// Ids of held messages
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Delete messages for good; nobody is told
    Delete {
        /// Ids of held messages
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let connection = Connection::open(config)?;
        match self.action {
            Action::List { reason } => list(&connection, out, reason.as_deref()),
            Action::Show { id } => super::queue::show(out, &connection.call(ShowMessage { id })?),
            Action::Release { ids } => {
                each(&connection, out, ids, "released", |connection, id| connection.call(ReleaseHeld { id }))
            }
            Action::Delete { ids } => {
                each(&connection, out, ids, "deleted", |connection, id| connection.call(DeleteHeld { id }))
            }
        }
    }
}

fn list(connection: &Connection, out: &mut Output, reason: Option<&str>) -> Result<ExitCode, Failure> {
    let reason = reason.map(|reason| match reason {
        "quarantine" => HoldReason::Quarantine,
        "challenge" => HoldReason::Challenge,
        _ => HoldReason::Operator,
    });
    let mut messages: Vec<MessageView> = Vec::new();
    let mut after = None;
    loop {
        let page = connection.call(ListHeld { reason: reason.clone(), after })?;
        messages.extend(page.messages);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if out.json {
        out.value(&messages)?;
        return Ok(ExitCode::SUCCESS);
    }
    if messages.is_empty() {
        note("no message is held");
        return Ok(ExitCode::SUCCESS);
    }
    let now = crate::node::now();
    let rows: Vec<Vec<String>> = messages
        .iter()
        .map(|message| {
            let recipients: Vec<&str> =
                message.recipients.iter().map(|recipient| recipient.recipient.address.as_str()).collect();
            let hold = message.hold.as_ref();
            vec![
                message.id.clone(),
                age(message.envelope.received, now),
                units::show_size(message.size),
                sender(&message.envelope.sender).to_owned(),
                recipients.join(" "),
                hold.map_or(String::new(), |hold| hold.detail.clone()),
                hold.and_then(|hold| hold.expires).map_or("never".into(), time),
            ]
        })
        .collect();
    out.table(&["ID", "AGE", "SIZE", "SENDER", "RECIPIENTS", "WHY", "DELETED AT"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

/// The first refusal ends it; what was done before stays done and is told.
fn each(
    connection: &Connection,
    out: &mut Output,
    ids: Vec<String>,
    done: &str,
    act: impl Fn(&Connection, String) -> Result<MessageView, Failure>,
) -> Result<ExitCode, Failure> {
    let mut messages = Vec::new();
    for id in ids {
        let message = act(connection, id)?;
        if !out.json {
            out.line(format!("{} {done}", message.id))?;
        }
        messages.push(message);
    }
    if out.json {
        out.value(&messages)?;
    }
    Ok(ExitCode::SUCCESS)
}
