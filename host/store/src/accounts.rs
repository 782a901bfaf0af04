//! Accounts, aliases and mailing lists. Addresses are canonical: lower case, `user@domain`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Result;

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

#[async_trait]
pub trait Accounts {
    /// The entry with exactly this address.
    async fn lookup(&self, address: &str) -> Result<Option<Entry>>;
    /// `Exists` if the address is taken and `replace` is off, or taken by another kind of entry.
    async fn put(&self, entry: Entry, replace: bool) -> Result<()>;
    /// `NotFound` if there is none.
    async fn remove(&self, address: &str) -> Result<()>;
    /// All entries in the order of their addresses, after `after`, at most `limit`.
    async fn entries(&self, after: Option<&str>, limit: usize) -> Result<Vec<Entry>>;
    /// Changes with each change of any entry by any node: caches live as long as it stands.
    async fn generation(&self) -> Result<i64>;
}
