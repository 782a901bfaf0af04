//! The black and white lists in the real server: row 19 at RCPT, bypass by recipient, a changed list counts at once.

use crate::harness::{Server, wait_for};

const FILTER: &str = r#"
[[filter]]
name = "access"
component = "builtin:access"
grants = ["accept"]
settings = { black = "black.txt", bypass = "bypass.txt" }
"#;

fn answer(server: &Server, sender: &str, recipient: &str) -> String {
    let mut client = server.connect("mx");
    client.ehlo();
    client.command(&format!("MAIL FROM:<{sender}>"));
    client.command(&format!("RCPT TO:<{recipient}>")).text()
}

#[test]
fn listed_senders_are_refused_unless_the_recipient_is_bypassed() {
    let mut server = Server::prepare(FILTER);
    let list = |name: &str, text: &str| std::fs::write(server.dir.path().join(name), text).unwrap();
    list("black.txt", "spam.example # refused\n");
    list("bypass.txt", "r:bob@example.com\n");
    server.launch();
    let refused = answer(&server, "x@spam.example", "alice@example.com");
    assert!(refused.contains("Access not allowed"), "{refused}");
    assert!(!answer(&server, "x@spam.example", "bob@example.com").contains("Access"));
    assert!(!answer(&server, "x@good.example", "alice@example.com").contains("Access"));

    // The list is watched.
    std::fs::write(server.dir.path().join("black.txt"), "good.example\n").unwrap();
    wait_for("the changed list", || {
        answer(&server, "x@good.example", "alice@example.com").contains("Access not allowed").then_some(())
    });
    assert!(!answer(&server, "x@spam.example", "alice@example.com").contains("Access"));

    // A broken one changes nothing and says where.
    std::fs::write(server.dir.path().join("black.txt"), "fine.example\n<broken\n").unwrap();
    let output = server.cli(&["filter", "reload", "access"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("black.txt:2") && said.contains("Unbalanced"), "{said}");
    assert!(answer(&server, "x@good.example", "alice@example.com").contains("Access not allowed"));
}
