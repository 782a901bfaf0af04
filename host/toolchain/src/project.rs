//! `filter.toml`: what the workbench knows of a filter's project. Read here, written by the author.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

pub const FILE: &str = "filter.toml";

/// The keys of `filter.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: String,
    language: Language,
    /// As in a `[[filter]]` of the server.
    grants: Option<toml::Value>,
    #[serde(default)]
    settings: toml::Table,
}

#[derive(Clone, Debug)]
pub struct Project {
    pub folder: PathBuf,
    pub name: String,
    pub language: Language,
    pub grants: Option<toml::Value>,
    pub settings: toml::Table,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    Rust,
    C,
    Js,
    Ts,
    Python,
    Go,
}

impl Language {
    pub const ALL: [Self; 6] = [Self::Rust, Self::C, Self::Js, Self::Ts, Self::Python, Self::Go];

    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::Js => "js",
            Self::Ts => "ts",
            Self::Python => "python",
            Self::Go => "go",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Project {
    /// The project in this folder. The error says how to make one.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(FILE);
        if !file.is_file() {
            bail!(
                "{} is no filter's project, it has no {FILE}: go to one, or make one with \"postwarden filter new NAME --lang rust\"",
                folder.display()
            );
        }
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let written: Written = toml::from_str(&text).with_context(|| file.display().to_string())?;
        check_name(&written.name).with_context(|| format!("{}: name", file.display()))?;
        let Written { name, language, grants, settings } = written;
        Ok(Self { folder: folder.to_owned(), name, language, grants, settings })
    }

    /// The component a build makes.
    pub fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }

    pub fn tests(&self) -> PathBuf {
        self.folder.join("tests")
    }
}

/// Names become file names, crates and worlds.
pub fn check_name(name: &str) -> anyhow::Result<()> {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if name.len() <= 40 && name.split('-').all(word) {
        return Ok(());
    }
    bail!(
        "\"{name}\" is no name for a filter: words of lower-case letters and digits with \"-\" between them, as in no-invoices"
    );
}
