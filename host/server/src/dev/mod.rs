//! `postwarden dev`: a whole server on loopback without a configuration file.
//!
//! What it needs is made in one folder and kept between runs: a configuration that the other
//! commands can be pointed at, a certificate, two accounts. Nothing leaves the machine.

mod help;
mod stock;

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use postwarden_store::accounts::Entry;
use postwarden_store::{Account, Error as StoreError};
use postwarden_toolchain::Project;

use crate::config::read;
use crate::server::{self, Refused, Running};
use crate::{auth, log, workbench};

/// The accounts of a development server.
pub const ACCOUNTS: [&str; 2] = ["alice@localhost", "bob@localhost"];

const SMTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2525);
const SUBMISSION: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2587);
const CONSOLE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);

/// What a filter may do that says nothing else.
const GRANTS: [&str; 7] = ["dns", "state", "accept", "discard", "edit", "recipients", "custom-replies"];

/// What the command line may change.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Default: a folder below the user's data folder, kept between runs.
    pub data: Option<PathBuf>,
    pub smtp: Option<SocketAddr>,
    pub submission: Option<SocketAddr>,
    pub console: Option<SocketAddr>,
    /// Components to load, in this order.
    pub filters: Vec<PathBuf>,
}

/// Until SIGTERM or SIGINT.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let (running, passwords) = start(&options).await?;
    println!("{}", help::text(&running, &passwords));
    println!("{}", running.ready_line());
    server::until_stopped(running).await
}

/// A password of a development account.
struct Login {
    address: String,
    password: String,
}

async fn start(options: &Options) -> anyhow::Result<(Running, Vec<Login>)> {
    let data = match &options.data {
        Some(data) => data.clone(),
        None => default_data(),
    };
    std::fs::create_dir_all(data.join("tls")).with_context(|| format!("{} cannot be made", data.display()))?;
    let data = data.canonicalize()?;
    ports_are_free(options)?;
    make_certificate(&data.join("tls"))?;
    let file = data.join("postwarden.toml");
    stock::make_files(&data)?;
    std::fs::write(&file, configuration(options) + &stock::sections() + &filters(&options.filters)?)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    let read::Loaded { config, .. } = read::load(&file).map_err(Refused)?;
    log::init(&config.log)?;
    if !data.join("filters").exists() {
        eprintln!("postwarden: the first start compiles the stock filters, which takes some seconds");
    }
    let running = server::start(config).await?;
    let logins = make_accounts(&running, &data.join("dev-accounts.txt")).await?;
    Ok((running, logins))
}

/// `$XDG_DATA_HOME/postwarden-dev`, as other programs keep what belongs to the user.
fn default_data() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from("postwarden-dev"), |folder| folder.join("postwarden-dev"))
}

/// A port in use is the usual reason why a start fails: say which flag helps.
fn ports_are_free(options: &Options) -> anyhow::Result<()> {
    let ports = [
        ("--smtp", options.smtp.unwrap_or(SMTP)),
        ("--submission", options.submission.unwrap_or(SUBMISSION)),
        ("--console", options.console.unwrap_or(CONSOLE)),
    ];
    for (flag, address) in ports {
        if let Err(error) = std::net::TcpListener::bind(address) {
            let why = match error.kind() {
                ErrorKind::AddrInUse => "another program uses it".to_owned(),
                _ => error.to_string(),
            };
            bail!("{address} cannot be bound: {why}. Choose another address, for example {flag} 127.0.0.1:0");
        }
    }
    Ok(())
}

fn configuration(options: &Options) -> String {
    let smtp = options.smtp.unwrap_or(SMTP);
    let submission = options.submission.unwrap_or(SUBMISSION);
    let console = options.console.unwrap_or(CONSOLE);
    format!(
        r#"# Written anew by each start of `postwarden dev`. Changes made while it runs count after
# `postwarden reload`; to keep them, copy the folder and run `postwarden serve --config`.

hostname = "localhost"
data-dir = "."

[[listener]]
name = "mx"
bind = ["{smtp}"]
role = "mx"

[[listener]]
name = "submission"
bind = ["{submission}"]
role = "submission"

[tls]
certificate = "tls/certificate.pem"
key = "tls/key.pem"

[smtp]
max-sessions-per-ip = 0              # every client of a test comes from the same address

[auth]
allow-plaintext-without-tls = true   # nothing here crosses a network

[relay]
from = []                            # who does not log in may write to local addresses only

[domains."localhost"]
unknown-users = "reject"

[delivery]
local = {{ maildir = "mail/{{domain}}/{{user}}" }}

[admin]
bind = "{console}"
token-file = "admin.token"
"#
    )
}

/// All grants that need no further detail: what is tried here concerns nobody else. A file `FILE.toml` beside `FILE.wasm`
/// may have settings, other grants and all else that a [[filter]] can say; a project's folder brings its own.
fn filters(components: &[PathBuf]) -> anyhow::Result<String> {
    let mut text = String::new();
    for (index, component) in components.iter().enumerate() {
        let file = component.canonicalize().with_context(|| format!("--filter {}", component.display()))?;
        if file.is_dir() {
            text.push_str(&project(&file)?);
            continue;
        }
        let stem = file.file_stem().map_or_else(|| "filter".into(), |stem| stem.to_string_lossy());
        let again = components.iter().take(index).any(|other| other.file_stem() == component.file_stem());
        let name = if again { format!("{stem}-{index}") } else { stem.into_owned() };
        let mut filter = beside(&file.with_extension("toml"))?;
        filter.insert("name".to_owned(), name.into());
        filter.insert("component".to_owned(), file.display().to_string().into());
        filter.entry("grants").or_insert_with(|| GRANTS.to_vec().into());
        let section = toml::Table::from_iter([("filter".to_owned(), toml::Value::Array(vec![filter.into()]))]);
        write!(text, "\n{}", toml::to_string(&section)?)?;
    }
    Ok(text)
}

/// What is written there; empty where there is no such file.
fn beside(file: &Path) -> anyhow::Result<toml::Table> {
    match std::fs::read_to_string(file) {
        Ok(text) => text.parse().with_context(|| format!("{}", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(toml::Table::new()),
        Err(error) => Err(error).with_context(|| format!("{}", file.display())),
    }
}

/// The `[[filter]]` of a project that was built.
fn project(folder: &Path) -> anyhow::Result<String> {
    let project = Project::open(folder)?;
    let component = project.component();
    if !component.is_file() {
        bail!("{} is not there: run \"postwarden filter build {}\" first", component.display(), folder.display());
    }
    let (settings, grants) = workbench::subject::project_says(&project).map_err(anyhow::Error::msg)?;
    let filter = serde_json::json!({
        "name": project.name, "component": component, "settings": settings,
        "grants": grants.unwrap_or_else(|| serde_json::json!([])),
    });
    Ok(format!("\n{}", toml::to_string(&serde_json::json!({ "filter": [filter] }))?))
}

fn make_certificate(folder: &Path) -> anyhow::Result<()> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if certificate.exists() && key.exists() {
        return Ok(());
    }
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let made = rcgen::generate_simple_self_signed(names)?;
    write_private(&key, &made.signing_key.serialize_pem())?;
    std::fs::write(&certificate, made.cert.pem()).with_context(|| format!("{}", certificate.display()))
}

/// The accounts with the passwords of the last run, or new ones.
async fn make_accounts(running: &Running, file: &Path) -> anyhow::Result<Vec<Login>> {
    let known = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{}", file.display())),
    };
    let mut logins = Vec::new();
    for address in ACCOUNTS {
        let kept = known.lines().find_map(|line| line.split_once(' ').filter(|(name, _)| *name == address));
        let password = kept.map_or_else(new_password, |(_, password)| password.trim().to_owned());
        let account = Account {
            address: address.to_owned(),
            password: Some(auth::make_password(auth::Kind::Scram, password.as_bytes())?),
            quota: 0,
            max_message_size: 0,
            send_limit_messages: 0,
            send_limit_bytes: 0,
            local_domains_only: false,
            no_send: false,
            no_receive: false,
            disabled: false,
        };
        // An account whose password is known here is left as it is: its limits may have been changed.
        match running.node.accounts.put(Entry::Account(account), kept.is_none()).await {
            Ok(()) | Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error).with_context(|| address),
        }
        logins.push(Login { address: address.to_owned(), password });
    }
    let mut text = String::new();
    for login in &logins {
        writeln!(text, "{} {}", login.address, login.password)?;
    }
    if text != known {
        write_private(file, &text)?;
    }
    Ok(logins)
}

/// 80 random bits in letters and digits that are not mistaken for each other.
fn new_password() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    rand::random::<[u8; 16]>()
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
        .map(|letter| char::from(*letter))
        .collect()
}

fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut opened| opened.write_all(text.as_bytes()))
        .with_context(|| format!("{} cannot be written", file.display()))
}
