//! Changes accounts.toml as a text with comments: one entry written or taken out, the rest untouched.

use postwarden_store::accounts::Entry;
use postwarden_store::{Error, Password, Result};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::Entries;
use crate::config::units::format_size;

pub(super) fn put(document: &mut DocumentMut, entries: &Entries, entry: &Entry, replace: bool) -> Result<()> {
    let address = entry.address();
    if let Some(present) = entries.get(address)
        && (!replace || present.kind() != entry.kind())
    {
        return Err(Error::Exists(address.to_owned()));
    }
    let tables = document.entry(entry.kind()).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(tables) = tables.as_array_of_tables_mut() else {
        return Err(Error::Damaged(format!("{} is not written as [[{0}]]", entry.kind())));
    };
    let present = tables.iter().position(|table| names(table, address));
    match present.and_then(|index| tables.get_mut(index)) {
        Some(table) => write(table, entry),
        None => {
            let mut table = Table::new();
            write(&mut table, entry);
            tables.push(table);
        }
    }
    Ok(())
}

pub(super) fn remove(document: &mut DocumentMut, address: &str) -> Result<()> {
    for name in ["account", "alias", "list"] {
        let Some(tables) = document.get_mut(name).and_then(Item::as_array_of_tables_mut) else { continue };
        let index = tables.iter().position(|table| names(table, address));
        if let Some(index) = index {
            tables.remove(index);
            return Ok(());
        }
    }
    Err(Error::NotFound(address.to_owned()))
}

fn names(table: &Table, address: &str) -> bool {
    table
        .get("address")
        .and_then(Item::as_str)
        .is_some_and(|text| text.trim_end_matches('.').eq_ignore_ascii_case(address) || text.to_lowercase() == address)
}

/// Sets what differs from the default and takes out the rest.
fn write(table: &mut Table, entry: &Entry) {
    set(table, "address", Some(value(entry.address())));
    let size = |bytes: u64| (bytes != 0).then(|| value(format_size(bytes)));
    let flag = |on: bool| on.then(|| value(true));
    let list = |addresses: &[String]| {
        let mut array = Array::from_iter(addresses.iter().map(String::as_str));
        array.fmt();
        Some(value(array))
    };
    match entry {
        Entry::Account(account) => {
            let password = account.password.as_ref().map(|password| match password {
                Password::Argon2id { hash } => value(hash),
                Password::Scram { verifier } => value(verifier),
            });
            let messages = i64::try_from(account.send_limit_messages).unwrap_or(i64::MAX);
            set(table, "password", password);
            set(table, "quota", size(account.quota));
            set(table, "max-message-size", size(account.max_message_size));
            set(table, "send-limit-messages", (messages != 0).then(|| value(messages)));
            set(table, "send-limit-bytes", size(account.send_limit_bytes));
            set(table, "local-domains-only", flag(account.local_domains_only));
            set(table, "no-send", flag(account.no_send));
            set(table, "no-receive", flag(account.no_receive));
            set(table, "disabled", flag(account.disabled));
        }
        Entry::Alias(alias) => set(table, "targets", list(&alias.targets)),
        Entry::List(entry) => {
            set(table, "members", list(&entry.members));
            set(table, "members-only", flag(entry.members_only));
        }
    }
}

/// Keeps the comment behind a value that is changed.
fn set(table: &mut Table, name: &str, new: Option<Item>) {
    match (new, table.get_mut(name)) {
        (Some(new), Some(old)) => {
            let decor = old.as_value().map(|value| value.decor().clone());
            *old = new;
            if let (Some(decor), Some(value)) = (decor, old.as_value_mut()) {
                *value.decor_mut() = decor;
            }
        }
        (Some(new), None) => {
            table.insert(name, new);
        }
        (None, _) => {
            table.remove(name);
        }
    }
}
