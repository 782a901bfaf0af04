//! The API that the command line uses, seen from outside: who is let in, and what is said to whom.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::harness::Server;

/// Status and body of one request.
fn request(server: &Server, method: &str, path: &str, token: Option<&str>, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address("console")).expect("the console");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let authorization = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{authorization}Content-Length: {length}\r\n\r\n{body}"
    )
    .expect("sent");
    let mut reply = String::new();
    // A body that is too large may end in a reset after the answer.
    let _ = stream.read_to_string(&mut reply);
    let status = reply.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{reply}"));
    (status, reply.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
}

fn token(server: &Server) -> String {
    let file = server.dir.path().join("admin.token");
    assert_eq!(std::fs::metadata(&file).expect("the token").permissions().mode() & 0o777, 0o600);
    std::fs::read_to_string(file).expect("the token").trim().to_owned()
}

#[test]
fn only_the_token_opens_it() {
    let server = Server::start("");
    let token = token(&server);
    assert!(token.len() >= 32, "{token}");
    assert_eq!(request(&server, "GET", "/health", None, "").0, 200);
    let wrong = format!("{}x", &token[1..]);
    // Rows, queue and filters for monitoring.
    assert_eq!(request(&server, "GET", "/metrics", None, "").0, 401);
    let mut client = server.connect("mx");
    client.ehlo();
    client.command("MAIL FROM:<x@example.org>");
    client.command("RCPT TO:<y@elsewhere.example>");
    let (status, page) = request(&server, "GET", "/metrics", Some(&token), "");
    assert!(status == 200 && page.contains("postwarden_answers_total{row=\"relay-denied\"} 1"), "{page}");
    assert!(page.contains("postwarden_queue_messages 0") && page.trim_end().ends_with("# EOF"), "{page}");
    for (given, status) in [(None, 401), (Some(""), 401), (Some(wrong.as_str()), 401), (Some(token.as_str()), 200)] {
        for route in ["status", "accounts/list", "queue/list", "quarantine/list", "history/find"] {
            let (got, body) = request(&server, "POST", &format!("/api/v1/{route}"), given, "{}");
            assert_eq!(got, status, "{route}: {body}");
            assert!(status == 200 || !body.contains(&token));
        }
    }
}

#[test]
fn faults_of_the_caller_are_named() {
    let server = Server::start("");
    let token = token(&server);
    let post = |route: &str, body: &str| request(&server, "POST", &format!("/api/v1/{route}"), Some(&token), body);
    for (route, body, status, words) in [
        ("nonsense", "{}", 404, "no such route"),
        ("accounts/show", "{", 400, "accounts/show"),
        ("accounts/show", r#"{"kind":"account","address":"alice"}"#, 400, "alice"),
        ("accounts/show", r#"{"kind":"account","adress":"alice@example.com"}"#, 400, "adress"),
        ("accounts/show", r#"{"kind":"account","address":"nobody@example.com"}"#, 404, "nobody@example.com"),
        ("accounts/show", r#"{"kind":"list","address":"alice@example.com"}"#, 404, "is an account"),
        ("accounts/remove", r#"{"kind":"account","address":"nobody@example.com"}"#, 404, "nobody@example.com"),
        ("queue/show", r#"{"id":"no-such-id"}"#, 404, "queue id"),
        ("queue/change", r#"{"change":"remove"}"#, 400, "whole queue"),
        ("queue/change", r#"{"change":"retry","filter":{"state":"lost"}}"#, 400, "lost"),
        (
            "accounts/put",
            r#"{"entry":{"alias":{"address":"a@elsewhere.example","targets":["alice@example.com"]}}}"#,
            409,
            "[domains.",
        ),
        ("accounts/put", r#"{"entry":{"alias":{"address":"a@example.com","targets":["a@example.com"]}}}"#, 400, "loop"),
    ] {
        let (got, reply) = post(route, body);
        assert_eq!(got, status, "{route} {body}: {reply}");
        assert!(reply.contains(words) && reply.contains("message"), "{route} {body}: {reply}");
    }
    let (status, _) = post("explain", &format!(r#"{{"text":"{}"}}"#, "x".repeat(2 << 20)));
    assert_eq!(status, 413);
    // It still works.
    assert_eq!(post("status", "").0, 200);
}

#[test]
fn a_client_that_says_nothing_holds_up_nobody() {
    let server = Server::start("");
    let silent: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(server.address("console")).expect("a connection")).collect();
    assert_eq!(request(&server, "GET", "/health", None, "").0, 200);
    drop(silent);
}
