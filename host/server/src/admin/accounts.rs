//! Operations on accounts, aliases and mailing lists.

use postwarden_store::accounts::Entry;
use postwarden_store::{Account, Alias, List, Password};
use serde::{Deserialize, Serialize};

use super::addresses::{domain_of, find, leading_to, local_address, taken, targets};
use super::operation::{Operation, Parts, Refused};
use crate::config::address;

pub(super) const TARGETS_MAX: usize = 10_000;
pub(super) const PAGE: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    Account,
    Alias,
    List,
}

impl EntryKind {
    pub fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Account(_) => Self::Account,
            Entry::Alias(_) => Self::Alias,
            Entry::List(_) => Self::List,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Alias => "alias",
            Self::List => "list",
        }
    }

    pub(super) fn with_article(self) -> &'static str {
        match self {
            Self::Account => "an account",
            Self::Alias => "an alias",
            Self::List => "a mailing list",
        }
    }
}

/// An entry as it is shown: never with anything of its password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum EntryView {
    #[serde(rename_all = "kebab-case")]
    Account {
        address: String,
        /// `scram`, `argon2id` or `none`.
        password: String,
        quota: u64,
        max_message_size: u64,
        send_limit_messages: u64,
        send_limit_bytes: u64,
        local_domains_only: bool,
        no_send: bool,
        no_receive: bool,
        disabled: bool,
    },
    Alias {
        address: String,
        targets: Vec<String>,
    },
    #[serde(rename_all = "kebab-case")]
    List {
        address: String,
        members: Vec<String>,
        members_only: bool,
    },
}

impl EntryView {
    pub fn address(&self) -> &str {
        match self {
            Self::Account { address, .. } | Self::Alias { address, .. } | Self::List { address, .. } => address,
        }
    }
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Account(account) => Self::Account {
                address: account.address,
                password: match account.password {
                    Some(Password::Scram { .. }) => "scram",
                    Some(Password::Argon2id { .. }) => "argon2id",
                    None => "none",
                }
                .into(),
                quota: account.quota,
                max_message_size: account.max_message_size,
                send_limit_messages: account.send_limit_messages,
                send_limit_bytes: account.send_limit_bytes,
                local_domains_only: account.local_domains_only,
                no_send: account.no_send,
                no_receive: account.no_receive,
                disabled: account.disabled,
            },
            Entry::Alias(Alias { address, targets }) => Self::Alias { address, targets },
            Entry::List(List { address, members, members_only }) => Self::List { address, members, members_only },
        }
    }
}

/// All entries of a kind (of all kinds), in a domain (in all).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListEntries {
    pub kind: Option<EntryKind>,
    pub domain: Option<String>,
    pub after: Option<String>,
}

/// At most [`PAGE`] looked at; `next` is the `after` of the next request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EntryPage {
    pub entries: Vec<EntryView>,
    pub next: Option<String>,
}

impl Operation for ListEntries {
    type Reply = EntryPage;
    const ROUTE: &'static str = "accounts/list";

    async fn run(self, parts: &Parts<'_>) -> Result<EntryPage, Refused> {
        let domain = self.domain.as_deref().map(address::domain).transpose().map_err(Refused::invalid)?;
        let found = parts.accounts.entries(self.after.as_deref(), PAGE).await?;
        let full = found.len() >= PAGE;
        let entries: Vec<_> = found.into_iter().map(|entry| (EntryKind::of(&entry), EntryView::from(entry))).collect();
        let next = entries.last().filter(|_| full).map(|(_, entry)| entry.address().to_owned());
        let wanted = |kind: EntryKind, entry: &EntryView| {
            let in_domain = || domain.as_deref().is_none_or(|domain| domain_of(entry.address()) == domain);
            self.kind.is_none_or(|wanted| wanted == kind) && in_domain()
        };
        let entries =
            entries.into_iter().filter(|(kind, entry)| wanted(*kind, entry)).map(|(_, entry)| entry).collect();
        Ok(EntryPage { entries, next })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowEntry {
    pub kind: EntryKind,
    pub address: String,
}

impl Operation for ShowEntry {
    type Reply = EntryView;
    const ROUTE: &'static str = "accounts/show";

    async fn run(self, parts: &Parts<'_>) -> Result<EntryView, Refused> {
        find(parts, self.kind, &self.address).await.map(EntryView::from)
    }
}

/// A new account, alias or list; or, with `replace`, another content for an alias or list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutEntry {
    pub entry: NewEntry,
    #[serde(default)]
    pub replace: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewEntry {
    Account(Account),
    Alias(Alias),
    List(List),
}

/// What was stored, and what should be said about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stored {
    pub entry: EntryView,
    pub warnings: Vec<String>,
}

impl Operation for PutEntry {
    type Reply = Stored;
    const ROUTE: &'static str = "accounts/put";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<Stored, Refused> {
        let mut warnings = Vec::new();
        let entry = match self.entry {
            NewEntry::Account(mut account) => {
                account.address = local_address(parts, &account.address)?;
                Entry::Account(account)
            }
            NewEntry::Alias(mut alias) => {
                alias.address = local_address(parts, &alias.address)?;
                alias.targets = targets(parts, &alias.address, alias.targets, "target", &mut warnings).await?;
                Entry::Alias(alias)
            }
            NewEntry::List(mut list) => {
                list.address = local_address(parts, &list.address)?;
                list.members = targets(parts, &list.address, list.members, "member", &mut warnings).await?;
                Entry::List(list)
            }
        };
        let view = EntryView::from(entry.clone());
        let kind = EntryKind::of(&entry);
        if let Err(error) = parts.accounts.put(entry, self.replace).await {
            return Err(match error {
                postwarden_store::Error::Exists(_) => taken(parts, kind, view.address()).await,
                other => other.into(),
            });
        }
        Ok(Stored { entry: view, warnings })
    }
}

/// Fields that are `None` stay as they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeAccount {
    pub address: String,
    pub password: Option<Password>,
    pub quota: Option<u64>,
    pub max_message_size: Option<u64>,
    pub send_limit_messages: Option<u64>,
    pub send_limit_bytes: Option<u64>,
    pub local_domains_only: Option<bool>,
    pub no_send: Option<bool>,
    pub no_receive: Option<bool>,
    pub disabled: Option<bool>,
}

impl ChangeAccount {
    /// Writes what is set into the account.
    pub fn apply(self, account: &mut Account) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        if self.password.is_some() {
            account.password = self.password;
        }
        set(&mut account.quota, self.quota);
        set(&mut account.max_message_size, self.max_message_size);
        set(&mut account.send_limit_messages, self.send_limit_messages);
        set(&mut account.send_limit_bytes, self.send_limit_bytes);
        set(&mut account.local_domains_only, self.local_domains_only);
        set(&mut account.no_send, self.no_send);
        set(&mut account.no_receive, self.no_receive);
        set(&mut account.disabled, self.disabled);
    }
}

impl Operation for ChangeAccount {
    type Reply = EntryView;
    const ROUTE: &'static str = "accounts/change";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<EntryView, Refused> {
        let mut entry = find(parts, EntryKind::Account, &self.address).await?;
        if let Entry::Account(account) = &mut entry {
            self.apply(account);
        }
        parts.accounts.put(entry.clone(), true).await?;
        Ok(entry.into())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveEntry {
    pub kind: EntryKind,
    pub address: String,
}

impl Operation for RemoveEntry {
    type Reply = Stored;
    const ROUTE: &'static str = "accounts/remove";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<Stored, Refused> {
        let entry = EntryView::from(find(parts, self.kind, &self.address).await?);
        parts.accounts.remove(entry.address()).await?;
        let warnings = leading_to(parts, entry.address()).await?;
        Ok(Stored { entry, warnings })
    }
}
