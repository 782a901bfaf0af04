//! `postwarden quarantine`

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use postwarden_store::HoldReason;

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, age, note, sender, time};
use crate::admin::learn::Class;
use crate::admin::quarantine::{DeleteHeld, LearnHeld, ListHeld, ReleaseHeld};
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
        /// Teach the filters that learn: these are ham
        #[arg(long)]
        learn: bool,
        /// Ids of held messages
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Teach the filters that learn what messages are; they stay held
    Learn {
        /// What they are
        class: super::spam::Kind,
        /// Ids of held messages
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Delete messages for good; nobody is told
    Delete {
        /// Teach the filters that learn: these are spam
        #[arg(long)]
        learn: bool,
        /// Ids of held messages
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let teaches = matches!(
            self.action,
            Action::Learn { .. } | Action::Release { learn: true, .. } | Action::Delete { learn: true, .. }
        );
        let connection = if teaches { Connection::with_learners(config)? } else { Connection::open(config)? };
        match self.action {
            Action::List { reason } => list(&connection, out, reason.as_deref()),
            Action::Show { id } => super::queue::show(out, &connection.call(ShowMessage { id })?),
            Action::Release { ids, learn } => each(&connection, out, ids, "released", |connection, id| {
                if learn {
                    teach(connection, &id, Class::Ham)?;
                }
                connection.call(ReleaseHeld { id })
            }),
            Action::Delete { ids, learn } => each(&connection, out, ids, "deleted", |connection, id| {
                if learn {
                    teach(connection, &id, Class::Spam)?;
                }
                connection.call(DeleteHeld { id })
            }),
            Action::Learn { class, ids } => {
                let class = Class::from(class);
                each(&connection, out, ids, &format!("learned as {}", class.name()), |connection, id| {
                    teach(connection, &id, class)?;
                    Ok(connection.call(ShowMessage { id })?.message)
                })
            }
        }
    }
}

/// A filter that does not take it is an error: nothing else happens to the message then.
fn teach(connection: &Connection, id: &str, class: Class) -> Result<(), Failure> {
    let learned = connection.call(LearnHeld { id: id.to_owned(), class })?;
    match learned.problems.first() {
        Some(problem) => Err(Failure::refused(format!("{id}: {}: {}", problem.filter, problem.why))),
        None => Ok(()),
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
