//! `explain` with what only a server knows: accounts, the queue, what happened to a message.

use crate::harness::Server;

const TO_NOWHERE: &str = "[relay]\nfrom = [\"127.0.0.0/8\"]\n[delivery]\nsmarthost = \"127.0.0.1:9\"";

#[test]
fn a_login_that_failed() {
    let server = Server::start("");
    for (question, words) in [
        ("501 5.7.0 Authentication failed user=alice@example.com", "exists and may log in"),
        ("501 5.7.0 Authentication failed user=nobody@example.com", "There is no account nobody@example.com"),
        ("501 5.7.0 Authentication failed user=x@other.example", "in no local domain"),
    ] {
        let answer = server.cli_ok(&["explain", question]);
        assert!(answer.contains("auth-failed") && answer.contains(words), "{question}: {answer}");
    }
    server.cli_ok(&["account", "set", "alice@example.com", "--disabled"]);
    let answer = server.cli_ok(&["explain", "Authentication failed alice@example.com"]);
    assert!(answer.contains("--disabled=false"), "{answer}");
}

#[test]
fn a_message_by_its_id() {
    let mut server = Server::start(TO_NOWHERE);
    let mut client = server.connect("mx");
    client.ehlo();
    let reply = client.message("bob@example.org", "one@elsewhere.example", "Subject: queued\r\n\r\ntext\r\n");
    assert_eq!(reply.code, 250);
    server.wait_queued(1);
    let queue = server.cli_json(&["queue", "list"]);
    let id = queue[0]["id"].as_str().expect("an id").to_owned();
    // The client was told the same id.
    assert!(reply.text().contains(&id), "{} in {}", id, reply.text());
    let told = |server: &Server| {
        let answer = server.cli_ok(&["explain", &id]);
        assert!(answer.contains("in the queue") && answer.contains("one@elsewhere.example"), "{answer}");
        assert!(answer.contains("received"), "{answer}");
    };
    told(&server);
    server.stop();
    told(&server);
}

#[test]
fn what_was_refused_is_found_by_the_id_in_the_reply() {
    let server = Server::start("");
    let mut client = server.connect("mx");
    client.ehlo();
    client.command("MAIL FROM:<bob@example.org>");
    let reply = client.command("RCPT TO:<carol@elsewhere.example>");
    assert_eq!(reply.code, 550);
    let answer = server.cli_ok(&["explain", &format!("{} (127.0.0.1, carol@elsewhere.example)", reply.text())]);
    for words in ["Row 16, relay-denied", "so 127.0.0.1 may not relay", "elsewhere.example is no local domain"] {
        assert!(answer.replace("\n    ", " ").contains(words), "{words} in {answer}");
    }
    // Without any configuration, and as data.
    let explained = server.cli_json(&["explain", "550 5.7.1 We do not relay"]);
    assert_eq!(explained["row"]["key"], "relay-denied");
    assert_eq!(explained["row"]["number"], 16);
}
