//! Two nodes on one PostgreSQL: one is killed in the middle of its deliveries, the other one finishes them.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::lmtp_sink::Sink;
use crate::harness::mail::wait_within;
use crate::harness::process::{run, said};
use crate::harness::server::free_port;
use crate::harness::{Server, peer, wait_for};

const MESSAGES: usize = 8;

/// Leases end after a minute; two more are for a loaded machine.
const TAKEOVER_WAIT: std::time::Duration = std::time::Duration::from_secs(180);

/// A throw-away cluster, by a user that is not root.
struct Cluster {
    dir: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    /// `None` after a word about the skip.
    fn start() -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
        folders.extend(peer::find("initdb").and_then(|program| program.parent().map(PathBuf::from)));
        folders.sort();
        let programs = folders.into_iter().rev().find(|folder| folder.join("initdb").is_file());
        let Some(programs) = programs else {
            peer::skip("PostgreSQL is not installed");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(dir.path().join("cluster")).unwrap();
        if peer::is_root() {
            let given = Command::new("chown").arg("postgres").arg(dir.path().join("cluster")).status().unwrap();
            assert!(given.success());
        }
        let cluster = Self { dir, programs, port: free_port() };
        let made = cluster.program("initdb", &["-A", "trust", "-U", "postgres", "-N", "-D", &cluster.data()]);
        assert!(made.status.success(), "{}", said(&made));
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories={}",
            cluster.port,
            cluster.data()
        );
        let log = format!("{}/log", cluster.data());
        let started = cluster.program("pg_ctl", &["start", "-w", "-D", &cluster.data(), "-l", &log, "-o", &options]);
        assert!(started.status.success(), "{}", said(&started));
        Some(cluster)
    }

    fn data(&self) -> String {
        self.dir.path().join("cluster").display().to_string()
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn program(&self, name: &str, arguments: &[&str]) -> std::process::Output {
        let program = self.programs.join(name);
        let mut command = if peer::is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir("/");
        // The server outlives pg_ctl and must not hold our pipes.
        let files = ["program.out", "program.err"].map(|name| self.dir.path().join(name));
        command.stdin(std::process::Stdio::null());
        command.stdout(std::fs::File::create(&files[0]).unwrap());
        command.stderr(std::fs::File::create(&files[1]).unwrap());
        let status = command.status().unwrap();
        let read = |file: &PathBuf| std::fs::read(file).unwrap_or_default();
        std::process::Output { status, stdout: read(&files[0]), stderr: read(&files[1]) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.program("pg_ctl", &["stop", "-m", "immediate", "-w", "-D", &self.data()]);
    }
}

#[test]
fn the_work_of_a_killed_node_returns() {
    let Some(cluster) = Cluster::start() else { return };
    let sink = Sink::start();
    let config = format!(
        "[store]\nbackend = \"postgres\"\nurl = \"{}\"\n[delivery]\nlocal = {{ lmtp = \"{}\" }}\n",
        cluster.url(),
        sink.address
    );
    let mut first = Server::prepare(&config);
    for user in ["alice", "bob"] {
        let address = format!("{user}@example.com");
        let arguments = ["account", "add", &address, "--password-stdin"];
        let added = crate::harness::server::cli(&first.config(), &arguments, b"wonderland-7\n");
        assert!(added.status.success(), "{}", said(&added));
    }
    first.launch();
    sink.hang(true);
    let mut client = first.connect("mx");
    client.ehlo();
    for number in 0..MESSAGES {
        let content = format!("Subject: number {number}\r\n\r\n");
        assert_eq!(client.message("bob@example.org", "alice@example.com", &content).code, 250);
    }
    wait_for("a delivery of the first node in progress", || (sink.hanging() > 0).then_some(()));

    let mut second = Server::prepare(&config);
    second.launch();
    first.kill();
    sink.hang(false);
    // The second node is at work at once, for new mail …
    let mut client = second.connect("mx");
    client.ehlo();
    assert_eq!(client.message("bob@example.org", "bob@example.com", "Subject: new\r\n\r\n").code, 250);
    wait_for("the new mail", || sink.taken().iter().any(|taken| taken.recipient == "bob@example.com").then_some(()));
    // … and for that of the dead one when its leases have ended.
    wait_within(TAKEOVER_WAIT, "the dead node's deliveries", || (second.queued() == 0).then_some(()));
    let mut subjects: Vec<String> = sink
        .taken()
        .iter()
        .filter(|taken| taken.recipient == "alice@example.com")
        .filter_map(|taken| {
            let header = crate::harness::mail::header(&taken.content);
            header.lines().find_map(|line| line.strip_prefix("Subject: ").map(ToOwned::to_owned))
        })
        .collect();
    subjects.sort();
    let expected: Vec<String> = (0..MESSAGES).map(|number| format!("number {number}")).collect();
    assert_eq!(subjects, expected, "each once, none lost");
    second.stop();
}

/// Accounts, queue and history of one node are those of the other.
#[test]
fn nodes_share_accounts_and_queue() {
    let Some(cluster) = Cluster::start() else { return };
    let config = format!(
        "[store]\nbackend = \"postgres\"\nurl = \"{}\"\n[relay]\nfrom = [\"127.0.0.0/8\"]\n\
         [delivery]\nsmarthost = \"127.0.0.1:9\"\n",
        cluster.url()
    );
    let mut first = Server::prepare(&config);
    let mut second = Server::prepare(&config);
    first.launch();
    second.launch();
    let arguments = ["account", "add", "zoe@example.com", "--password-stdin"];
    let added = crate::harness::server::cli(&first.config(), &arguments, b"wonderland-7\n");
    assert!(added.status.success(), "{}", said(&added));
    wait_for("the other node knows the account", || {
        let mut client = second.connect("mx");
        client.ehlo();
        client.command("MAIL FROM:<bob@example.org>");
        (client.command("RCPT TO:<zoe@example.com>").code == 250).then_some(())
    });
    let mut client = second.connect("mx");
    client.ehlo();
    assert_eq!(client.message("bob@example.org", "x@elsewhere.example", "Subject: q\r\n\r\n").code, 250);
    first.wait_queued(1);
    let output = run(
        {
            let mut command = Command::new(crate::harness::server::BINARY);
            command.args(["queue", "list", "--json", "--config"]).arg(first.config());
            command
        },
        b"",
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("x@elsewhere.example"), "{}", said(&output));
}
