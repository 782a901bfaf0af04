//! Reads accounts.toml: all errors at once, with file, line, key and what to write.

use std::path::Path;

use postwarden_store::accounts::Entry;
use postwarden_store::{Account, Alias, List, Password};
use toml::de::DeTable;

use super::Entries;
use crate::config::address;
use crate::config::read::{Problem, syntax_problems};
use crate::config::table::{Reader, Section};

pub(super) fn parse(text: &str, file: &Path) -> Result<Entries, Vec<Problem>> {
    let (root, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return Err(syntax_problems(&syntax, text, file));
    }
    let reader = Reader::new(file, file, text);
    let root = reader.root(root.get_ref());
    let mut entries = Entries::new();
    for (kind, decode) in [("account", account as fn(&Section<'_>) -> Option<Entry>), ("alias", alias), ("list", list)]
    {
        for section in root.sections(kind) {
            if let Some(entry) = decode(&section) {
                insert(&section, &mut entries, entry);
            }
            section.finish();
        }
    }
    root.finish();
    let (errors, _) = reader.into_problems();
    if errors.is_empty() { Ok(entries) } else { Err(errors) }
}

fn insert(section: &Section<'_>, entries: &mut Entries, entry: Entry) {
    let address = entry.address().to_owned();
    if entries.contains_key(&address) {
        section.error("address", format!("{address} stands in this file twice"));
    }
    entries.insert(address, entry);
}

fn own_address(section: &Section<'_>) -> Option<String> {
    let Some(entry) = section.get("address") else {
        section.error("address", "is missing: write address = \"user@example.com\"");
        return None;
    };
    entry.checked(address::mailbox(entry.text()?))
}

fn account(section: &Section<'_>) -> Option<Entry> {
    let account = Account {
        address: own_address(section).unwrap_or_default(),
        password: password(section),
        quota: section.size("quota", 0),
        max_message_size: section.size("max-message-size", 0),
        send_limit_messages: section.count("send-limit-messages", 0),
        send_limit_bytes: section.size("send-limit-bytes", 0),
        local_domains_only: section.bool("local-domains-only", false),
        no_send: section.bool("no-send", false),
        no_receive: section.bool("no-receive", false),
        disabled: section.bool("disabled", false),
    };
    (!account.address.is_empty()).then_some(Entry::Account(account))
}

fn password(section: &Section<'_>) -> Option<Password> {
    let entry = section.get("password")?;
    let text = entry.text()?.to_owned();
    if text.starts_with("$argon2id$") {
        return Some(Password::Argon2id { hash: text });
    }
    if text.starts_with("SCRAM-SHA-256$") {
        return Some(Password::Scram { verifier: text });
    }
    // Never shown: it may be the password itself.
    entry.error("is no stored password: leave it out here and run \"postwarden account passwd ADDRESS\"");
    None
}

fn alias(section: &Section<'_>) -> Option<Entry> {
    let address = own_address(section);
    let targets = addresses(section, "targets");
    Some(Entry::Alias(Alias { address: address?, targets }))
}

fn list(section: &Section<'_>) -> Option<Entry> {
    let address = own_address(section);
    let members = addresses(section, "members");
    let members_only = section.bool("members-only", false);
    Some(Entry::List(List { address: address?, members, members_only }))
}

fn addresses(section: &Section<'_>, name: &'static str) -> Vec<String> {
    if section.get(name).is_none() {
        section.error(name, format!("is missing: write {name} = [\"user@example.com\"]"));
    }
    section.list(name, Vec::new(), address::mailbox)
}
