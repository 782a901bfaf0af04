//! Content rules in the real server: the specification's own file with the reference configuration's grants, rows 28 and
//! 31, a changed file, a broken one.

use crate::harness::{Server, mail, wait_for};

const RULES: &str = include_str!("../filters/content/tests/spec.toml");

const DOMAIN: &str = "[domains.\"legal.example.com\"]\n[domains.\"example.com\"]\n";

fn filter(grants: &str) -> String {
    format!(
        "{DOMAIN}[[filter]]\nname = \"content\"\ncomponent = \"builtin:content\"\ngrants = {grants}\n\
         settings = {{ rules = \"content.toml\" }}\n"
    )
}

fn start(grants: &str, rules: &str) -> Server {
    let mut server = Server::prepare(&filter(grants));
    put(&server, rules);
    server.launch();
    server
}

fn put(server: &Server, rules: &str) {
    std::fs::write(server.dir.path().join("content.toml"), rules).unwrap();
}

fn send(server: &Server, sender: &str, message: &str) -> (u16, String) {
    let mut client = server.connect("mx");
    client.ehlo();
    let reply = client.message(sender, "alice@example.com", &message.replace('\n', "\r\n"));
    (reply.code, reply.text())
}

/// `MZ`, by whatever name.
const PROGRAM: &str = "Subject: holiday\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nLook!\n--b\n\
                       Content-Type: image/png; name=holiday.png\nContent-Transfer-Encoding: base64\n\n\
                       TVqQAAMAAAAEAAAA\n--b--\n";

#[test]
fn the_rules_of_the_specification_refuse_discard_score_and_edit() {
    let server = start("[\"discard\", \"edit\", \"recipients\"]", RULES);
    let row_28 = "5.7.1 Message cannot be accepted, content filter rejection";
    for message in [PROGRAM, "Subject: Great CASINO\n\nx\n", "Subject: x\n\nThe Jackpot!\n"] {
        let (code, text) = send(&server, "someone@example.org", message);
        assert!(code == 554 && text.starts_with(row_28), "{code} {text}");
        // A text of the rule's own needs a grant.
        assert!(!text.contains("by link"), "{text}");
    }
    // Row 31: taken, and gone.
    let (code, text) = send(&server, "robot@old.example", "Subject: status\n\nx\n");
    assert_eq!(code, 250, "{text}");
    let deleted = server.cli_json(&["history", "find", "--sender", "robot@old.example"]);
    assert!(deleted.to_string().contains("deleted-by-filter"), "{deleted}");

    let (code, text) = send(&server, "someone@example.org", "Subject: Invoice\nX-Campaign: 7\n\nx\n");
    assert_eq!(code, 250, "{text}");
    let header = mail::header(&server.wait_mails("alice@example.com", 1)[0]);
    assert!(header.contains("X-Bulk: yes") && header.contains("Subject: [bulk] Invoice"), "{header}");
    let history = server.cli_json(&["history", "find", "--sender", "someone@example.org"]).to_string();
    for told in ["INVOICES_FROM_OUTSIDE", "2.5", "casino (content.toml:10): body matches"] {
        assert!(history.contains(told), "{told} in {history}");
    }
    assert_eq!(server.mails("alice@example.com").len(), 1);
}

#[test]
fn a_copy_is_delivered_and_a_text_is_sent_with_their_grants() {
    let rules = "[[rule]]\nname = \"copy\"\nwhen = { recipient = { wildcard = \"alice@*\" }, subject = { word = \"deal\" } }\n\
                 action = { copy-to = \"bob@example.com\" }\n[[rule]]\nname = \"programs\"\n\
                 when = { attachment = { type = \"application/x-dosexec\" } }\naction = \"reject\"\n\
                 text = \"Please send programs by link\"\n";
    let server = start("[\"recipients\", \"custom-replies\"]", rules);
    assert_eq!(send(&server, "someone@example.org", "Subject: a deal\n\nx\n").0, 250);
    server.wait_mails("alice@example.com", 1);
    server.wait_mails("bob@example.com", 1);
    let (code, text) = send(&server, "someone@example.org", PROGRAM);
    let expected = "content filter rejection Please send programs by link [";
    assert!(code == 554 && text.contains(expected), "{code} {text}");

    // A changed file counts at once; one with an error changes nothing and says where.
    put(&server, &rules.replace("deal", "offer").replace("x-dosexec", "pdf"));
    wait_for("the changed rules", || (send(&server, "someone@example.org", PROGRAM).0 == 250).then_some(()));
    put(&server, "[[rule]]\nname = \"x\"\nwhen = { subjct = { contains = \"a\" } }\naction = \"reject\"\n");
    let output = server.cli(&["filter", "reload", "content"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "content.toml:3: rule \"x\": when.subjct: unknown key; did you mean \"subject\"?";
    assert!(!output.status.success() && said.contains(expected), "{said}");
    assert_eq!(send(&server, "someone@example.org", PROGRAM).0, 250);
}
