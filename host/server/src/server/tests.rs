//! Real sockets against a started server: what the runtime promises whatever the protocol says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::*;

/// A test that waits longer has failed.
const WAIT_MAX: Duration = Duration::from_secs(20);

struct Server {
    running: Running,
    folder: tempfile::TempDir,
}

impl Server {
    async fn start(extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = vec!["localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        std::fs::write(folder.path().join("certificate.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let server = write_config(folder.path(), extra);
        let config = read::load(&server).unwrap_or_else(|problems| panic!("{}", Refused(problems))).config;
        Self { running: super::start(config).await.unwrap(), folder }
    }

    /// The address of the listener `mx`.
    fn mx(&self) -> SocketAddr {
        self.running.addresses[0].1
    }

    async fn queued(&self) -> u64 {
        self.running.node.store.count().await.unwrap().0
    }

    fn rewrite(&self, extra: &str) {
        write_config(self.folder.path(), extra);
    }
}

fn write_config(folder: &Path, extra: &str) -> PathBuf {
    let mx = "[[listener]]\nname = \"mx\"\nbind = [\"127.0.0.1:0\"]\nrole = \"mx\"\n";
    // `extra` may bring its own first listener.
    let mx = if extra.contains("name = \"mx\"") { "" } else { mx };
    let file = folder.join("postwarden.toml");
    let text = format!(
        r#"hostname = "mx.example.com"
data-dir = "data"
[tls]
certificate = "certificate.pem"
key = "key.pem"
[domains."example.com"]
unknown-users = "discard"
[relay]
from = []
[admin]
bind = "127.0.0.1:0"
token-file = "admin.token"
{mx}{extra}
"#
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// A client that reads replies whole.
struct Client<S> {
    stream: BufReader<S>,
}

async fn connect(address: SocketAddr) -> Client<TcpStream> {
    Client { stream: BufReader::new(TcpStream::connect(address).await.unwrap()) }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.unwrap();
        self.stream.get_mut().flush().await.unwrap();
    }

    /// The last line of the next reply; empty at the end of the connection.
    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(WAIT_MAX, self.stream.read_line(&mut line)).await.expect("no reply");
            if read.unwrap_or(0) == 0 || line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    async fn expect(&mut self, start: &str) {
        let reply = self.reply().await;
        assert!(reply.starts_with(start), "{start:?} wanted, got {reply:?}");
    }

    async fn say(&mut self, line: &str, start: &str) {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.expect(start).await;
    }

    /// To the point where content may be sent.
    async fn envelope(&mut self) {
        self.say("EHLO client.example.net", "250").await;
        self.say("MAIL FROM:<a@example.net>", "250").await;
        self.say("RCPT TO:<b@example.com>", "250").await;
    }

    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(WAIT_MAX, self.stream.read_to_end(&mut rest)).await.expect("no end");
        rest
    }
}

async fn start_tls(client: Client<TcpStream>, folder: &Path) -> Client<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, client.stream.into_inner()).await.unwrap();
    Client { stream: BufReader::new(stream) }
}

#[tokio::test]
async fn a_client_that_sends_all_and_closes_its_half_gets_every_reply() {
    let server = Server::start("").await;
    let mut client = connect(server.mx()).await;
    client
        .send(
            b"EHLO c.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n\
              Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n",
        )
        .await;
    client.stream.get_mut().shutdown().await.unwrap();
    for code in ["220", "250", "250", "250", "354", "250", "221"] {
        client.expect(code).await;
    }
    assert_eq!(client.rest().await, b"");
    server.running.stop().await;
}

#[tokio::test]
async fn content_that_is_cut_is_not_stored() {
    let server =
        Server::start("[domains.\"kept.example\"]\nunknown-users = { forward = \"x@elsewhere.example\" }").await;
    for (command, bytes) in
        [("DATA", "Subject: x\r\n\r\nx\r\n.\r".as_bytes()), ("BDAT 100 LAST", b"Subject: x\r\n\r\nx\r\n")]
    {
        let mut client = connect(server.mx()).await;
        client.expect("220").await;
        client.say("EHLO client.example.net", "250").await;
        client.say("MAIL FROM:<a@example.net>", "250").await;
        client.say("RCPT TO:<b@kept.example>", "250").await;
        client.send(format!("{command}\r\n").as_bytes()).await;
        if command == "DATA" {
            client.expect("354").await;
        }
        client.send(bytes).await;
        client.stream.get_mut().shutdown().await.unwrap();
        assert_eq!(client.rest().await, b"", "{command}");
    }
    assert_eq!(server.queued().await, 0);

    // The same with its end is stored: the test above could fail.
    let mut client = connect(server.mx()).await;
    client.expect("220").await;
    client.say("EHLO client.example.net", "250").await;
    client.say("MAIL FROM:<a@example.net>", "250").await;
    client.say("RCPT TO:<b@kept.example>", "250").await;
    client.send(b"BDAT 17 LAST\r\nSubject: x\r\n\r\nx\r\n").await;
    client.expect("250").await;
    assert_eq!(server.queued().await, 1);
    server.running.stop().await;
}

#[tokio::test]
async fn clear_text_behind_starttls_is_never_read_inside_tls() {
    let server = Server::start("").await;
    let mut client = connect(server.mx()).await;
    client.expect("220").await;
    client.say("EHLO client.example.net", "250").await;
    client.say("STARTTLS", "220").await;
    let mut client = start_tls(client, server.folder.path()).await;
    // Greeting and all else are forgotten.
    client.say("MAIL FROM:<a@example.net>", "503").await;
    client.envelope().await;
    client.say("QUIT", "221").await;

    let mut client = connect(server.mx()).await;
    client.expect("220").await;
    client.say("EHLO client.example.net", "250").await;
    client.send(b"STARTTLS\r\nNOOP\r\nNOOP\r\n").await;
    let reply = client.reply().await;
    if reply.starts_with("220") {
        // Dropped: the handshake goes on, and the next reply belongs to the next command.
        let mut client = start_tls(client, server.folder.path()).await;
        client.say("EHLO client.example.net", "250").await;
        client.say("QUIT", "221").await;
    } else {
        assert!(reply.starts_with('5'), "{reply}");
    }
    server.running.stop().await;
}

#[tokio::test]
async fn tls_that_ends_inside_a_chunk_ends_the_session() {
    let server = Server::start("").await;
    for polite in [true, false] {
        let mut client = connect(server.mx()).await;
        client.expect("220").await;
        client.say("EHLO client.example.net", "250").await;
        client.say("STARTTLS", "220").await;
        let mut client = start_tls(client, server.folder.path()).await;
        client.envelope().await;
        client.send(b"BDAT 100 LAST\r\nSubject: x\r\n").await;
        let mut stream = client.stream.into_inner();
        if polite {
            stream.shutdown().await.unwrap();
        }
        // Clear text in place of a record, after close_notify or without.
        let (tcp, _) = stream.get_mut();
        let _ = tcp.write_all(b"\r\nNOOP\r\nNOOP\r\n").await;
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(WAIT_MAX, tcp.read_to_end(&mut rest)).await.expect("no end");
        assert!(!rest.windows(4).any(|four| four == b"250 "), "clear text was answered");
    }
    assert_eq!(server.queued().await, 0);
    server.running.stop().await;
}

#[tokio::test]
async fn sessions_above_the_limits_get_421_and_places_come_back() {
    let server = Server::start("[smtp]\nmax-sessions = 3\nmax-sessions-per-ip = 2").await;
    let mut first = connect(server.mx()).await;
    first.expect("220").await;
    let mut second = connect(server.mx()).await;
    second.expect("220").await;
    let mut third = connect(server.mx()).await;
    third.expect("421").await;
    assert_eq!(third.rest().await, b"");
    drop(third);
    first.say("QUIT", "221").await;
    assert_eq!(first.rest().await, b"");
    drop(first);
    // The place is free when the server has seen the end.
    for _ in 0..1000 {
        if server.running.node.sessions.open() < 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    connect(server.mx()).await.expect("220").await;
    server.running.stop().await;
}

#[tokio::test]
async fn without_a_place_for_anybody_421_is_sent_at_once() {
    let server = Server::start("[smtp]\nmax-sessions = 1\nmax-sessions-per-ip = 0").await;
    let mut first = connect(server.mx()).await;
    first.expect("220").await;
    let mut second = connect(server.mx()).await;
    second.expect("421").await;
    assert_eq!(second.rest().await, b"");
    server.running.stop().await;
}

const PROXIED: &str =
    "[[listener]]\nname = \"mx\"\nbind = [\"127.0.0.1:0\"]\nrole = \"mx\"\nproxy-protocol = [\"127.0.0.1\"]\n";

#[tokio::test]
async fn a_proxy_header_is_believed_from_listed_networks_only() {
    let server = Server::start(&format!("{PROXIED}[smtp]\nmax-sessions-per-ip = 1")).await;
    let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\nEHLO c.example.net\r\n";
    let mut client = connect(server.mx()).await;
    client.send(header).await;
    client.expect("220").await;
    client.expect("250").await;
    // Limits count the client behind the proxy.
    let mut same = connect(server.mx()).await;
    same.send(header).await;
    same.expect("421").await;
    let mut other = connect(server.mx()).await;
    other.send(b"PROXY TCP4 192.0.2.8 198.51.100.1 4711 25\r\n").await;
    other.expect("220").await;
    let mut none = connect(server.mx()).await;
    none.send(b"EHLO client.example.net\r\n").await;
    assert_eq!(none.rest().await, b"");
    server.running.stop().await;

    let server = Server::start("").await;
    let mut client = connect(server.mx()).await;
    client.expect("220").await;
    client.say("PROXY TCP4 192.0.2.7 198.51.100.1 4711 25", "500").await;
    server.running.stop().await;
}

#[tokio::test]
async fn a_stop_lets_messages_finish_and_sends_the_idle_away() {
    let server = Server::start("").await;
    let mut idle = connect(server.mx()).await;
    idle.expect("220").await;
    let mut busy = connect(server.mx()).await;
    busy.expect("220").await;
    busy.envelope().await;
    busy.say("DATA", "354").await;
    busy.send(b"Subject: x\r\n").await;
    let (address, stopping) = (server.mx(), tokio::spawn(server.running.stop()));
    idle.expect("421").await;
    assert_eq!(idle.rest().await, b"");
    assert!(TcpStream::connect(address).await.is_err(), "still listening");
    busy.say("\r\nx\r\n.", "250").await;
    busy.expect("421").await;
    assert_eq!(busy.rest().await, b"");
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_reload_takes_all_or_nothing_and_keeps_sockets() {
    let server = Server::start("").await;
    let (node, mx) = (Arc::clone(&server.running.node), server.mx());
    let mut old = connect(mx).await;
    old.expect("220 mx.example.com").await;

    // An error, and something that needs a restart: nothing changes.
    server.rewrite("[smtp]\nmax-errors = \"many\"\nmax-recipients = 7");
    assert!(!reload(&node).await.unwrap_err().is_empty());
    server.rewrite("[smtp]\nmax-recipients = 7\n[store]\nbackend = \"postgres\"\nurl = \"postgres://x\"");
    let problems = reload(&node).await.unwrap_err();
    assert!(problems.iter().any(|problem| problem.key == "store" && problem.message.contains("restart")));
    // An address that is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let second = |address: SocketAddr| {
        format!("[smtp]\nmax-recipients = 7\n[[listener]]\nname = \"second\"\nbind = [\"{address}\"]\nrole = \"mx\"\n")
    };
    let address = taken.local_addr().unwrap();
    server.rewrite(&second(address));
    let problems = reload(&node).await.unwrap_err();
    assert!(problems[0].message.contains(&address.to_string()), "{}", problems[0]);
    assert_ne!(node.config.load().smtp.max_recipients, 7);

    // The same with the address free; both sockets answer, the first is the old one.
    drop(taken);
    reload(&node).await.unwrap();
    assert_eq!(node.config.load().smtp.max_recipients, 7);
    connect(address).await.expect("220").await;
    connect(mx).await.expect("220").await;
    // And gone again; sessions of before go on.
    server.rewrite("");
    reload(&node).await.unwrap();
    for _ in 0..1000 {
        if TcpStream::connect(address).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(TcpStream::connect(address).await.is_err());
    old.say("EHLO client.example.net", "250").await;
    server.running.stop().await;
}

#[tokio::test]
async fn a_socket_is_rebound_where_the_new_address_covers_the_old_one() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener =
        |ip: &str| format!("[[listener]]\nname = \"mx\"\nbind = [\"{ip}:{}\"]\nrole = \"mx\"\n", free.port());
    let server = Server::start(&listener("127.0.0.1")).await;
    connect(free).await.expect("220").await;
    server.rewrite(&listener("0.0.0.0"));
    reload(&server.running.node).await.unwrap();
    connect(free).await.expect("220").await;
    assert!(TcpStream::connect(("127.0.0.2", free.port())).await.is_ok());
    server.running.stop().await;
}
