//! A real clamd with a signature of our own is asked about each message; where it is away, the failure policy speaks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::harness::mail::wait_within;
use crate::harness::process::Guard;
use crate::harness::server::free_port;
use crate::harness::{Server, peer};

/// clamd reads its database before it answers.
const CLAMD_WAIT: Duration = Duration::from_secs(60);

fn filter(port: u16) -> String {
    format!(
        "[[filter]]\nname = \"clamd\"\ncomponent = \"builtin:clamd\"\ngrants = [{{ connect = [\"127.0.0.1:{port}\"] }}]\n\
         settings = {{ address = \"127.0.0.1:{port}\" }}\n"
    )
}

fn start_clamd(program: &Path, dir: &Path, port: u16) -> Guard {
    std::fs::create_dir(dir.join("db")).unwrap();
    std::fs::write(dir.join("db/own.ndb"), "Own.Test:0:*:7468697320697320697420\n").unwrap();
    let path = dir.display();
    let text = format!(
        "Foreground yes\nTCPAddr 127.0.0.1\nTCPSocket {port}\nDatabaseDirectory {path}/db\nTemporaryDirectory {path}\n\
         StreamMaxLength 1M\nMaxThreads 2\nLogVerbose yes\n"
    );
    std::fs::write(dir.join("clamd.conf"), text).unwrap();
    let mut command = Command::new(program);
    command.arg("--config-file").arg(dir.join("clamd.conf"));
    let mut process = Guard::start(command, "clamd", dir);
    wait_within(CLAMD_WAIT, "clamd answers", || {
        let said = || std::fs::read_to_string(dir.join("clamd.err")).unwrap_or_default();
        assert!(process.ended().is_none(), "clamd ended: {}", said());
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(CLAMD_WAIT)).ok()?;
        stream.write_all(b"zPING\0").ok()?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said).ok()?;
        said.starts_with(b"PONG").then_some(())
    });
    process
}

fn answer(server: &Server, body: &str) -> (u16, String) {
    let mut client = server.connect("mx");
    client.ehlo();
    let message = format!("From: bob@example.org\r\nSubject: x\r\n\r\n{body}\r\n");
    let reply = client.message("bob@example.org", "alice@example.com", &message);
    (reply.code, reply.text())
}

/// Whether the server has logged this, at any time.
fn logged(server: &Server, text: &str) -> bool {
    let read = |name: &str| std::fs::read(server.dir.path().join(name)).unwrap_or_default();
    [read("server.out"), read("server.err")].iter().any(|log| String::from_utf8_lossy(log).contains(text))
}

#[test]
fn clamd_is_asked() {
    let Some(program) = peer::need("clamd") else { return };
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut clamd = start_clamd(&program, dir.path(), port);
    let server = Server::start(&filter(port));
    assert_eq!(answer(&server, "all is well").0, 250);
    let (code, text) = answer(&server, "this is it now");
    assert!(code == 554 && text.contains("virus found"), "{code} {text}");
    assert!(logged(&server, "Own.Test"), "{}", server.logs());

    // Larger than its StreamMaxLength: held, and said so.
    let line = format!("{}\r\n", "x".repeat(70));
    assert_eq!(answer(&server, &line.repeat(20_000)).0, 250);
    assert!(logged(&server, "larger than clamd takes"), "{}", server.logs());

    clamd.kill();
    let (code, text) = answer(&server, "all is well");
    assert_eq!(code, 451, "{text}");
    assert!(logged(&server, "nobody listens there"), "{}", server.logs());
}
