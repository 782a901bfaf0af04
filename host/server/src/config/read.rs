//! Reads a configuration file into [`Config`]: all errors at once, each with file, line, key and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::table::{Reader, Section, line_of};
use super::{Config, address, authentication, defaults, delivery, domains, filters, listeners, sections};

/// A larger file is no configuration.
const FILE_BYTES_MAX: u64 = 4 << 20;

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
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)
    }
}

/// Reads the file. Paths in it are relative to the folder it lies in.
pub fn load(file: &Path) -> Result<Loaded, Vec<Problem>> {
    let unreadable = |message: String| vec![Problem { file: file.to_owned(), line: None, key: String::new(), message }];
    let size = std::fs::metadata(file).map_err(|error| unreadable(cannot_read(&error)))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable(format!("has {size} bytes; a configuration has at most {FILE_BYTES_MAX}")));
    }
    let bytes = std::fs::read(file).map_err(|error| unreadable(cannot_read(&error)))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let message = "is not UTF-8 text: save the file as UTF-8".to_owned();
        vec![Problem { file: file.to_owned(), line: Some(line), key: String::new(), message }]
    })?;
    parse(&text, file)
}

/// Reads `text` as the content of `file`. Looks at the disk only for files that the text names.
pub fn parse(text: &str, file: &Path) -> Result<Loaded, Vec<Problem>> {
    // Relative paths would otherwise depend on the folder somebody happens to stand in.
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let (root, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return Err(syntax_problems(&syntax, text, file));
    }
    let reader = Reader::new(file, &absolute, text);
    let config = decode(&reader, reader.root(root.get_ref()), absolute.clone());
    let (errors, warnings) = reader.into_problems();
    if errors.is_empty() { Ok(Loaded { config, warnings }) } else { Err(errors) }
}

fn decode<'a>(reader: &'a Reader<'a>, root: Section<'a>, file: PathBuf) -> Config {
    let hostname = match root.get("hostname") {
        Some(entry) => entry.text().and_then(|text| entry.checked(address::domain(text))).unwrap_or_default(),
        None => {
            let message = "is missing: write hostname = \"mx.example.com\", the name this server has in DNS";
            reader.error(None, "hostname", message);
            String::new()
        }
    };
    let domains = domains::domains(root.section("domains"));
    let mut config = Config {
        file: Some(file),
        hostname,
        data_dir: root.file("data-dir", defaults::DATA_DIR),
        listeners: listeners::listeners(&root),
        tls: listeners::tls(root.section("tls")),
        smtp: sections::smtp(root.section("smtp")),
        replies: sections::replies(root.section("replies")),
        security: sections::security(root.section("security")),
        auth: sections::auth(root.section("auth")),
        authentication: authentication::authentication(root.section("authentication")),
        submission: authentication::submission(root.section("submission")),
        relay_from: sections::relay(root.section("relay")),
        accounts: sections::accounts(root.section("accounts")),
        store: sections::store(root.section("store")),
        delivery: delivery::delivery(root.section("delivery"), domains.len()),
        domains,
        scores: sections::scores(root.section("scores")),
        challenge: sections::challenge(root.section("challenge")),
        quarantine_expire: sections::quarantine(root.section("quarantine")),
        admin: sections::admin(root.section("admin")),
        log: sections::log(root.section("log")),
        filters: filters::filters(&root),
    };
    if config.challenge.url.is_empty() {
        config.challenge.url = format!("http://{}:{}", config.hostname, config.admin.bind.port());
    }
    let lines: Vec<_> = root.sections("listener").iter().map(|section| section.at).collect();
    listeners::cross_checks(reader, &config, &lines);
    root.finish();
    config
}

fn cannot_read(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "there is no such file: name one with --config FILE, or try `postwarden dev`, which needs none".into()
        }
        std::io::ErrorKind::PermissionDenied => "may not be read by this user".into(),
        _ => format!("cannot be read: {error}"),
    }
}

/// What is not TOML, in the order of lines.
pub(crate) fn syntax_problems(errors: &[toml::de::Error], text: &str, file: &Path) -> Vec<Problem> {
    let problem = |error: &toml::de::Error| Problem {
        file: file.to_owned(),
        line: error.span().map(|span| line_of(text, span.start)),
        key: String::new(),
        message: format!("this is not TOML: {}", error.message().replace('\n', "; ")),
    };
    let mut problems: Vec<_> = errors.iter().map(problem).collect();
    problems.sort_by_key(|problem| problem.line);
    problems
}
