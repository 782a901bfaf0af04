//! `postwarden account`

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use postwarden_store::{Account, Password};

use super::arguments::size;
use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, limit, note};
use super::password::PasswordSource;
use crate::admin::accounts::{
    ChangeAccount, EntryKind, EntryView, ListEntries, NewEntry, PutEntry, RemoveEntry, ShowEntry,
};

/// Users: who has a mailbox and may log in.
#[derive(Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// A new account
    #[command(after_help = "\
Examples:
  postwarden account add alice@example.com
  pass show mail/alice | postwarden account add alice@example.com --password-stdin --quota 1GiB
  postwarden account add fax@example.com --no-password --no-send

The domain has to be one of the configuration's [domains.\"…\"].")]
    Add {
        /// Its address, user@domain
        address: String,
        #[command(flatten)]
        password: PasswordSource,
        /// An account that nobody can log in to
        #[arg(long, conflicts_with = "password_stdin")]
        no_password: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// Change limits and rights of an account; what is not named stays
    #[command(after_help = "\
Examples:
  postwarden account set alice@example.com --quota 2GiB
  postwarden account set bob@example.com --disabled
  postwarden account set bob@example.com --disabled=false --quota 0")]
    Set {
        /// Its address, user@domain
        address: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Another password
    Passwd {
        /// Its address, user@domain
        address: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Remove an account; its mail stays where it lies
    Remove {
        /// Its address, user@domain
        address: String,
    },
    /// One account with its limits and rights
    Show {
        /// Its address, user@domain
        address: String,
    },
    /// All accounts
    List {
        /// Only those of this domain
        #[arg(long)]
        domain: Option<String>,
    },
}

#[derive(Args, Default)]
struct Settings {
    /// Size of the mailbox, as in 1GiB; 0: unlimited
    #[arg(long, value_name = "SIZE", value_parser = size)]
    quota: Option<u64>,
    /// Largest message from or to it; 0: unlimited
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_message_size: Option<u64>,
    /// Messages it may send to other hosts in the time of its domain's send-limit; 0: unlimited
    #[arg(long, value_name = "COUNT")]
    send_limit_messages: Option<u64>,
    /// Bytes it may send to other hosts in that time; 0: unlimited
    #[arg(long, value_name = "SIZE", value_parser = size)]
    send_limit_bytes: Option<u64>,
    /// It may send to this server's domains only
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    local_domains_only: Option<bool>,
    /// It may not send at all
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    no_send: Option<bool>,
    /// It takes no mail
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    no_receive: Option<bool>,
    /// It cannot log in
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disabled: Option<bool>,
}

impl Settings {
    fn change(self, address: String, password: Option<Password>) -> ChangeAccount {
        ChangeAccount {
            address,
            password,
            quota: self.quota,
            max_message_size: self.max_message_size,
            send_limit_messages: self.send_limit_messages,
            send_limit_bytes: self.send_limit_bytes,
            local_domains_only: self.local_domains_only,
            no_send: self.no_send,
            no_receive: self.no_receive,
            disabled: self.disabled,
        }
    }
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        match self.action {
            Action::Add { address, password, no_password, settings } => {
                let connection = Connection::open(config)?;
                let password = if no_password { None } else { Some(password.read(&address)?) };
                let mut account = new_account(address.clone(), password);
                settings.change(address, None).apply(&mut account);
                let stored = connection.call(PutEntry { entry: NewEntry::Account(account), replace: false })?;
                done(out, "added", &stored.entry)
            }
            Action::Set { address, settings } => {
                let change = settings.change(address.clone(), None);
                if same(&change) {
                    return Err(Failure::usage(format!(
                        "nothing to change is named: give for example --quota 1GiB; \"postwarden account show {address}\" shows what is set"
                    )));
                }
                let entry = Connection::open(config)?.call(change)?;
                show(out, &entry)
            }
            Action::Passwd { address, password } => {
                let connection = Connection::open(config)?;
                // Asked only when there is such an account.
                connection.call(ShowEntry { kind: EntryKind::Account, address: address.clone() })?;
                let password = Some(password.read(&address)?);
                let entry = connection.call(Settings::default().change(address, password))?;
                done(out, "changed the password of", &entry)
            }
            Action::Remove { address } => {
                let stored = Connection::open(config)?.call(RemoveEntry { kind: EntryKind::Account, address })?;
                stored.warnings.iter().for_each(|warning| note(format!("warning: {warning}")));
                done(out, "removed", &stored.entry)
            }
            Action::Show { address } => {
                let entry = Connection::open(config)?.call(ShowEntry { kind: EntryKind::Account, address })?;
                show(out, &entry)
            }
            Action::List { domain } => list(config, out, domain),
        }
    }
}

fn new_account(address: String, password: Option<Password>) -> Account {
    Account {
        address,
        password,
        quota: 0,
        max_message_size: 0,
        send_limit_messages: 0,
        send_limit_bytes: 0,
        local_domains_only: false,
        no_send: false,
        no_receive: false,
        disabled: false,
    }
}

/// Whether the change changes nothing.
fn same(change: &ChangeAccount) -> bool {
    let mut account = new_account(String::new(), None);
    let untouched = account.clone();
    // Both ends of each value, because one of them is the default.
    change.clone().apply(&mut account);
    account == untouched
        && change.quota.is_none()
        && change.max_message_size.is_none()
        && change.send_limit_messages.is_none()
        && change.send_limit_bytes.is_none()
        && change.local_domains_only.is_none()
        && change.no_send.is_none()
        && change.no_receive.is_none()
        && change.disabled.is_none()
}

/// All entries of a kind, over all pages.
pub(super) fn entries(
    connection: &Connection,
    kind: EntryKind,
    domain: Option<String>,
) -> Result<Vec<EntryView>, Failure> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = connection.call(ListEntries { kind: Some(kind), domain: domain.clone(), after })?;
        all.extend(page.entries);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

fn list(config: Option<&Path>, out: &mut Output, domain: Option<String>) -> Result<ExitCode, Failure> {
    let all = entries(&Connection::open(config)?, EntryKind::Account, domain)?;
    if out.json {
        out.value(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .filter_map(|entry| match entry {
            EntryView::Account { address, quota, .. } => Some(vec![address.clone(), limit(*quota), rights(entry)]),
            _ => None,
        })
        .collect();
    if rows.is_empty() {
        note("there is no account yet: \"postwarden account add ADDRESS\" makes one");
    } else {
        out.table(&["ADDRESS", "QUOTA", "RIGHTS"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is not as usual.
fn rights(entry: &EntryView) -> String {
    let EntryView::Account { password, local_domains_only, no_send, no_receive, disabled, .. } = entry else {
        return String::new();
    };
    let named: Vec<&str> = [
        (*disabled, "disabled"),
        (*no_send, "no sending"),
        (*no_receive, "no receiving"),
        (*local_domains_only, "local domains only"),
        (password == "none", "no password"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect();
    if named.is_empty() { "all".into() } else { named.join(", ") }
}

fn show(out: &mut Output, entry: &EntryView) -> Result<ExitCode, Failure> {
    if out.json {
        out.value(entry)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let EntryView::Account {
        address,
        password,
        quota,
        max_message_size,
        send_limit_messages,
        send_limit_bytes,
        ..
    } = entry
    {
        let messages = match send_limit_messages {
            0 => "unlimited".into(),
            count => count.to_string(),
        };
        out.fields(&[
            ("account", address.clone()),
            ("rights", rights(entry)),
            ("password", password.clone()),
            ("quota", limit(*quota)),
            ("max-message-size", limit(*max_message_size)),
            ("send-limit-messages", messages),
            ("send-limit-bytes", limit(*send_limit_bytes)),
        ])?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One line for a change that was made.
pub(super) fn done(out: &mut Output, what: &str, entry: &EntryView) -> Result<ExitCode, Failure> {
    if out.json {
        out.value(entry)?;
    } else {
        out.line(format!("{what} {}", entry.address()))?;
    }
    Ok(ExitCode::SUCCESS)
}
