//! Accounts, aliases and lists that all scenarios share: made once by the command line on a stopped
//! server, then copied for each.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::server::cli;

pub const PASSWORD: &str = "wonderland-7";

/// What stands in the store: arguments after `postwarden`, split at spaces. Accounts get [`PASSWORD`].
const COMMANDS: &[&str] = &[
    "account add alice@example.com --password-stdin",
    "account add bob@example.com --password-stdin",
    "account add carol@example.com --password-stdin --quota 2KiB",
    "account add dave@example.com --password-stdin --local-domains-only",
    "account add erin@example.com --password-stdin --send-limit-messages 1",
    "account add frank@example.com --password-stdin --no-receive",
    "account add gina@example.com --password-stdin --disabled",
    "account add heidi@example.com --password-stdin --no-send",
    "account add ivan@example.com --password-stdin --max-message-size 2KiB",
    "account add judy@reject.example --password-stdin",
    "alias add postmaster@example.com alice@example.com",
    "alias add sales@example.com alice@example.com bob@example.com",
    "alias add dangling@example.com nobody-here@example.com",
    "list add team@example.com alice@example.com bob@example.com",
    "list add staff@example.com --members-only alice@example.com bob@example.com",
];

struct Template {
    dir: TempDir,
    certificate: Vec<u8>,
}

static TEMPLATE: OnceLock<Template> = OnceLock::new();

fn template() -> &'static Template {
    TEMPLATE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a folder");
        let certificate = certificate(&dir.path().join("tls"));
        let config = dir.path().join("postwarden.toml");
        std::fs::write(&config, super::config::text("", 0)).expect("the configuration");
        for command in COMMANDS {
            let arguments: Vec<&str> = command.split(' ').collect();
            let output = cli(&config, &arguments, format!("{PASSWORD}\n").as_bytes());
            assert!(output.status.success(), "{command}: {}", super::process::said(&output));
        }
        Template { dir, certificate }
    })
}

/// DER of the certificate that all scenarios' servers show.
pub fn certificate_der() -> &'static [u8] {
    &template().certificate
}

/// PEM file of the same, for peers.
pub fn certificate_file() -> PathBuf {
    template().dir.path().join("tls/fullchain.pem")
}

/// Puts the store and the certificate into a scenario's folder.
pub fn copy_to(dir: &Path) {
    copy_tree(template().dir.path(), dir);
}

/// Writes a self-signed certificate for the test host and its key; gives the DER.
pub fn certificate(folder: &Path) -> Vec<u8> {
    let names = ["mx.example.com", "localhost", "127.0.0.1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    std::fs::create_dir_all(folder).expect("tls");
    std::fs::write(folder.join("fullchain.pem"), made.cert.pem()).expect("certificate");
    std::fs::write(folder.join("privkey.pem"), made.signing_key.serialize_pem()).expect("key");
    made.cert.der().to_vec()
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => copy_tree(&entry.path(), &target),
            Ok(kind) if kind.is_file() => drop(std::fs::copy(entry.path(), target).expect("a copy")),
            _ => {}
        }
    }
}
