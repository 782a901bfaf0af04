//! A real Postfix and this server, over loopback, both ways: opportunistic TLS, pipelining, mail by MX, and
//! bounces of each about the other's mail.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::dns::{Dns, Zone};
use crate::harness::process::{Guard, run, said};
use crate::harness::server::free_port;
use crate::harness::{Client, Server, mail, peer, wait_for};

/// A Postfix of the test's own: configuration, queue and data in a temporary folder.
struct Postfix {
    dir: tempfile::TempDir,
    port: u16,
    process: Guard,
}

impl Postfix {
    /// `None` after a word about the skip.
    fn start(next_hop: u16) -> Option<Self> {
        Self::start_at(free_port(), next_hop)
    }

    fn start_at(port: u16, next_hop: u16) -> Option<Self> {
        let postfix = peer::need("postfix")?;
        if !peer::is_root() {
            peer::skip("Postfix starts as root only");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["conf", "queue", "data"] {
            std::fs::create_dir(path.join(folder)).unwrap();
        }
        std::fs::create_dir(path.join("mail")).unwrap();
        for (owner, folder) in [("postfix", "data"), ("nobody", "mail")] {
            let owned = Command::new("chown").arg(owner).arg(path.join(folder)).status().unwrap();
            assert!(owned.success());
        }
        std::fs::write(path.join("conf/main.cf"), main_cf(path, next_hop)).unwrap();
        std::fs::write(path.join("conf/master.cf"), master_cf(port)).unwrap();
        let mut command = Command::new(postfix);
        command.arg("-c").arg(path.join("conf")).arg("start-fg");
        let process = Guard::start(command, "postfix", path);
        let started = Self { dir, port, process };
        wait_for("Postfix listens", || Client::raw(([127, 0, 0, 1], port).into()).ok()?.try_reply().ok());
        Some(started)
    }

    fn connect(&self) -> Client {
        Client::connect(([127, 0, 0, 1], self.port).into())
    }

    /// Mail in a mailbox of `pf.example`.
    fn mails(&self, user: &str) -> Vec<Vec<u8>> {
        mail::messages(&self.dir.path().join("mail").join(user))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let mut stop = Command::new(peer::find("postfix").unwrap());
        stop.arg("-c").arg(self.dir.path().join("conf")).arg("stop");
        let _ = run(stop, b"");
        if std::thread::panicking() {
            eprintln!("--- Postfix:\n{}", self.log());
        } else {
            let _ = self.process.stop();
        }
    }
}

fn main_cf(path: &Path, next_hop: u16) -> String {
    let path = path.display();
    format!(
        "compatibility_level = 3.6\nqueue_directory = {path}/queue\ndata_directory = {path}/data\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
         mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = relay.example.net\nmydestination =\n\
         local_recipient_maps =\nmynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
         relayhost = [127.0.0.1]:{next_hop}\nsmtp_tls_security_level = may\nsmtp_tls_loglevel = 1\n\
         smtputf8_enable = yes\nmaillog_file = {path}/log\nmaillog_file_prefixes = /tmp, {path}\n\
         default_process_limit = 20\nalias_maps =\nalias_database =\nnotify_classes =\n\
         bounce_queue_lifetime = 0\nvirtual_mailbox_domains = pf.example\nvirtual_mailbox_base = {path}/mail\n\
         virtual_mailbox_maps = inline:{{carol@pf.example=carol/}}\nvirtual_uid_maps = static:65534\n\
         virtual_gid_maps = static:65534\nvirtual_alias_maps = inline:{{lost@pf.example=nobody-here@example.com}}\n"
    )
}

fn master_cf(port: u16) -> String {
    let mut text = format!("127.0.0.1:{port} inet n - n - - smtpd\n");
    for service in [
        "pickup unix n - n 60 1 pickup",
        "cleanup unix n - n - 0 cleanup",
        "qmgr unix n - n 300 1 qmgr",
        "tlsmgr unix - - n 1000? 1 tlsmgr",
        "rewrite unix - - n - - trivial-rewrite",
        "bounce unix - - n - 0 bounce",
        "defer unix - - n - 0 bounce",
        "trace unix - - n - 0 bounce",
        "verify unix - - n - 1 verify",
        "flush unix n - n 1000? 0 flush",
        "proxymap unix - - n - - proxymap",
        "smtp unix - - n - - smtp",
        "relay unix - - n - - smtp",
        "virtual unix - n n - - virtual",
        "showq unix n - n - - showq",
        "error unix - - n - - error",
        "retry unix - - n - - error",
        "discard unix - - n - - discard",
        "anvil unix - - n - 1 anvil",
        "scache unix - - n - 1 scache",
        "postlog unix-dgram n - n - 1 postlogd",
    ] {
        text.push_str(service);
        text.push('\n');
    }
    text
}

#[test]
fn postfix_relays_to_us() {
    let server = Server::start("");
    let Some(postfix) = Postfix::start(server.address("mx").port()) else { return };
    let mut client = postfix.connect();
    client.ehlo();
    let body = "dots:\r\n..\r\n..one\r\nlong ".to_owned() + &"x".repeat(900) + "\r\n";
    for number in 0..10 {
        let content = format!("Subject: relayed {number}\r\nFrom: bob@example.org\r\n\r\n{body}");
        assert_eq!(client.message("bob@example.org", "alice@example.com", &content).code, 250);
    }
    let mails = server.wait_mails("alice@example.com", 10);
    for mail in &mails {
        let text = String::from_utf8_lossy(mail).replace("\r\n", "\n");
        assert!(text.contains("with ESMTPS"), "Postfix uses STARTTLS: {text}");
        assert!(text.contains("dots:\n.\n.one\n"), "{text}");
    }
    // Refused here in the session, so the bounce is Postfix' affair.
    let content = "Subject: for nobody\r\nFrom: bob@example.org\r\n\r\n";
    assert_eq!(client.message("bob@example.org", "nobody-here@example.com", content).code, 250);
    wait_for("Postfix bounces", || {
        let log = postfix.log();
        (log.contains("status=bounced") && log.contains("550 5.1.1 Unknown user local")).then_some(())
    });
    assert_eq!(mails.len(), 10);
}

/// SMTPUTF8 from end to end through a server that is not ours.
#[test]
fn postfix_relays_smtputf8() {
    let mut server = Server::prepare("");
    let added = crate::harness::server::cli(
        &server.config(),
        &["account", "add", "grün@example.com", "--password-stdin"],
        b"wonderland-7\n",
    );
    assert!(added.status.success(), "{}", said(&added));
    server.launch();
    let Some(postfix) = Postfix::start(server.address("mx").port()) else { return };
    let mut client = postfix.connect();
    client.ehlo();
    for command in ["MAIL FROM:<größe@example.org> SMTPUTF8 BODY=8BITMIME", "RCPT TO:<grün@example.com>"] {
        client.send(command);
        client.expect(250);
    }
    client.send("DATA");
    client.expect(354);
    client.bytes("Subject: Grüße\r\n\r\nGrüße\r\n.\r\n".as_bytes()).unwrap();
    client.expect(250);
    let mails = server.wait_mails("grün@example.com", 1);
    assert!(String::from_utf8_lossy(&mails[0]).contains("Subject: Grüße"));
}

/// Mail by MX to Postfix; what it refuses, what it bounces later, and our bounce to one of its users.
#[test]
fn postfix_is_found_by_mx() {
    let port = free_port();
    let dns = Dns::start(Zone::parse("pf.example MX 10 mail.pf.example\nmail.pf.example A 127.0.0.1"));
    let server = Server::start(&format!(
        "[relay]\nfrom = [\"127.0.0.0/8\"]\n[delivery]\nresolver = [\"{}\"]\nport = {port}\nmx-refused = []\n",
        dns.address
    ));
    let Some(postfix) = Postfix::start_at(port, server.address("mx").port()) else { return };
    let mut client = server.submit_as("alice@example.com");
    let content = "Subject: to Postfix\r\nFrom: alice@example.com\r\n\r\ndots:\r\n..\r\n";
    for recipient in ["carol@pf.example", "nobody@pf.example", "lost@pf.example"] {
        assert_eq!(client.message("alice@example.com", recipient, content).code, 250);
    }
    let mails = wait_for("mail in Postfix' mailbox", || Some(postfix.mails("carol")).filter(|mails| !mails.is_empty()));
    let text = String::from_utf8_lossy(&mails[0]).into_owned();
    assert!(text.contains("Subject: to Postfix") && text.contains("by mx.example.com"), "{text}");

    // One bounce is ours, of what Postfix refused; the other is Postfix', of what we refused it.
    let bounces = server.wait_mails("alice@example.com", 2);
    let plain = |mail: &Vec<u8>| {
        let words: Vec<_> = String::from_utf8_lossy(mail).split_whitespace().map(str::to_owned).collect();
        words.join(" ").replace("; ", ";")
    };
    let texts: Vec<String> = bounces.iter().map(plain).collect();
    let about = |who: &str| {
        let field = format!("Final-Recipient: rfc822;{who} ");
        texts.iter().find(|text| text.contains(&field)).unwrap_or_else(|| panic!("{who}: {texts:#?}"))
    };
    let ours = about("nobody@pf.example");
    assert!(ours.contains("Reporting-MTA: dns;mx.example.com") && ours.contains("User unknown in virtual"), "{ours}");
    let theirs = about("nobody-here@example.com");
    assert!(
        theirs.contains("Reporting-MTA: dns;relay.example.net") && theirs.contains("Unknown user local"),
        "{theirs}"
    );
    for bounce in &bounces {
        assert!(mail::header(bounce).contains("Return-Path: <>"));
    }

    // A bounce of ours finds its way to a user of Postfix.
    let mut client = server.connect("mx");
    client.ehlo();
    let content = "Subject: for nowhere\r\nFrom: carol@pf.example\r\n\r\n";
    assert_eq!(client.message("carol@pf.example", "x@nowhere.example", content).code, 250);
    let mails = wait_for("our bounce", || Some(postfix.mails("carol")).filter(|mails| mails.len() == 2));
    let bounce =
        mails.iter().map(|mail| String::from_utf8_lossy(mail)).find(|text| text.contains("for nowhere")).unwrap();
    assert!(bounce.contains("Return-Path: <>") && bounce.contains("Status: 5.1.2"), "{bounce}");
    server.wait_queued(0);
}
