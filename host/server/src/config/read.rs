//! Reads a configuration file into [`Config`]: all errors at once, each with file, line, key and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;

/// A configuration and what should be said about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<Problem>,
}

/// Something wrong in a file of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    /// From 1; none where the fault is an absence.
    pub line: Option<usize>,
    pub key: String,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}: {}", self.key, self.message)
    }
}

#[allow(unused_variables, clippy::todo)]
pub fn load(file: &Path) -> Result<Loaded, Vec<Problem>> {
    todo!()
}

#[allow(unused_variables, clippy::todo)]
pub fn parse(text: &str, file: &Path) -> Result<Loaded, Vec<Problem>> {
    todo!()
}
