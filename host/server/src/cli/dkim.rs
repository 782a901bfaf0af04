//! `postwarden dkim`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::connection;
use super::failure::Failure;
use super::output::Output;
use crate::config::address;
use crate::signing::{Key, Kind};

/// Keys that sign outgoing mail.
#[derive(Args)]
pub(super) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    New(New),
}

/// Make a key for a domain: writes the key file, prints the DNS record and the line for the configuration.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden dkim new example.com
  postwarden dkim new example.com --type rsa --selector s2

Publish the record, wait until it can be seen (dig TXT s1._domainkey.example.com), then add the line to the
configuration and reload. With a key of each type, mail gets two signatures: not every server reads Ed25519 yet.")]
struct New {
    /// The domain in From that the key signs for; domains below it are covered
    domain: String,
    /// The name of the key below the domain; another one for each key
    #[arg(long, default_value = "s1")]
    selector: String,
    /// Ed25519 is short and quick, RSA is known everywhere
    #[arg(long = "type", value_enum, default_value_t = Type::Ed25519)]
    kind: Type,
}

#[derive(Clone, Copy, ValueEnum)]
enum Type {
    Ed25519,
    Rsa,
}

#[derive(Serialize)]
struct Made {
    domain: String,
    selector: String,
    key: String,
    name: String,
    record: String,
    zone: String,
    config: String,
}

impl Command {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let What::New(new) = self.what;
        let domain = address::domain(&new.domain).map_err(Failure::usage)?;
        let selector = new.selector.to_ascii_lowercase();
        address::domain(&format!("{selector}.{domain}")).map_err(|_| {
            Failure::usage(format!("\"{selector}\" is no selector: write letters and digits, as in s1"))
        })?;
        // Beside the configuration, which need not be there yet.
        let folder = connection::find(config).ok().as_deref().and_then(Path::parent).map(Path::to_owned);
        let path = PathBuf::from("dkim").join(format!("{domain}-{selector}.pem"));
        let file = folder.unwrap_or_default().join(&path);
        let kind = match new.kind {
            Type::Ed25519 => Kind::Ed25519,
            Type::Rsa => Kind::Rsa,
        };
        let key = Key::make(kind, &file).map_err(Failure::refused)?;
        let made = Made {
            key: std::path::absolute(&file).unwrap_or(file).display().to_string(),
            name: format!("{selector}._domainkey.{domain}"),
            record: key.record(),
            zone: key.zone_line(&selector, &domain),
            config: format!(
                "dkim = [{{ domain = \"{domain}\", selector = \"{selector}\", key = \"{}\" }}]",
                path.display()
            ),
            domain,
            selector,
        };
        if out.json {
            out.value(&made)?;
            return Ok(ExitCode::SUCCESS);
        }
        out.line(format!("The key is in {} (mode 0600): the server's user must be able to read it.", made.key))?;
        out.line(format!("\nPublish in DNS:\n\n{}", made.zone))?;
        out.line(format!("\nThen, in [delivery]:\n\n{}", made.config))?;
        Ok(ExitCode::SUCCESS)
    }
}
