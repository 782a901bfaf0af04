//! The spam filter in the real server: its own rejection (row 29), the host's by the sum of points (rows 30 and 31),
//! marks, and the challenge (row 32). What each rule finds is tested in `filters/spam`.

use crate::harness::{Server, mail};

const FILTER: &str = r#"
[[filter]]
name = "spam"
component = "builtin:spam"
grants = ["dns", "state"]
"#;

const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
const HEADER: &str =
    "From: someone@example.org\r\nTo: alice@example.com\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n";

/// The reply to a mail with this body.
fn reply(server: &Server, body: &str) -> String {
    let mut client = server.connect("mx");
    client.ehlo();
    let reply = client.message("someone@example.org", "alice@example.com", &format!("{HEADER}\r\n{body}\r\n"));
    format!("{} {}", reply.code, reply.text())
}

#[test]
fn spam_is_refused_by_the_filter_by_its_points_or_marked() {
    let server = Server::start(FILTER);
    let said = reply(&server, GTUBE);
    assert!(said.contains("554 5.7.1") && said.contains("spam filter rejection"), "{said}");
    // No Date, links that hide where they lead, and every trade of spam.
    let links = "http://203.0.113.9/ http://bank@shop.example:81/ http://%73hop.example/";
    let words = "Viagra without prescription. Refinance your mortgage. Make money, work from home.";
    let said = reply(&server, &format!("{links} {words}"));
    assert!(said.contains("554 5.7.1") && said.contains("spam rejection"), "{said}");
    let said = reply(&server, links);
    assert!(said.starts_with("250"), "{said}");
    assert!(reply(&server, "How are you?").starts_with("250"));
    let mails = server.wait_mails("alice@example.com", 2);
    let headers: Vec<String> = mails.iter().map(|message| mail::header(message)).collect();
    let marked = headers.iter().filter(|header| header.contains("X-Spam-Flag: YES")).count();
    assert_eq!(marked, 1, "{headers:?}");
}

#[test]
fn a_sum_can_ask_the_sender_or_delete() {
    let challenges = FILTER.replace("\"state\"]", "\"state\"]\nsettings = { challenge-at = 5 }");
    let server = Server::start(&format!("[scores]\nrefuse-action = \"discard\"\n{challenges}"));
    let links = "http://203.0.113.9/ http://bank@shop.example:81/ http://%73hop.example/";
    assert!(reply(&server, links).starts_with("250"));
    let words = "Viagra without prescription. Refinance your mortgage. Make money, work from home.";
    assert!(reply(&server, &format!("{links} {words}")).starts_with("250"));
    let history = server.cli_json(&["history", "find", "--sender", "someone@example.org"]).to_string();
    for key in ["challenged-by-filter", "deleted-by-filter"] {
        assert!(history.contains(key), "{key}: {history}");
    }
    assert_eq!(server.mails("alice@example.com").len(), 0);
}
