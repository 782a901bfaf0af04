//! `postwarden dev`: nothing to configure; what it prints is enough to log in and send.

use std::process::Command;

use crate::harness::process::Guard;
use crate::harness::server::share_compiled;
use crate::harness::{Client, mail, wait_for};

/// The word after `address` in what was printed.
fn password_of(said: &str, address: &str) -> Option<String> {
    let line = said.lines().find(|line| line.contains(address))?;
    let rest = &line[line.find(address)? + address.len()..];
    rest.split(|c: char| c.is_whitespace() || c == '(' || c == ')' || c == ',')
        .find(|word| word.len() >= 6 && !word.contains('@') && !word.ends_with(':'))
        .map(|word| word.trim_matches(['"', '\'']).to_owned())
}

#[test]
fn dev_prints_what_one_needs() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    share_compiled(&data);
    let mut command = Command::new(crate::harness::server::BINARY);
    command.args(["dev", "--smtp", "127.0.0.1:0", "--submission", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
    command.arg("--data").arg(&data).current_dir(dir.path());
    let mut server = Guard::start(command, "dev", dir.path());
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    let said = wait_for("dev's ready line", || {
        assert!(server.ended().is_none(), "dev ended: {}{}", read("dev.out"), read("dev.err"));
        let said = read("dev.out");
        said.lines().any(|line| line.starts_with("ready ")).then_some(said)
    });
    let ready = said.lines().find(|line| line.starts_with("ready ")).unwrap();
    let address = |name: &str| -> std::net::SocketAddr {
        let word = ready.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}="))).expect(name);
        word.parse().expect("an address")
    };
    let password = password_of(&said, "alice@localhost").expect("alice's password");

    // Mail from outside, then from alice by the submission port.
    let mut client = Client::connect(address("mx"));
    client.ehlo();
    assert_eq!(client.message("someone@example.org", "bob@localhost", "Subject: from outside\r\n\r\n").code, 250);
    let mut client = Client::connect(address("submission"));
    client.ehlo();
    client.login("alice@localhost", &password);
    assert_eq!(client.message("alice@localhost", "bob@localhost", "Subject: from alice\r\n\r\n").code, 250);

    let bob = find_maildir(&data, "bob").unwrap_or_else(|| data.join("mail/localhost/bob"));
    wait_for("bob's mail", || {
        let folder = find_maildir(&data, "bob").unwrap_or(bob.clone());
        (mail::files(&folder).len() == 2).then_some(())
    });
    // The stock filters are on, with files that can be edited.
    assert!(said.contains("Filters, in this order: access"), "{said}");
    std::fs::write(data.join("lists/black.txt"), "s:example.net\n").unwrap();
    wait_for("the black list", || {
        let mut client = Client::connect(address("mx"));
        client.ehlo();
        client.command("MAIL FROM:<someone@example.net>");
        client.command("RCPT TO:<bob@localhost>").text().contains("Access not allowed").then_some(())
    });
    assert!(server.stop().success());
}

/// The folder of this name that has a `new`.
fn find_maildir(root: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(root).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() == name && path.join("new").is_dir() {
                return Some(path);
            }
            if let Some(found) = find_maildir(&path, name) {
                return Some(found);
            }
        }
    }
    None
}

#[test]
fn a_filter_has_its_settings_and_grants_from_a_file_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(postwarden_artifacts::guest("puppet"), dir.path().join("puppet.wasm")).unwrap();
    let beside = "grants = ['dns', 'state', { connect = ['127.0.0.1:1'] }]\ndeadline = '20s'\n\
        [settings]\non-message = [['reject', 'content', 'why'], ['pass']]\n";
    std::fs::write(dir.path().join("puppet.toml"), beside).unwrap();
    share_compiled(&dir.path().join("data"));
    let mut command = Command::new(crate::harness::server::BINARY);
    command.args(["dev", "--smtp", "127.0.0.1:0", "--submission", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
    command.args(["--data", "data", "--filter", "puppet.wasm"]).current_dir(dir.path());
    let mut server = Guard::start(command, "dev", dir.path());
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    let ready = wait_for("dev's ready line", || {
        assert!(server.ended().is_none(), "dev ended: {}{}", read("dev.out"), read("dev.err"));
        read("dev.out").lines().find(|line| line.starts_with("ready ")).map(str::to_owned)
    });
    let mx = ready.split_whitespace().find_map(|word| word.strip_prefix("mx=")).unwrap();
    let mut client = Client::connect(mx.parse().unwrap());
    client.ehlo();
    assert_eq!(client.message("someone@example.org", "bob@localhost", "Subject: x\r\n\r\n").code, 554);
    assert!(server.stop().success());
}
