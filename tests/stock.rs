//! The stock filters together, in the order of the reference configuration: each reaches its rows, the first that
//! decides wins, a white entry spares the spam filter and not the virus filter, and the history tells what each said.

use serde_json::Value;

use crate::harness::server::share_compiled;
use crate::harness::{Server, wait_for};

/// Test machines are busy: time is generous. The rows' texts are the same in both profiles.
const CHAIN: &str = r#"
[[filter]]
name = "access"
component = "builtin:access"
grants = ["accept", "state"]
deadline = "20s"
cpu = "20s"
settings = { black = "lists/black.txt", white = "lists/white.txt", bypass = "lists/bypass.txt" }
[[filter]]
name = "virus"
component = "builtin:virus"
always = true
deadline = "20s"
cpu = "20s"
[[filter]]
name = "content"
component = "builtin:content"
grants = ["discard", "edit", "recipients"]
deadline = "20s"
cpu = "20s"
settings = { rules = "content.toml" }
[[filter]]
name = "spam"
component = "builtin:spam"
grants = ["dns", "state", "edit"]
deadline = "20s"
cpu = "20s"
"#;

const RULES: &str = r#"
[[rule]]
name = "casino"
when = { subject = { contains = "casino" } }
action = "reject"
[[rule]]
name = "odd"
when = { subject = { contains = "look at this" } }
action = "quarantine"
[[rule]]
name = "pills"
when = { subject = { contains = "pills" } }
action = { score = 20.0 }
"#;

const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

/// EICAR's test file, in two pieces so that no scanner takes this file for it.
fn eicar() -> String {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

/// `spam`: further keys of the spam filter, which is the last one.
fn start(extra: &str, spam: &str) -> Server {
    let mut server = Server::prepare(&format!("{extra}\n{CHAIN}\n{spam}"));
    share_compiled(&server.dir.path().join("data"));
    let write = |name: &str, text: &str| std::fs::write(server.dir.path().join(name), text).unwrap();
    std::fs::create_dir(server.dir.path().join("lists")).unwrap();
    write("lists/black.txt", "s:black.example\ns:white@black.example\n");
    write("lists/white.txt", "s:white@black.example\ns:friend.example\n");
    write("lists/bypass.txt", "r:bob@example.com\n");
    write("content.toml", RULES);
    server.launch();
    server
}

/// The first reply that is no success, or the one to the message.
fn say(server: &Server, sender: &str, subject: &str, body: &str) -> String {
    let mut client = server.connect("mx");
    client.ehlo();
    let domain = sender.rsplit_once('@').map_or("example.org", |(_, domain)| domain);
    for line in [format!("MAIL FROM:<{sender}>"), "RCPT TO:<alice@example.com>".to_owned()] {
        let reply = client.command(&line);
        if reply.code != 250 {
            return format!("{} {}", reply.code, reply.text());
        }
    }
    assert_eq!(client.command("DATA").code, 354);
    let text = format!(
        "From: A Friend <{sender}>\r\nTo: Alice <alice@example.com>\r\nSubject: {subject}\r\n\
         Date: Wed, 25 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@{domain}>\r\n\r\n{body}\r\n."
    );
    let reply = client.command(&text);
    format!("{} {}", reply.code, reply.text())
}

/// What was decided about this sender's mail.
fn record(server: &Server, sender: &str) -> Value {
    let found = server.cli_json(&["history", "find", "--sender", sender]);
    let decided = |record: &Value| record["event"] != "delivered";
    crate::harness::server::entries(&found).into_iter().find(decided).expect("a record")
}

/// What a filter decided about the message of a record.
fn decision(record: &Value, filter: &str) -> Value {
    let decisions = record["facts"]["filters"].as_array().expect("decisions");
    let of_message = |one: &&Value| one["filter"] == filter && one["hook"] == "on-message";
    decisions.iter().find(of_message).cloned().unwrap_or(Value::Null)
}

fn each_reaches_its_rows(server: &Server) {
    let virus = &*eicar();
    let text = "We meet for lunch at noon, as every week. Tell me if you cannot come.";
    for (sender, subject, body, reply) in [
        ("clean@example.org", "lunch", text, "250 2"),
        ("spam@example.org", "hello", GTUBE, "554 5.7.1 Message cannot be accepted, spam filter rejection"),
        ("virus@example.org", "hello", virus, "554 5.7.1 Message cannot be accepted, virus found"),
        (
            "casino@example.org",
            "The best casino",
            text,
            "554 5.7.1 Message cannot be accepted, content filter rejection",
        ),
        ("pills@example.org", "Cheap pills", text, "554 5.7.1 Message cannot be accepted, spam rejection"),
        ("odd@example.org", "look at this", text, "250 2"),
        // The first that decides wins.
        ("x@black.example", "Cheap pills", virus, "550 5.7.1 Access not allowed"),
        ("both@example.org", "The best casino", virus, "554 5.7.1 Message cannot be accepted, virus found"),
        // White-listed: neither content nor spam is asked, but the virus filter always is.
        ("pills@friend.example", "Cheap pills", GTUBE, "250 2"),
        ("virus@friend.example", "hello", virus, "554 5.7.1 Message cannot be accepted, virus found"),
        ("white@black.example", "hello", text, "250 2"),
    ] {
        let said = say(server, sender, subject, body);
        assert!(said.starts_with(reply), "{sender}: {said}");
    }
}

#[test]
fn each_stock_filter_reaches_its_rows_in_the_written_order() {
    let server = start("", "");
    each_reaches_its_rows(&server);

    // What the history knows.
    let clean = record(&server, "clean@example.org");
    for filter in ["virus", "content", "spam"] {
        assert_eq!(decision(&clean, filter)["verdict"], "pass", "{clean}");
    }
    let gtube = decision(&record(&server, "spam@example.org"), "spam");
    assert_eq!((&gtube["verdict"], &gtube["reason"]), (&"reject".into(), &"spam".into()), "{gtube}");
    let scored = record(&server, "pills@example.org");
    assert_eq!(scored["reply"], "spam-rejected", "{scored}");
    assert!(decision(&scored, "content")["score"].as_f64().is_some_and(|score| score >= 20.0), "{scored}");
    assert!(!decision(&scored, "content")["symbols"].as_array().expect("symbols").is_empty(), "{scored}");
    let held = record(&server, "odd@example.org");
    assert_eq!(held["event"], "held", "{held}");
    let white = record(&server, "pills@friend.example");
    assert_eq!(
        (decision(&white, "access")["verdict"].clone(), decision(&white, "spam")),
        ("accept".into(), Value::Null)
    );

    // What the recipient sees: the clean one, the two white ones.
    let mails = server.wait_mails("alice@example.com", 3);
    let lunch = mails.iter().map(|mail| String::from_utf8_lossy(mail)).find(|mail| mail.contains("Subject: lunch"));
    assert!(lunch.as_ref().is_some_and(|mail| mail.contains("\nX-Spam-")), "{lunch:?}");
}

#[test]
fn the_rows_are_the_same_in_the_rfc_profile_and_a_score_can_delete() {
    let rfc = "[smtp]\nreplies = \"rfc\"\n[scores]\nrefuse-action = \"discard\"";
    let server = start(rfc, "settings = { challenge-at = 6.0, symbols = { MISSING_DATE = 7.0 } }");
    let said = say(&server, "pills@example.org", "Cheap pills", "Buy them");
    assert!(said.starts_with("250 2"), "{said}");
    let deleted = wait_for("the record", || Some(record(&server, "pills@example.org")));
    assert_eq!((&deleted["reply"], &deleted["event"]), (&"deleted-by-filter".into(), &"deleted".into()), "{deleted}");
    let virus = &*eicar();
    for (sender, subject, body, reply) in [
        ("spam@example.org", "hello", GTUBE, "554 5.7.1 Message cannot be accepted, spam filter rejection"),
        ("virus@example.org", "hello", virus, "554 5.7.1 Message cannot be accepted, virus found"),
        (
            "casino@example.org",
            "The best casino",
            "x",
            "554 5.7.1 Message cannot be accepted, content filter rejection",
        ),
        ("x@black.example", "hello", "x", "550 5.7.1 Access not allowed"),
    ] {
        let said = say(&server, sender, subject, body);
        assert!(said.starts_with(reply), "{sender}: {said}");
    }
    // Row 32: held until the sender confirms.
    let mut client = server.connect("mx");
    client.ehlo();
    let reply = client.message(
        "who@example.org",
        "alice@example.com",
        "From: who@example.org\r\nSubject: hello\r\n\r\nhello\r\n",
    );
    assert_eq!(reply.code, 250);
    let held = wait_for("the record", || Some(record(&server, "who@example.org")));
    assert_eq!((&held["event"], &held["reply"]), (&"held".into(), &"challenged-by-filter".into()), "{held}");
    assert!(server.mails("alice@example.com").is_empty());
}
