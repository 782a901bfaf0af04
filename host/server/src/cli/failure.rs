//! Why a command failed, with its exit status; printed once.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::admin::operation::{Kind, Refused};
use crate::config::read::Problem;

/// Refused, or not found.
pub(super) const REFUSED: u8 = 1;
/// Wrong usage, or a configuration with errors.
pub(super) const USAGE: u8 = 2;

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: u8,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into() }
    }

    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self { code: REFUSED, message: message.into() }
    }

    /// All errors of a configuration.
    pub(super) fn configuration(file: &Path, errors: &[Problem]) -> Self {
        let mut message = String::new();
        for error in errors {
            message.push_str(&format!("{error}\n"));
        }
        if errors.len() > 1 {
            message.push_str(&format!("{} errors in {}", errors.len(), file.display()));
        }
        Self::usage(message)
    }

    pub(super) fn report(self) -> ExitCode {
        let _ = writeln!(std::io::stderr(), "postwarden: {}", self.message.trim_end());
        ExitCode::from(self.code)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let code = if refused.kind == Kind::Invalid { USAGE } else { REFUSED };
        Self { code, message: refused.message }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::refused(format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::refused(error.to_string())
    }
}
