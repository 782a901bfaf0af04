//! `postwarden queue`

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use postwarden_store::Timestamp;
use postwarden_store::queue::{QueuedRecipient, RecipientState, Route};

use super::arguments::Which;
use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, age, counted, note, sender, time};
use crate::admin::queue::{Change, ChangeQueue, Changed, ListQueue, MessageDetail, MessageView, ShowMessage};
use crate::config::units;

/// Messages that wait for delivery: look at them, hurry them, hold them, send them elsewhere.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden queue list
  postwarden queue list --domain example.net --older-than 1h
  postwarden queue show 0c3dwvk2m0008
  postwarden queue retry --domain example.net
  postwarden queue remove --sender '*@spam.example' --dry-run")]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Messages with the recipients that are still to be delivered
    List {
        #[command(flatten)]
        which: Which,
        /// At most so many messages; 0: all
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// One message: envelope, recipients, header
    Show {
        /// Its id, as in "queue list" and in the reply to the client
        id: String,
    },
    /// Try again now
    Retry {
        #[command(flatten)]
        target: Target,
    },
    /// Keep back until "queue release"
    Hold {
        #[command(flatten)]
        target: Target,
        /// Why, for whoever looks at the queue later
        #[arg(long, default_value = "kept back by an operator")]
        reason: String,
    },
    /// Let held messages go, and try now
    Release {
        #[command(flatten)]
        target: Target,
    },
    /// Delete from the queue, without a bounce
    Remove {
        #[command(flatten)]
        target: Target,
    },
    /// Deliver elsewhere than planned
    #[command(after_help = "\
Examples:
  postwarden queue reroute --domain old.example --to new.example
  postwarden queue reroute 0c3dwvk2m0008 --to postmaster@example.com")]
    Reroute {
        #[command(flatten)]
        target: Target,
        /// A domain, to the hosts of which the mail goes, or an account of this server
        #[arg(long)]
        to: String,
    },
}

#[derive(Args)]
struct Target {
    #[command(flatten)]
    which: Which,
    /// The whole queue; needed where neither ids nor a filter are given
    #[arg(long)]
    all: bool,
    /// Only tell what would be changed
    #[arg(long)]
    dry_run: bool,
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        match self.action {
            Action::List { which, limit } => list(config, out, &which, limit),
            Action::Show { id } => {
                let detail = Connection::open(config)?.call(ShowMessage { id })?;
                show(out, &detail)
            }
            Action::Retry { target } => change(config, out, target, Change::Retry, "due now"),
            Action::Hold { target, reason } => change(config, out, target, Change::Hold { reason }, "held"),
            Action::Release { target } => change(config, out, target, Change::Release, "released"),
            Action::Remove { target } => change(config, out, target, Change::Remove, "removed"),
            Action::Reroute { target, to } => change(config, out, target, Change::Reroute { to }, "rerouted"),
        }
    }
}

fn list(config: Option<&Path>, out: &mut Output, which: &Which, limit: usize) -> Result<ExitCode, Failure> {
    let connection = Connection::open(config)?;
    let now = crate::node::now();
    let filter = which.filter(now)?;
    let limit = if limit == 0 { usize::MAX } else { limit };
    let mut messages: Vec<MessageView> = Vec::new();
    let ids: Vec<Option<String>> =
        if which.ids.is_empty() { vec![None] } else { which.ids.iter().cloned().map(Some).collect() };
    let mut more = false;
    for id in ids {
        let filter = postwarden_store::queue::QueueFilter { id, ..filter.clone() };
        let mut after = None;
        loop {
            let page = connection.call(ListQueue { filter: filter.clone(), after })?;
            messages.extend(page.messages);
            after = page.next;
            if messages.len() > limit {
                messages.truncate(limit);
                more = true;
                break;
            }
            if after.is_none() {
                break;
            }
        }
    }
    if out.json {
        out.value(&messages)?;
        return Ok(ExitCode::SUCCESS);
    }
    if messages.is_empty() {
        note("no message of the queue matches");
        return Ok(ExitCode::SUCCESS);
    }
    out.table(&HEADINGS, &rows(&messages, now))?;
    if more {
        note(format!("there are more: only {limit} messages are shown, --limit 0 shows all"));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) const HEADINGS: [&str; 7] = ["ID", "AGE", "SIZE", "SENDER", "RECIPIENT", "STATE", "LAST ERROR"];

/// One row for each recipient.
pub(super) fn rows(messages: &[MessageView], now: Timestamp) -> Vec<Vec<String>> {
    let row = |message: &MessageView, recipient: &QueuedRecipient| {
        vec![
            message.id.clone(),
            age(message.envelope.received, now),
            units::show_size(message.size),
            sender(&message.envelope.sender).to_owned(),
            recipient.recipient.address.clone(),
            state(recipient, now),
            recipient.last_error.clone(),
        ]
    };
    messages
        .iter()
        .flat_map(|message| message.recipients.iter().map(move |recipient| row(message, recipient)))
        .collect()
}

pub(super) fn state(recipient: &QueuedRecipient, now: Timestamp) -> String {
    let tries = match recipient.attempts {
        0 => String::new(),
        1 => ", 1 try so far".into(),
        tries => format!(", {tries} tries so far"),
    };
    match recipient.state {
        RecipientState::Held => format!("held{tries}"),
        RecipientState::Leased => format!("in delivery{tries}"),
        RecipientState::Queued if recipient.recipient.due <= now => format!("due{tries}"),
        RecipientState::Queued => {
            let wait = u64::try_from(recipient.recipient.due - now).unwrap_or(0);
            format!("due in {}{tries}", units::show_duration(Duration::from_millis(wait)))
        }
    }
}

pub(super) fn show(out: &mut Output, detail: &MessageDetail) -> Result<ExitCode, Failure> {
    if out.json {
        out.value(detail)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = crate::node::now();
    let message = &detail.message;
    let envelope = &message.envelope;
    let mut fields = vec![
        ("id", message.id.clone()),
        ("sender", sender(&envelope.sender).to_owned()),
        ("received", format!("{} ({} ago)", time(envelope.received), age(envelope.received, now))),
        ("size", units::show_size(message.size)),
        ("from client", format!("{} ({}) on {}", envelope.client, envelope.helo, envelope.listener)),
    ];
    if let Some(login) = &envelope.login {
        fields.push(("logged in as", login.clone()));
    }
    if let Some(hold) = &message.hold {
        fields.push(("held", hold.detail.clone()));
    }
    for recipient in &message.recipients {
        let route = match &recipient.recipient.route {
            Route::Local(account) => format!("mailbox {account}"),
            Route::Remote(domain) => format!("hosts of {domain}"),
        };
        fields.push(("recipient", format!("{}: {}, {route}", recipient.recipient.address, state(recipient, now))));
        if recipient.recipient.original != recipient.recipient.address {
            fields.push(("  sent to", recipient.recipient.original.clone()));
        }
        if !recipient.last_error.is_empty() {
            fields.push(("  last error", recipient.last_error.clone()));
        }
        let tries: Vec<_> = detail.next_tries.get(&recipient.index).into_iter().flatten().map(|at| time(*at)).collect();
        if !tries.is_empty() {
            fields.push(("  next tries", tries.join(", ")));
        }
        fields.push(("  given up at", time(recipient.recipient.expires)));
    }
    out.fields(&fields)?;
    out.line("")?;
    for line in detail.header.lines() {
        out.line(super::output::safe(&line.replace('\t', "        ")))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn change(
    config: Option<&Path>,
    out: &mut Output,
    target: Target,
    change: Change,
    done: &str,
) -> Result<ExitCode, Failure> {
    let now = crate::node::now();
    let filter = target.which.filter(now)?;
    let reply = Connection::open(config)?.call(ChangeQueue {
        ids: target.which.ids,
        filter,
        change,
        all: target.all,
        dry_run: target.dry_run,
    })?;
    if out.json {
        out.value(&reply)?;
    } else {
        told(out, &reply, done, now)?;
    }
    // Nothing found is no success for a command that names what it means.
    let found = reply.matched > 0 || target.all;
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::from(super::failure::REFUSED) })
}

fn told(out: &mut Output, reply: &Changed, done: &str, now: Timestamp) -> Result<(), Failure> {
    if reply.matched == 0 {
        note("no message of the queue matches; nothing was changed");
        return Ok(());
    }
    if reply.dry_run {
        out.table(&HEADINGS, &rows(&reply.messages, now))?;
        note(format!("dry run: {} would be {done}", counted(reply.matched, "recipient")));
        return Ok(());
    }
    out.line(format!("{} {done}", counted(reply.changed, "recipient")))?;
    if reply.in_delivery > 0 {
        note(format!("{} in delivery at this moment, left alone", counted(reply.in_delivery, "recipient")));
    }
    Ok(())
}
