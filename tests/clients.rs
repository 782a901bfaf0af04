//! Other people's clients submit mail with TLS and AUTH: smtplib, swaks, nodemailer, GNU SASL.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::process::{run, said};
use crate::harness::{Server, peer, template};

fn subjects(server: &Server, address: &str, count: usize) -> Vec<String> {
    let mut found: Vec<String> = server
        .wait_mails(address, count)
        .iter()
        .filter_map(|mail| {
            let header = crate::harness::mail::header(mail);
            header.lines().find_map(|line| line.strip_prefix("Subject: ").map(ToOwned::to_owned))
        })
        .collect();
    found.sort();
    found
}

fn port(server: &Server, listener: &str) -> String {
    server.address(listener).port().to_string()
}

#[test]
fn python_smtplib_submits() {
    let Some(python) = peer::need("python3") else { return };
    let mut server = Server::prepare("");
    let added = crate::harness::server::cli(
        &server.config(),
        &["account", "add", "grün@example.com", "--password-stdin"],
        b"wonderland-7\n",
    );
    assert!(added.status.success(), "{}", said(&added));
    server.launch();
    let mut command = Command::new(python);
    command.arg(peer::script("submit.py")).arg(template::certificate_file());
    command.args([port(&server, "submission"), port(&server, "submissions"), template::PASSWORD.to_owned()]);
    let output = run(command, b"");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        subjects(&server, "bob@example.com", 4),
        ["smtplib 8BITMIME", "smtplib STARTTLS LOGIN", "smtplib STARTTLS PLAIN", "smtplib implicit TLS"]
    );
    let utf8 = server.wait_mails("grün@example.com", 1);
    assert!(String::from_utf8_lossy(&utf8[0]).contains("UTF8SMTPSA"), "{}", String::from_utf8_lossy(&utf8[0]));
}

#[test]
fn swaks_submits() {
    let Some(swaks) = peer::need("swaks") else { return };
    let server = Server::start("");
    for (tls, listener, auth) in [
        ("--tls", "submission", "PLAIN"),
        ("--tls", "submission", "LOGIN"),
        ("--tls-on-connect", "submissions", "PLAIN"),
    ] {
        let mut command = Command::new(&swaks);
        command.args(["--server", "127.0.0.1", "--port", &port(&server, listener), tls, "--auth", auth]);
        command.args(["--auth-user", "alice@example.com", "--auth-password", template::PASSWORD]);
        command.args(["--from", "alice@example.com", "--to", "bob@example.com", "--ehlo", "client.example.org"]);
        command.args(["--h-Subject", &format!("swaks {tls} {auth}")]);
        let output = run(command, b"");
        if !output.status.success() && said(&output).contains("requires Net::SSLeay") {
            return peer::skip("swaks has no TLS here (libnet-ssleay-perl)");
        }
        assert!(output.status.success(), "{}", said(&output));
    }
    assert_eq!(
        subjects(&server, "bob@example.com", 3),
        ["swaks --tls LOGIN", "swaks --tls PLAIN", "swaks --tls-on-connect PLAIN"]
    );
}

/// A wrong password is seen as one by a client that knows nothing of our texts.
#[test]
fn swaks_sees_a_refused_login() {
    let Some(swaks) = peer::need("swaks") else { return };
    let server = Server::start("");
    let mut command = Command::new(&swaks);
    command.args(["--server", "127.0.0.1", "--port", &port(&server, "submission"), "--tls", "--auth", "PLAIN"]);
    command.args(["--auth-user", "alice@example.com", "--auth-password", "wrong"]);
    command.args(["--from", "alice@example.com", "--to", "bob@example.com"]);
    let output = run(command, b"");
    if said(&output).contains("requires Net::SSLeay") {
        return peer::skip("swaks has no TLS here (libnet-ssleay-perl)");
    }
    // 28: authentication error, in swaks' own list.
    assert_eq!(output.status.code(), Some(28), "{}", said(&output));
}

/// `NODEMAILER` names a folder with `node_modules/nodemailer`; CI installs it there.
#[test]
fn nodemailer_submits() {
    let Some(node) = peer::need("node") else { return };
    let Some(modules) = std::env::var_os("NODEMAILER").map(PathBuf::from) else {
        return peer::skip("nodemailer: NODEMAILER does not name its folder");
    };
    let server = Server::start("");
    let mut command = Command::new(node);
    command.arg(peer::script("submit.mjs")).arg(modules).arg(template::certificate_file());
    command.args([port(&server, "submission"), port(&server, "submissions"), template::PASSWORD.to_owned()]);
    let output = run(command, b"");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        subjects(&server, "bob@example.com", 3),
        ["nodemailer STARTTLS LOGIN", "nodemailer STARTTLS PLAIN", "nodemailer implicit TLS"]
    );
}

/// SCRAM with and without channel binding, by a library that shares no line with ours.
#[test]
fn gnu_sasl_logs_in_by_scram() {
    let Some(gsasl) = peer::need("gsasl") else { return };
    let server = Server::start("");
    // Without binding it has to be told so inside TLS: it refuses what looks like a downgrade.
    for (mechanism, more) in [("SCRAM-SHA-256", Some("--no-cb")), ("SCRAM-SHA-256-PLUS", None), ("PLAIN", None)] {
        for (password, good) in [(template::PASSWORD, true), ("wrong", false)] {
            let mut command = Command::new(&gsasl);
            command.args(["--smtp", "--starttls", "--no-client-first", "--mechanism", mechanism, "--quiet"]);
            command.args(["--authentication-id", "alice@example.com", "--password", password]);
            command.args(["--hostname", "mx.example.com", "--service", "smtp", "--verbose"]);
            command.args(more);
            command.arg("--x509-ca-file").arg(template::certificate_file());
            command.arg("--connect").arg(format!("localhost:{}", port(&server, "submission")));
            let output = run(command, b"");
            let text = said(&output);
            assert_eq!(text.contains("235 "), good, "{mechanism} with {password}: {text}");
            assert_eq!(output.status.success(), good, "{mechanism} with {password}: {text}");
        }
    }
}
