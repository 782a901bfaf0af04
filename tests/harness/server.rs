//! The real binary, started on free loopback ports, with its folder, its logs and its command line.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::mail::{self, wait_for, wait_within};
use super::process::{self, Guard};
use super::{Client, config, template};

/// A start that takes longer has failed.
const READY_WAIT: Duration = Duration::from_secs(90);

pub const BINARY: &str = env!("CARGO_BIN_EXE_postwarden");

/// A server and its folder. Killed and removed when dropped; after a failure its logs are printed.
pub struct Server {
    pub dir: TempDir,
    process: Option<Guard>,
    addresses: BTreeMap<String, SocketAddr>,
    /// How many `ready` lines were read.
    starts: usize,
}

impl Server {
    /// A server with the shared accounts and `extra` laid over the base configuration.
    pub fn start(extra: &str) -> Self {
        let mut server = Self::prepare(extra);
        server.launch();
        server
    }

    /// The folder of such a server, not started.
    pub fn prepare(extra: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        template::copy_to(dir.path());
        let server = Self { dir, process: None, addresses: BTreeMap::new(), starts: 0 };
        server.write_config(&config::text(extra, free_port()));
        if extra.contains("\"builtin:") && !extra.contains("\"builtin:spam\"") {
            share_compiled(&server.dir.path().join("data"));
        }
        server
    }

    pub fn write_config(&self, text: &str) {
        std::fs::write(self.config(), text).expect("the configuration");
    }

    /// Starts it and waits for the `ready` line.
    pub fn launch(&mut self) {
        let mut command = Command::new(BINARY);
        command.arg("serve").arg("--config").arg(self.config()).current_dir(self.dir.path());
        self.process = Some(Guard::start(command, "server", self.dir.path()));
        self.starts += 1;
        let starts = self.starts;
        let ready = wait_within(READY_WAIT, "the server's ready line", || {
            let said = std::fs::read_to_string(self.dir.path().join("server.out")).unwrap_or_default();
            let line = said.lines().filter(|line| line.starts_with("ready ")).nth(starts - 1).map(ToOwned::to_owned);
            if line.is_none()
                && let Some(status) = self.process.as_mut().and_then(Guard::ended)
            {
                panic!("the server ended at its start: {status}\n{}", self.logs());
            }
            // A line without its end is still being written.
            line.filter(|_| said.ends_with('\n'))
        });
        self.addresses = ready
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .filter_map(|(name, address)| Some((name.to_owned(), address.parse().ok()?)))
            .collect();
    }

    /// The address of a listener, by its name in the configuration.
    pub fn address(&self, listener: &str) -> SocketAddr {
        *self.addresses.get(listener).unwrap_or_else(|| panic!("no listener {listener} in {:?}", self.addresses))
    }

    pub fn connect(&self, listener: &str) -> Client {
        Client::connect(self.address(listener))
    }

    /// STARTTLS on the submission port and a login with the shared password.
    pub fn submit_as(&self, user: &str) -> Client {
        let mut client = Client::starttls(self.address("submission"), template::certificate_der());
        client.login(user, template::PASSWORD);
        client
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("started").id()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.as_mut().expect("started").kill();
        self.process = None;
    }

    /// SIGTERM; waits for the end, which must be a clean one.
    pub fn stop(&mut self) {
        let status = self.process.as_mut().expect("started").stop();
        self.process = None;
        assert!(status.success(), "the server stopped with {status}\n{}", self.logs());
    }

    pub fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("started").signal(signal);
    }

    pub fn ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|process| process.ended().is_some())
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("postwarden.toml")
    }

    pub fn maildir(&self, address: &str) -> PathBuf {
        let (user, domain) = address.split_once('@').expect("an address");
        self.dir.path().join("mail").join(domain).join(user)
    }

    pub fn mails(&self, address: &str) -> Vec<Vec<u8>> {
        mail::messages(&self.maildir(address))
    }

    /// Waits until the Maildir holds `count` messages and gives them.
    pub fn wait_mails(&self, address: &str, count: usize) -> Vec<Vec<u8>> {
        wait_for(&format!("{count} messages for {address}"), || {
            let mails = self.mails(address);
            (mails.len() >= count).then_some(mails)
        })
    }

    /// The command line with this server's configuration.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        cli(&self.config(), arguments, b"")
    }

    /// The same; must succeed; gives its standard output.
    pub fn cli_ok(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", process::said(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    pub fn cli_json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let text = self.cli_ok(&all);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{all:?}: {error} in {text}"))
    }

    /// How many messages are queued, by `queue list --json`.
    pub fn queued(&self) -> usize {
        entries(&self.cli_json(&["queue", "list"])).len()
    }

    pub fn wait_queued(&self, count: usize) {
        wait_for(&format!("{count} messages in the queue"), || (self.queued() == count).then_some(()));
    }

    pub fn logs(&self) -> String {
        let read = |name: &str| std::fs::read(self.dir.path().join(name)).unwrap_or_default();
        let text =
            format!("{}{}", String::from_utf8_lossy(&read("server.out")), String::from_utf8_lossy(&read("server.err")));
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(200)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the server's last words:\n{}\n---", self.logs());
        }
    }
}

/// The entries of a listing: an array, or the one array inside an object.
pub fn entries(listing: &serde_json::Value) -> Vec<serde_json::Value> {
    match listing {
        serde_json::Value::Array(entries) => entries.clone(),
        serde_json::Value::Object(fields) => {
            fields.values().find_map(|value| value.as_array().cloned()).expect("a listing")
        }
        other => panic!("not a listing: {other}"),
    }
}

/// Runs `postwarden ARGUMENTS --config CONFIG`.
pub fn cli(config: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).arg("--config").arg(config);
    process::run(command, input)
}

/// The stock filters take seconds to compile: what one test has compiled, others read. `data` is a server's data folder.
/// Not for what learns: the compiled model of one server is no model of another.
pub fn share_compiled(data: &Path) {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let folder = data.join("filters");
    std::fs::create_dir_all(&shared).expect("a folder for compiled filters");
    std::fs::create_dir_all(&folder).expect("the folder of filters");
    std::os::unix::fs::symlink(shared, folder.join("compiled")).expect("a link");
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}
