//! Accounts, aliases and mailing lists. Addresses are canonical: lower case, `user@domain`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub address: String,
    pub password: Option<Password>,
    /// Bytes; 0: unlimited.
    #[serde(default)]
    pub quota: u64,
    /// Bytes; 0: unlimited.
    #[serde(default)]
    pub max_message_size: u64,
    /// Messages in the domain's `within`; 0: unlimited.
    #[serde(default)]
    pub send_limit_messages: u64,
    #[serde(default)]
    pub send_limit_bytes: u64,
    #[serde(default)]
    pub local_domains_only: bool,
    #[serde(default)]
    pub no_send: bool,
    #[serde(default)]
    pub no_receive: bool,
    #[serde(default)]
    pub disabled: bool,
}

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Password {
    /// A PHC string: `$argon2id$…`
    Argon2id { hash: String },
    /// As in RFC 5803: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, base64.
    Scram { verifier: String },
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Argon2id { .. } => "Argon2id(..)",
            Self::Scram { .. } => "Scram(..)",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub address: String,
    pub targets: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    pub address: String,
    pub members: Vec<String>,
    /// Only members may send to it (row 20).
    #[serde(default)]
    pub members_only: bool,
}

/// What an address is.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Account(Account),
    Alias(Alias),
    List(List),
}

impl Entry {
    pub fn address(&self) -> &str {
        match self {
            Self::Account(account) => &account.address,
            Self::Alias(alias) => &alias.address,
            Self::List(list) => &list.address,
        }
    }

    /// `account`, `alias` or `list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Alias(_) => "alias",
            Self::List(_) => "list",
        }
    }

    /// Address, kind and data as any backend keeps them.
    pub(crate) fn to_row(&self) -> Result<(String, &'static str, String)> {
        let data = match self {
            Self::Account(account) => serde_json::to_string(account),
            Self::Alias(alias) => serde_json::to_string(alias),
            Self::List(list) => serde_json::to_string(list),
        };
        let address = self.address();
        if address.is_empty() || address.len() > ADDRESS_BYTES_MAX || address.contains('\0') {
            return Err(Error::Invalid(format!("an address has 1 to {ADDRESS_BYTES_MAX} bytes and no NUL")));
        }
        Ok((address.to_owned(), self.kind(), data.map_err(|error| Error::Invalid(error.to_string()))?))
    }

    pub(crate) fn from_row(kind: &str, data: &str) -> Result<Self> {
        let entry = match kind {
            "account" => serde_json::from_str(data).map(Self::Account),
            "alias" => serde_json::from_str(data).map(Self::Alias),
            "list" => serde_json::from_str(data).map(Self::List),
            _ => return Err(Error::Damaged(format!("an entry of the unknown kind {kind:?}"))),
        };
        entry.map_err(|error| Error::Damaged(format!("an entry of the kind {kind}: {error}")))
    }

    /// The rule of `put`, given the kind of the entry that has the address now.
    pub(crate) fn may_put(address: &str, kind: &str, present: Option<&str>, replace: bool) -> Result<()> {
        match present {
            Some(present) if !replace || present != kind => {
                Err(Error::Exists(format!("{address} is taken by an entry of the kind {present}")))
            }
            _ => Ok(()),
        }
    }
}

/// Bytes of an address of an entry.
pub const ADDRESS_BYTES_MAX: usize = 1024;

#[async_trait]
pub trait Accounts {
    /// The entry with exactly this address.
    async fn lookup(&self, address: &str) -> Result<Option<Entry>>;
    /// `Exists` if the address is taken and `replace` is off, or taken by another kind of entry.
    /// `Invalid` if the address is empty, too long or holds a NUL.
    async fn put(&self, entry: Entry, replace: bool) -> Result<()>;
    /// `NotFound` if there is none.
    async fn remove(&self, address: &str) -> Result<()>;
    /// All entries in the order of their addresses, after `after`, at most `limit`.
    async fn entries(&self, after: Option<&str>, limit: usize) -> Result<Vec<Entry>>;
    /// Changes with each change of any entry by any node: caches live as long as it stands.
    async fn generation(&self) -> Result<i64>;
}
