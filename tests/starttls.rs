//! What was said before TLS counts for nothing after it: no injected command, no greeting, no envelope, no login.

use crate::harness::{Client, Server, template};

/// Clear text behind STARTTLS in the same segment.
const INJECTIONS: [&str; 4] = [
    "STARTTLS\r\nNOOP\r\n",
    "STARTTLS\r\nEHLO evil.example.org\r\nMAIL FROM:<injected@example.org>\r\nRCPT TO:<alice@example.com>\r\n",
    "STARTTLS\r\nRSET\r\nQUIT\r\n",
    "STARTTLS\r\nXX",
];

#[test]
fn injected_commands_are_an_error_or_vanish() {
    let server = Server::start("");
    for injection in INJECTIONS {
        let mut client = server.connect("mx");
        client.ehlo();
        client.bytes(injection.as_bytes()).unwrap();
        let reply = client.reply();
        if reply.code != 220 {
            assert!((400..600).contains(&reply.code), "{injection:?}: {}", client.transcript);
            continue;
        }
        client.handshake(template::certificate_der());
        // The first thing the server says inside TLS answers the first thing we say there.
        client.send("VRFY marker");
        let reply = client.reply();
        assert!((500..=503).contains(&reply.code), "{injection:?}: {}", client.transcript);
        client.ehlo();
        client.send("RCPT TO:<alice@example.com>");
        client.expect(503);
    }
}

#[test]
fn greeting_envelope_and_login_are_forgotten() {
    let server =
        Server::start("[auth]\nallow-plaintext-without-tls = true\n[security]\nsender-must-match-login = true");
    let mut client = server.connect("mx");
    client.ehlo();
    client.login("alice@example.com", template::PASSWORD);
    client.send("STARTTLS");
    client.expect(220);
    client.handshake(template::certificate_der());
    client.send("MAIL FROM:<alice@example.com>");
    assert!(client.expect(503).text().contains("HELO/EHLO command required"));
    client.ehlo();
    client.send("MAIL FROM:<alice@example.com>");
    client.expect(250);
    client.send("RCPT TO:<someone@elsewhere.example>");
    // Without the login this is a stranger who claims a local sender.
    client.expect(550);
}

#[test]
fn a_second_starttls_is_refused_and_it_is_not_offered_inside() {
    let server = Server::start("");
    let mut client = Client::starttls(server.address("mx"), template::certificate_der());
    client.send("STARTTLS");
    assert!(client.reply().code >= 500);
    let mut client = Client::raw(server.address("submissions")).unwrap();
    client.handshake(template::certificate_der());
    client.expect(220);
    assert!(!client.ehlo().has("STARTTLS"));
}

#[test]
fn tls_torn_inside_content_stores_nothing() {
    let server = Server::start("");
    for cut in ["DATA\r\n", "BDAT 100 LAST\r\n"] {
        let mut client = Client::starttls(server.address("mx"), template::certificate_der());
        for command in ["MAIL FROM:<bob@example.org>", "RCPT TO:<alice@example.com>"] {
            client.send(command);
            client.expect(250);
        }
        client.bytes(cut.as_bytes()).unwrap();
        client.bytes(b"Subject: torn\r\n\r\nhalf").unwrap();
        drop(client);
    }
    let mut client = server.connect("mx");
    client.ehlo();
    assert_eq!(client.message("bob@example.org", "alice@example.com", "Subject: whole\r\n\r\n").code, 250);
    let mails = server.wait_mails("alice@example.com", 1);
    assert_eq!(mails.len(), 1);
    assert!(String::from_utf8_lossy(&mails[0]).contains("Subject: whole"));
}

#[test]
fn a_new_certificate_is_shown_when_its_file_changes() {
    let server = Server::start("");
    drop(Client::starttls(server.address("mx"), template::certificate_der()));
    let fresh = template::certificate(&server.dir.path().join("tls"));
    crate::harness::wait_for("the new certificate", || {
        let mut client = server.connect("mx");
        client.ehlo();
        client.send("STARTTLS");
        client.expect(220);
        client.try_handshake(&fresh).ok()
    });
}
