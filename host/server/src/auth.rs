//! Passwords and SCRAM verifiers: making, checking, with equal work for unknown users; failures counted per IP.

/// Which form of a password is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Serves PLAIN, LOGIN and SCRAM.
    Scram,
    /// Serves PLAIN and LOGIN only.
    Argon2id,
}

#[allow(unused_variables, clippy::todo)]
pub fn make_password(kind: Kind, plain: &[u8]) -> anyhow::Result<postwarden_store::Password> {
    todo!()
}

/// Failed logins by client IP.
pub struct Failures {}

#[allow(clippy::todo, clippy::new_without_default)]
impl Failures {
    pub fn new() -> Self {
        todo!()
    }
}
