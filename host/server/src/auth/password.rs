//! Forms in which a password is kept, and the check of a password against one. Costs milliseconds: not for async threads.

use anyhow::{Context, anyhow};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use postwarden_smtp::question::ScramVerifier;
use postwarden_store::Password;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// PBKDF2 rounds of a new SCRAM verifier; RFC 7677 asks for 4096 at least. A thief of the store pays
/// for them with each guess, and so do we with each login by PLAIN: 2.3 ms measured (Argon2id: 19 ms;
/// `cargo test --release -p postwarden scram_cost -- --ignored --nocapture`). SCRAM logins cost the client.
pub const SCRAM_ITERATIONS: u32 = 20_000;

/// A verifier in the store that asks for more is not worked on: it would block logins for seconds.
const SCRAM_ITERATIONS_MAX: u32 = 10_000_000;

pub(super) const SALT_BYTES: usize = 16;

const SCHEME: &str = "SCRAM-SHA-256";

/// Which form of a password is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Serves PLAIN, LOGIN and SCRAM.
    Scram,
    /// Serves PLAIN and LOGIN only; dearer to guess for a thief of the store.
    Argon2id,
}

/// What is kept of `plain`. An empty password is refused.
pub fn make_password(kind: Kind, plain: &[u8]) -> anyhow::Result<Password> {
    if plain.is_empty() {
        return Err(anyhow!("the password is empty"));
    }
    let plain = prepared(plain);
    match kind {
        Kind::Scram => {
            let mut salt = [0; SALT_BYTES];
            rand::fill(&mut salt);
            Ok(Password::Scram { verifier: written(&derive(&plain, &salt, SCRAM_ITERATIONS)) })
        }
        Kind::Argon2id => {
            let hash: argon2::password_hash::phc::PasswordHash =
                Argon2::default().hash_password(&plain).map_err(|error| anyhow!("argon2: {error}"))?;
            Ok(Password::Argon2id { hash: hash.to_string() })
        }
    }
}

/// Whether `plain` is the password. A kept form that cannot be read is no password at all.
pub fn verifies(password: &Password, plain: &[u8]) -> bool {
    let plain = prepared(plain);
    match password {
        Password::Scram { verifier } => match parse_scram(verifier) {
            Ok(kept) => {
                let derived = derive(&plain, &kept.salt, kept.iterations);
                bool::from(derived.stored_key.ct_eq(&kept.stored_key))
            }
            Err(error) => damaged(&error),
        },
        Password::Argon2id { hash } => match PasswordHash::new(hash) {
            Ok(kept) => Argon2::default().verify_password(&plain, &kept).is_ok(),
            Err(error) => damaged(&anyhow!("{error}")),
        },
    }
}

fn damaged(error: &anyhow::Error) -> bool {
    tracing::error!(%error, "a password in the store cannot be read: nobody can log in with it");
    false
}

/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5803).
pub(super) fn parse_scram(verifier: &str) -> anyhow::Result<ScramVerifier> {
    let mut parts = verifier.split('$');
    let (Some(SCHEME), Some(rounds), Some(keys), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(anyhow!("not of the form {SCHEME}$ITERATIONS:SALT$STOREDKEY:SERVERKEY"));
    };
    let (iterations, salt) = rounds.split_once(':').context("no salt")?;
    let (stored_key, server_key) = keys.split_once(':').context("no server key")?;
    let iterations: u32 = iterations.parse().context("iterations")?;
    if !(1..=SCRAM_ITERATIONS_MAX).contains(&iterations) {
        return Err(anyhow!("{iterations} iterations"));
    }
    let key = |text: &str| -> anyhow::Result<[u8; 32]> {
        STANDARD.decode(text)?.try_into().map_err(|_| anyhow!("a key is not of 32 bytes"))
    };
    Ok(ScramVerifier {
        salt: STANDARD.decode(salt).context("salt")?,
        iterations,
        stored_key: key(stored_key)?,
        server_key: key(server_key)?,
    })
}

fn written(verifier: &ScramVerifier) -> String {
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
    format!(
        "{SCHEME}${}:{}${}:{}",
        verifier.iterations,
        base64(&verifier.salt),
        base64(&verifier.stored_key),
        base64(&verifier.server_key)
    )
}

/// RFC 5802 section 3.
fn derive(plain: &[u8], salt: &[u8], iterations: u32) -> ScramVerifier {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(plain, salt, iterations, &mut salted);
    let stored_key: [u8; 32] = Sha256::digest(hmac_sha256(&salted, &[b"Client Key"])).into();
    let server_key = hmac_sha256(&salted, &[b"Server Key"]);
    ScramVerifier { salt: salt.to_vec(), iterations, stored_key, server_key }
}

pub(super) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than a block is padded with zeros (RFC 2104).
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// SASLprep (RFC 4013), as SCRAM clients do it. What it forbids is taken as it is.
fn prepared(plain: &[u8]) -> Vec<u8> {
    std::str::from_utf8(plain)
        .ok()
        .and_then(|text| stringprep::saslprep(text).ok())
        .map_or_else(|| plain.to_vec(), |text| text.into_owned().into_bytes())
}
