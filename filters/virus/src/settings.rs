//! What the operator writes under `settings`, with every default. Decides nothing.

use postwarden_filter::{Problem, Problems, units};
use serde::Deserialize;

use crate::limits::Limits;

/// Levels of archives in archives that may be allowed: each is a call on the stack.
const DEPTH_MAX: u32 = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// A folder of signature files in ClamAV's formats, or one file. Without it only the EICAR test file is found.
    pub signatures: Option<String>,
    /// What becomes of an infected message: `reject` (row 27), `discard` (needs the grant `discard`), `quarantine`,
    /// `strip` (the part is replaced by a note; needs the grant `edit`) or `pass` (it is only logged).
    pub action: Action,
    /// Other actions for signatures whose names fit a mask, the first that fits:
    /// `[{ mask = "Phishing.*", action = "quarantine" }]`.
    pub by_name: Vec<ByName>,
    /// What becomes of a message that could not be looked into whole, because a limit below was reached:
    /// `reject`, `quarantine` or `pass`.
    pub on_limit: Otherwise,
    /// What becomes of a message with a zip archive that needs a password: `reject`, `quarantine` or `pass`.
    pub on_encrypted: Otherwise,
    /// Levels of archives and attached messages in each other. At most 32.
    pub depth: u32,
    /// Files looked into in one message, archives and what is in them counted alike.
    pub files: u32,
    /// Bytes of one file that are looked at.
    #[serde(deserialize_with = "units::size")]
    pub file_size: u64,
    /// Bytes unpacked from the archives of one message.
    #[serde(deserialize_with = "units::size")]
    pub unpacked: u64,
    /// Bytes unpacked for each packed one, in what unpacks to more than 1 MiB: more is a bomb.
    pub ratio: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            signatures: None,
            action: Action::Reject,
            by_name: Vec::new(),
            on_limit: Otherwise::Quarantine,
            on_encrypted: Otherwise::Pass,
            depth: 10,
            files: 2000,
            file_size: 100 << 20,
            unpacked: 100 << 20,
            ratio: 250,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Reject,
    Discard,
    Quarantine,
    Strip,
    Pass,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    Reject,
    Quarantine,
    Pass,
}

/// An action for some signatures.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByName {
    /// `*` stands for any text.
    pub mask: String,
    pub action: Action,
}

impl Settings {
    pub(crate) fn limits(&self) -> Result<Limits, Problems> {
        let mut problems = Problems::new();
        let zero = [
            ("depth", self.depth == 0),
            ("files", self.files == 0),
            ("file-size", self.file_size == 0),
            ("unpacked", self.unpacked == 0),
            ("ratio", self.ratio == 0),
        ];
        for (key, is_zero) in zero {
            if is_zero {
                problems.push(Problem::new(format!("/{key}"), "must be more than 0: no scan is without limits"));
            }
        }
        if self.depth > DEPTH_MAX {
            problems.push(Problem::new("/depth", format!("is more than {DEPTH_MAX}")));
        }
        let limits = Limits {
            depth: self.depth,
            files: self.files,
            file_bytes: self.file_size,
            unpacked_bytes: self.unpacked,
            ratio: u64::from(self.ratio),
        };
        if problems.is_empty() { Ok(limits) } else { Err(problems) }
    }

    /// Nothing that may still be found would be answered more severely.
    pub(crate) fn is_final(&self, name: &str) -> bool {
        match self.action_for(name) {
            Action::Reject => true,
            Action::Discard | Action::Quarantine => self.by_name.is_empty(),
            Action::Strip | Action::Pass => false,
        }
    }

    /// For a signature of this name.
    pub(crate) fn action_for(&self, name: &str) -> Action {
        let fits = self.by_name.iter().find(|rule| fits(&rule.mask, name));
        fits.map_or(self.action, |rule| rule.action)
    }
}

/// `*` stands for any text, an empty one too.
fn fits(mask: &str, name: &str) -> bool {
    let Some((head, rest)) = mask.split_once('*') else { return mask == name };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    let Some((middle, tail)) = rest.rsplit_once('*') else { return left.ends_with(rest) };
    for piece in middle.split('*') {
        match left.split_once(piece) {
            Some((_, behind)) => left = behind,
            None => return false,
        }
    }
    left.ends_with(tail)
}
