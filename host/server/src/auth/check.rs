//! Who logs in. Known and unknown users go the same way: the same lookup, one password check of the
//! same kind and cost, the same answer.
//!
//! Why the time tells nothing: an account that does not exist, has no password or is disabled is
//! checked against a stand-in, a verifier of some real account whose result is thrown away. Which
//! one depends on the name alone (an HMAC under a secret key), so a name always costs the same, and
//! over all names the costs are spread as those of real accounts are, also where Argon2id and SCRAM
//! verifiers or different rounds are mixed. Only with no account at all is the default kind used.
//! SCRAM costs the server no password check; there the made-up salt and rounds must be stable and
//! look like real ones, and accounts kept with Argon2id have made-up ones, too.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use postwarden_smtp::question::ScramVerifier;
use postwarden_store::accounts::Entry;
use postwarden_store::{Password, Store, Timestamp};

use super::password::{SALT_BYTES, SCRAM_ITERATIONS, hmac_sha256, make_password, parse_scram, verifies};
use super::{Kind, Logins, SharedAccount};
use crate::config::Config;
use crate::directory::{Directory, address};

/// Password checks that may wait for a processor.
const WAITING_MAX: usize = 256;

/// How long one may wait.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Accounts whose verifiers serve as stand-ins.
const STAND_INS_MAX: usize = 256;

/// A longer name is no account's.
const USER_BYTES_MAX: usize = 512;

const BUCKET: &str = "auth";
const SECRET: &str = "made-up-verifiers";

/// The check could not be made; the client may try again.
#[derive(Debug, thiserror::Error)]
#[error("the login could not be checked: {0}")]
pub struct Unavailable(String);

impl Unavailable {
    pub(super) fn busy() -> Self {
        Self("too many logins at once".to_owned())
    }
}

impl From<postwarden_store::Error> for Unavailable {
    fn from(error: postwarden_store::Error) -> Self {
        Self(error.to_string())
    }
}

/// Verifiers in use.
pub(super) struct StandIns {
    epoch: u64,
    passwords: Vec<Password>,
}

/// What a check is made with.
pub struct Credentials<'a> {
    pub config: &'a Config,
    pub directory: &'a Directory,
    pub store: &'a dyn Store,
    pub user: &'a str,
    /// The identity to act as; empty: the same.
    pub authorization: &'a str,
    pub now: Timestamp,
}

impl Logins {
    /// PLAIN and LOGIN. The account's address, or none whatever was wrong.
    pub async fn check_password(&self, who: &Credentials<'_>, plain: Vec<u8>) -> Result<Option<String>, Unavailable> {
        let name = account_name(who.config, who.user);
        let account = self.account(who, &name).await?;
        let genuine = account.as_ref().filter(|account| !account.disabled).and_then(|account| account.password.clone());
        let may = genuine.is_some() && authorization_agrees(who, &name);
        let stand_in = self.stand_in(who, &name).await?;
        let matches = self.work(genuine.unwrap_or(stand_in), plain).await?;
        Ok(account.filter(|_| may && matches).map(|account| account.address.clone()))
    }

    /// SCRAM-SHA-256: the verifier of the account, or one that looks like it.
    pub async fn scram_verifier(&self, who: &Credentials<'_>) -> Result<ScramVerifier, Unavailable> {
        let name = account_name(who.config, who.user);
        let account = self.account(who, &name).await?;
        let made_up = self.made_up(who, &name).await?;
        let kept = account.and_then(|account| match &account.password {
            Some(Password::Scram { verifier }) => parse_scram(verifier).ok(),
            _ => None,
        });
        Ok(kept.unwrap_or(made_up))
    }

    /// The proof was right or not; whether that is a login.
    pub async fn scram_outcome(&self, who: &Credentials<'_>, proven: bool) -> Result<Option<String>, Unavailable> {
        let name = account_name(who.config, who.user);
        let account = self.account(who, &name).await?.filter(|account| {
            proven
                && !account.disabled
                && matches!(account.password, Some(Password::Scram { .. }))
                && authorization_agrees(who, &name)
        });
        Ok(account.map(|account| account.address.clone()))
    }

    async fn account(&self, who: &Credentials<'_>, name: &str) -> Result<Option<SharedAccount>, Unavailable> {
        if name.len() > USER_BYTES_MAX {
            return Ok(None);
        }
        Ok(who.directory.account(name, who.now).await?)
    }

    /// One password check on a thread that may be busy, not more at once than there are processors.
    async fn work(&self, password: Password, plain: Vec<u8>) -> Result<bool, Unavailable> {
        let _waiting = Waiting::enter(&self.waiting)?;
        let permit = tokio::time::timeout(WAIT_MAX, self.checks.acquire())
            .await
            .map_err(|_| Unavailable("too many logins wait for a processor".to_owned()))?
            .map_err(|error| Unavailable(error.to_string()))?;
        let result = tokio::task::spawn_blocking(move || verifies(&password, &plain)).await;
        drop(permit);
        result.map_err(|error| Unavailable(error.to_string()))
    }

    pub(super) async fn stand_in(&self, who: &Credentials<'_>, name: &str) -> Result<Password, Unavailable> {
        let secret = self.secret(who).await?;
        let stand_ins = self.stand_ins(who).await?;
        let pick = pick(&secret, b"stand-in", name, stand_ins.passwords.len());
        stand_ins.passwords.get(pick).cloned().ok_or_else(|| Unavailable("no stand-in".to_owned()))
    }

    async fn made_up(&self, who: &Credentials<'_>, name: &str) -> Result<ScramVerifier, Unavailable> {
        let secret = self.secret(who).await?;
        let stand_ins = self.stand_ins(who).await?;
        let like: Vec<(u32, usize)> = stand_ins
            .passwords
            .iter()
            .filter_map(|password| match password {
                Password::Scram { verifier } => parse_scram(verifier).ok(),
                Password::Argon2id { .. } => None,
            })
            .map(|verifier| (verifier.iterations, verifier.salt.len()))
            .collect();
        let (iterations, salt_bytes) =
            like.get(pick(&secret, b"like", name, like.len())).copied().unwrap_or((SCRAM_ITERATIONS, SALT_BYTES));
        let bytes = |purpose: &[u8]| hmac_sha256(&secret, &[purpose, b"\0", name.as_bytes()]);
        Ok(ScramVerifier {
            salt: bytes(b"salt").iter().copied().cycle().take(salt_bytes).collect(),
            iterations,
            stored_key: bytes(b"stored key"),
            server_key: bytes(b"server key"),
        })
    }

    /// Read again when entries changed; by whoever comes first, known or unknown.
    async fn stand_ins(&self, who: &Credentials<'_>) -> Result<Arc<StandIns>, Unavailable> {
        let epoch = who.directory.epoch();
        if let Some(stand_ins) = self.stand_ins.load_full()
            && stand_ins.epoch == epoch
        {
            return Ok(stand_ins);
        }
        let entries = who.directory.entries(None, STAND_INS_MAX).await?;
        let mut passwords: Vec<Password> = entries
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Account(account) => account.password,
                Entry::Alias(_) | Entry::List(_) => None,
            })
            .collect();
        if passwords.is_empty() {
            passwords.push(nobodys_password().await?);
        }
        let stand_ins = Arc::new(StandIns { epoch, passwords });
        self.stand_ins.store(Some(Arc::clone(&stand_ins)));
        Ok(stand_ins)
    }

    async fn secret(&self, who: &Credentials<'_>) -> Result<[u8; 32], Unavailable> {
        self.secret.get_or_try_init(|| shared_secret(who.store, who.now)).await.copied()
    }
}

async fn nobodys_password() -> Result<Password, Unavailable> {
    let plain: [u8; 32] = rand::random();
    tokio::task::spawn_blocking(move || make_password(Kind::Scram, &plain))
        .await
        .map_err(|error| Unavailable(error.to_string()))?
        .map_err(|error| Unavailable(error.to_string()))
}

/// Made by the first node that needs it, kept in the store.
async fn shared_secret(store: &dyn Store, now: Timestamp) -> Result<[u8; 32], Unavailable> {
    let keys = [SECRET.to_owned()];
    let read = async || -> Result<Option<[u8; 32]>, Unavailable> {
        let found = store.get_many(BUCKET, &keys, now).await?.into_iter().next().flatten();
        match found {
            None => Ok(None),
            Some(value) => value.try_into().map(Some).map_err(|_| Unavailable("damaged secret".to_owned())),
        }
    };
    if let Some(secret) = read().await? {
        return Ok(secret);
    }
    let fresh: [u8; 32] = rand::random();
    if store.compare_and_set(BUCKET, SECRET, None, &fresh, None, now).await? {
        return Ok(fresh);
    }
    read().await?.ok_or_else(|| Unavailable("the secret vanished".to_owned()))
}

/// The address that a login name means. A name without a domain is one of the only local domain.
pub(super) fn account_name(config: &Config, user: &str) -> String {
    if let Some(mailbox) = address::parse(user) {
        return address::canonical(config, &mailbox);
    }
    match config.domains.keys().next() {
        Some(only) if config.domains.len() == 1 => address::join(user, only),
        _ => user.to_lowercase(),
    }
}

/// Nobody acts for somebody else.
fn authorization_agrees(who: &Credentials<'_>, name: &str) -> bool {
    who.authorization.is_empty() || account_name(who.config, who.authorization) == name
}

fn pick(secret: &[u8; 32], purpose: &[u8], name: &str, of: usize) -> usize {
    let mac = hmac_sha256(secret, &[purpose, b"\0", name.as_bytes()]);
    let number = mac.iter().take(8).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    usize::try_from(number % u64::try_from(of.max(1)).unwrap_or(1)).unwrap_or(0)
}

/// A place among those that wait.
struct Waiting<'a>(&'a std::sync::atomic::AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a std::sync::atomic::AtomicUsize) -> Result<Self, Unavailable> {
        let place = Self(count);
        if count.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            return Err(Unavailable::busy());
        }
        Ok(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
