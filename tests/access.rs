//! The black and white lists in the real server: row 19 at RCPT, bypass by recipient, a changed list counts at once,
//! included files, hosts, and what `explain` says about an entry.

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

/// A server with these lists in its folder `lists`.
fn with_lists(grants: &str, files: &[(&str, &str)]) -> Server {
    let server = Server::prepare(&format!(
        "[[filter]]\nname = \"access\"\ncomponent = \"builtin:access\"\ngrants = [{grants}]\n\
         settings = {{ black = \"lists/black.txt\" }}\n"
    ));
    std::fs::create_dir(server.dir.path().join("lists")).unwrap();
    for (name, text) in files {
        std::fs::write(server.dir.path().join("lists").join(name), text).unwrap();
    }
    server
}

#[test]
fn a_file_that_a_list_includes_is_granted_and_watched_with_it() {
    let mut server = with_lists("", &[("black.txt", "f:more.txt\n"), ("more.txt", "s:x@spam.example\n")]);
    server.launch();
    assert!(answer(&server, "x@spam.example", "alice@example.com").contains("Access not allowed"));
    assert!(!answer(&server, "y@spam.example", "alice@example.com").contains("Access"));
    std::fs::write(server.dir.path().join("lists/more.txt"), "f:third.txt").unwrap();
    std::fs::write(server.dir.path().join("lists/third.txt"), "spam.example").unwrap();
    wait_for("the included file", || {
        answer(&server, "y@spam.example", "alice@example.com").contains("Access not allowed").then_some(())
    });

    // Whoever was refused learns which entry it is.
    let said = server.cli(&["explain", "550 5.7.1 Access not allowed (sender <y@spam.example>)"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("sender y@spam.example (lists/third.txt:1) is on the black list"), "{said}");
}

#[test]
fn hosts_need_the_dns() {
    let server = with_lists("", &[("black.txt", "a:mx.spam.example\n")]);
    let output = crate::harness::process::said(&server.cli(&["serve"]));
    assert!(output.contains("filter \"access\"") && output.contains("grants = [\"dns\"]"), "{output}");
}
