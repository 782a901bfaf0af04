//! What the operator writes under `settings`, with every default.

use postwarden_filter::{Problem, Problems, units};
use serde::Deserialize;

/// Bytes of a piece: what crosses to the host at once is limited.
const PIECE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// Host and port of the daemon's TCPSocket, as the grant `connect` spells them.
    pub address: String,
    /// What becomes of an infected message: `reject` (row 27), `discard` (needs that grant), `quarantine` or `pass`.
    pub action: Action,
    /// What becomes of a message that is larger than the daemon takes: `reject`, `quarantine` or `pass`.
    pub on_limit: Otherwise,
    /// Bytes sent at once, at most 1MiB.
    #[serde(deserialize_with = "units::size")]
    pub piece: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Reject,
    Discard,
    Quarantine,
    Pass,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    Reject,
    Quarantine,
    Pass,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:3310".to_owned(),
            action: Action::Reject,
            on_limit: Otherwise::Quarantine,
            piece: 256 << 10,
        }
    }
}

impl Settings {
    /// Host and port, if all is well.
    pub(crate) fn check(&self) -> Result<(String, u16), Problems> {
        let mut problems = Problems::new();
        let parts = self.address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let parts = parts.filter(|(host, _)| !host.is_empty());
        if parts.is_none() {
            let said = format!("\"{}\" is no host:port, as in \"127.0.0.1:3310\"", self.address);
            problems.push(Problem::new("/address", said));
        }
        if self.piece == 0 || self.piece > PIECE_BYTES_MAX {
            problems.push(Problem::new("/piece", "must be from 1B to 1MiB"));
        }
        match parts {
            Some((host, port)) if problems.is_empty() => Ok((host.trim_matches(['[', ']']).to_owned(), port)),
            _ => Err(problems),
        }
    }
}
