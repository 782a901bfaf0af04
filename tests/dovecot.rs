//! Our delivery hands mail to a real Dovecot by LMTP; the mail lies in Dovecot's Maildir.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::process::Guard;
use crate::harness::server::free_port;
use crate::harness::{Client, Server, mail, peer, wait_for};

fn configuration(path: &Path, port: u16) -> String {
    let path = path.display();
    format!(
        "base_dir = {path}/run\nstate_dir = {path}/state\nlog_path = {path}/dovecot.log\n\
         protocols = lmtp\nssl = no\nlisten = 127.0.0.1\nmail_location = maildir:{path}/mail/%d/%n\n\
         first_valid_uid = 1\nfirst_valid_gid = 1\nauth_username_format = %Lu\npostmaster_address = postmaster@example.com\n\
         passdb {{\n driver = static\n args = nopassword=y\n}}\n\
         userdb {{\n driver = static\n args = uid=nobody gid=nogroup home={path}/home/%d/%n allow_all_users=yes\n}}\n\
         service lmtp {{\n inet_listener lmtp {{\n  address = 127.0.0.1\n  port = {port}\n }}\n}}\n\
         service anvil {{\n chroot =\n}}\n"
    )
}

#[test]
fn dovecot_takes_our_mail_by_lmtp() {
    let Some(dovecot) = peer::need("dovecot") else { return };
    if !peer::is_root() {
        return peer::skip("this Dovecot test needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    for folder in ["mail", "home", "run", "state"] {
        std::fs::create_dir(path.join(folder)).unwrap();
        std::fs::set_permissions(path.join(folder), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let given = Command::new("chown").arg("nobody:nogroup").arg(path.join("mail")).arg(path.join("home")).status();
    assert!(given.unwrap().success());
    let port = free_port();
    std::fs::write(path.join("dovecot.conf"), configuration(path, port)).unwrap();
    let mut command = Command::new(dovecot);
    command.arg("-F").arg("-c").arg(path.join("dovecot.conf"));
    let mut process = Guard::start(command, "dovecot", path);
    wait_for("Dovecot listens", || {
        let said = || std::fs::read_to_string(path.join("dovecot.err")).unwrap_or_default();
        assert!(process.ended().is_none(), "Dovecot ended: {}", said());
        Client::raw(([127, 0, 0, 1], port).into()).ok()?.try_reply().ok()
    });

    let server = Server::start(&format!("[delivery]\nlocal = {{ lmtp = \"127.0.0.1:{port}\" }}"));
    let mut client = server.connect("mx");
    client.ehlo();
    let content = "Subject: by way of LMTP\r\nFrom: bob@example.org\r\n\r\n..dot\r\ntext\r\n";
    for recipient in ["alice@example.com", "team@example.com"] {
        assert_eq!(client.message("bob@example.org", recipient, content).code, 250);
    }
    for (user, count) in [("alice", 2), ("bob", 1)] {
        let folder = path.join("mail/example.com").join(user);
        let mails = wait_for(&format!("Dovecot's mail for {user}"), || {
            let mails = mail::messages(&folder);
            (mails.len() >= count).then_some(mails)
        });
        assert_eq!(mails.len(), count);
        let text = String::from_utf8_lossy(&mails[0]).replace("\r\n", "\n");
        assert!(text.contains("Subject: by way of LMTP") && text.contains("\n.dot\ntext\n"), "{text}");
        assert!(text.contains("by mx.example.com"), "{text}");
    }
    server.wait_queued(0);
    let _ = process.stop();
}
