//! Which local address is what: accounts, aliases, lists, catch-all; and where mail to it goes in the end.
//! Answers from a bounded cache that lives as long as the store's generation of entries stands.

pub mod address;
mod expand;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use moka::sync::Cache;
use postwarden_smtp::Mailbox;
use postwarden_store::accounts::Entry;
use postwarden_store::{Account, Accounts, Alias, List, Result, Timestamp};

use crate::config::{Config, LocalDelivery, UnknownUsers};
use crate::srs::Srs;

use expand::Membership;
pub use expand::{EXPANDED_RECIPIENTS_MAX, EXPANSION_DEPTH_MAX, Expansion, Poster, Reach, Target, address_of};

/// What each of the two caches may hold; entries are weighed by the addresses in them.
pub const CACHE_BYTES_MAX: u64 = 32 << 20;

/// How old an answer may be after another node changed an entry.
pub const GENERATION_POLL_MS: i64 = 1000;

/// Begins the detail of an address (RFC 5233): `user+detail@` is `user@` unless the whole exists.
pub const DETAIL_SEPARATOR: char = '+';

/// After a list's local part: the envelope sender of what the list sends, so that bounces never reach
/// the poster. Where no such address is configured, its mail goes to the domain's postmaster.
pub const LIST_OWNER_SUFFIX: &str = "-owner";

pub struct Directory {
    accounts: Arc<dyn Accounts + Send + Sync>,
    cache: Cache<String, Cached>,
    memberships: Cache<String, Membership>,
    /// Answers of an older epoch are as absent: no answer that was on its way while entries changed survives.
    epoch: Arc<AtomicU64>,
    generation: AtomicI64,
    next_poll: AtomicI64,
    /// Knows the senders that this server has rewritten; none before the store was asked for its key.
    srs: OnceLock<Srs>,
}

#[derive(Clone)]
struct Cached {
    epoch: u64,
    /// None: there is no such entry.
    known: Option<Known>,
}

/// An entry, shared with the cache.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    Account(Arc<Account>),
    Alias(Arc<Alias>),
    List(Arc<List>),
}

/// What one address is, without a look at where it leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// Not in a domain of this server.
    Foreign,
    Account(Arc<Account>),
    Alias(Arc<Alias>),
    List(Arc<List>),
    /// Stands for another address: a catch-all, a postmaster, the owner of a list.
    Redirect(String),
    /// A sender that this server rewrote: mail to it is a bounce, and goes there.
    Returned(String),
    /// A mailbox without an account: the postmaster that RFC 5321 section 4.5.1 demands.
    Mailbox(String),
    /// Taken and thrown away (`unknown-users = "discard"`).
    Discard,
    Unknown {
        /// Row 22 instead of row 21.
        rejecting: bool,
    },
}

impl Directory {
    pub fn new(accounts: Arc<dyn Accounts + Send + Sync>) -> Self {
        let memberships = Cache::builder()
            .max_capacity(CACHE_BYTES_MAX)
            .weigher(|_, membership: &Membership| u32::try_from(membership.weight()).unwrap_or(u32::MAX))
            .build();
        let cache = Cache::builder().max_capacity(CACHE_BYTES_MAX).weigher(weigh).build();
        Self {
            accounts,
            cache,
            memberships,
            epoch: Arc::new(AtomicU64::new(1)),
            generation: AtomicI64::new(i64::MIN),
            next_poll: AtomicI64::new(i64::MIN),
            srs: OnceLock::new(),
        }
    }

    /// From now on forwarded mail can be rewritten, and its bounces find the way back.
    pub fn set_srs(&self, srs: Srs) {
        let _ = self.srs.set(srs);
    }

    /// The sender of what is forwarded from `address`; none where it stays as it is.
    pub fn forwarded(&self, config: &Config, sender: &str, address: &Mailbox, now: Timestamp) -> Option<String> {
        let srs = self.srs.get().filter(|_| config.delivery.srs)?;
        let (domain, _) = address::local(config, &address.domain)?;
        let (_, from) = sender.rsplit_once('@')?;
        if address::local_domain(config, &from.to_lowercase()).is_some() {
            return None;
        }
        srs.rewrite(sender, domain, now)
    }

    /// The accounts for those who change them in this process: the next question is answered by the
    /// change. Changes by others are seen within [`GENERATION_POLL_MS`].
    pub fn announcing(&self) -> Arc<dyn Accounts + Send + Sync> {
        Arc::new(Announcing { accounts: Arc::clone(&self.accounts), epoch: Arc::clone(&self.epoch) })
    }

    /// Forgets all answers.
    pub fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Changes whenever entries may have changed.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The entry with exactly this canonical address. No store round trip where the cache knows.
    pub async fn entry(&self, address: &str, now: Timestamp) -> Result<Option<Known>> {
        self.poll_generation(now).await;
        let epoch = self.epoch();
        if let Some(cached) = self.cache.get(address)
            && cached.epoch == epoch
        {
            return Ok(cached.known);
        }
        let known = self.accounts.lookup(address).await?.map(Known::from);
        self.cache.insert(address.to_owned(), Cached { epoch, known: known.clone() });
        Ok(known)
    }

    /// The account with this canonical address.
    pub async fn account(&self, address: &str, now: Timestamp) -> Result<Option<Arc<Account>>> {
        Ok(match self.entry(address, now).await? {
            Some(Known::Account(account)) => Some(account),
            _ => None,
        })
    }

    /// All entries in the order of their addresses; not from the cache.
    pub async fn entries(&self, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        self.accounts.entries(after, limit).await
    }

    /// What the address is. The whole address comes first, then the one without its detail, then the
    /// addresses every domain has, then what the domain says about unknown users.
    pub async fn resolve(&self, config: &Config, mailbox: &Mailbox, now: Timestamp) -> Result<Resolution> {
        let Some((domain, settings)) = address::local(config, &mailbox.domain) else {
            return Ok(Resolution::Foreign);
        };
        if let Some(found) = self.srs.get().and_then(|srs| srs.reverse(&mailbox.local, now)) {
            // Also where rewriting is switched off by now: what is on its way comes back.
            return Ok(found.map_or(Resolution::Unknown { rejecting: false }, Resolution::Returned));
        }
        let whole = address::join(&mailbox.local, domain);
        if let Some(known) = self.entry(&whole, now).await? {
            return Ok(known.into());
        }
        if let Some((user, _)) = mailbox.local.split_once(DETAIL_SEPARATOR)
            && !user.is_empty()
        {
            // A list has no details: they would only be other names for it.
            match self.entry(&address::join(user, domain), now).await? {
                Some(Known::List(_)) | None => {}
                Some(known) => return Ok(known.into()),
            }
        }
        if let Some(user) = strip_suffix_ignoring_case(&mailbox.local, LIST_OWNER_SUFFIX)
            && let Some(Known::List(_)) = self.entry(&address::join(user, domain), now).await?
        {
            return Ok(Resolution::Redirect(address::join("postmaster", domain)));
        }
        if let UnknownUsers::Forward(to) = &settings.unknown_users {
            // The catch-all may be missing itself.
            let itself = address::parse(to).is_some_and(|to| address::canonical(config, &to) == whole);
            return Ok(if itself {
                Resolution::Unknown { rejecting: false }
            } else {
                Resolution::Redirect(to.clone())
            });
        }
        if mailbox.local.eq_ignore_ascii_case("abuse") {
            return Ok(Resolution::Redirect(address::join("postmaster", domain)));
        }
        if mailbox.local.eq_ignore_ascii_case("postmaster") {
            match (address::primary_domain(config), &config.delivery.local) {
                (Some(primary), _) if primary != domain => {
                    return Ok(Resolution::Redirect(address::join("postmaster", primary)));
                }
                // A folder needs no account. An LMTP server would refuse the unknown user.
                (_, LocalDelivery::Maildir { .. }) => return Ok(Resolution::Mailbox(whole)),
                (_, LocalDelivery::Lmtp { .. }) => {}
            }
        }
        Ok(match settings.unknown_users {
            UnknownUsers::Discard => Resolution::Discard,
            UnknownUsers::Reject => Resolution::Unknown { rejecting: true },
            UnknownUsers::Unset | UnknownUsers::Forward(_) => Resolution::Unknown { rejecting: false },
        })
    }

    /// Asks for the generation at most once in [`GENERATION_POLL_MS`]; whoever comes meanwhile takes
    /// what the cache has.
    async fn poll_generation(&self, now: Timestamp) {
        let due = self.next_poll.load(Ordering::Relaxed);
        // The second half: the clock went back.
        if now < due && due.saturating_sub(now) <= GENERATION_POLL_MS {
            return;
        }
        let next = now.saturating_add(GENERATION_POLL_MS);
        if self.next_poll.compare_exchange(due, next, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return;
        }
        match self.accounts.generation().await {
            Ok(generation) => {
                if self.generation.swap(generation, Ordering::AcqRel) != generation {
                    self.forget();
                }
            }
            Err(error) => tracing::warn!(%error, "cannot see whether accounts changed; answering from memory"),
        }
    }
}

/// Accounts whose changes make the directory forget.
struct Announcing {
    accounts: Arc<dyn Accounts + Send + Sync>,
    epoch: Arc<AtomicU64>,
}

#[async_trait]
impl Accounts for Announcing {
    async fn lookup(&self, address: &str) -> Result<Option<Entry>> {
        self.accounts.lookup(address).await
    }
    async fn put(&self, entry: Entry, replace: bool) -> Result<()> {
        let done = self.accounts.put(entry, replace).await;
        self.epoch.fetch_add(1, Ordering::AcqRel);
        done
    }
    async fn remove(&self, address: &str) -> Result<()> {
        let done = self.accounts.remove(address).await;
        self.epoch.fetch_add(1, Ordering::AcqRel);
        done
    }
    async fn entries(&self, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        self.accounts.entries(after, limit).await
    }
    async fn generation(&self) -> Result<i64> {
        self.accounts.generation().await
    }
}

impl From<Entry> for Known {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Account(account) => Self::Account(Arc::new(account)),
            Entry::Alias(alias) => Self::Alias(Arc::new(alias)),
            Entry::List(list) => Self::List(Arc::new(list)),
        }
    }
}

impl From<Known> for Resolution {
    fn from(known: Known) -> Self {
        match known {
            Known::Account(account) => Self::Account(account),
            Known::Alias(alias) => Self::Alias(alias),
            Known::List(list) => Self::List(list),
        }
    }
}

/// Bytes, roughly. The cache hands out its keys as they are.
#[allow(clippy::ptr_arg)]
fn weigh(address: &String, cached: &Cached) -> u32 {
    let strings = |all: &[String]| all.iter().map(|one| one.len() + 32).sum::<usize>();
    let known = match &cached.known {
        None => 0,
        Some(Known::Account(_)) => 512,
        Some(Known::Alias(alias)) => strings(&alias.targets),
        Some(Known::List(list)) => strings(&list.members),
    };
    u32::try_from(address.len() + 128 + known).unwrap_or(u32::MAX)
}

fn strip_suffix_ignoring_case<'t>(text: &'t str, suffix: &str) -> Option<&'t str> {
    let at = text.len().checked_sub(suffix.len())?;
    let (front, end) = text.split_at_checked(at)?;
    (end.eq_ignore_ascii_case(suffix) && !front.is_empty()).then_some(front)
}
