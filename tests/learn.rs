//! Teaching filters: by files and by held messages, at a running server and on the store itself; what was learned counts
//! at once and stays.

use std::path::Path;

use crate::harness::process::said;
use crate::harness::{Server, wait_for};

/// Refuses what it has learned: the word lies in its state. It does not learn "too hard".
const FILTER: &str = r#"
[[filter]]
name = "own"
component = "puppet.wasm"
grants = ["dns", "state", { connect = ["127.0.0.1:1"] }]
deadline = "20s"
cpu = "20s"
refresh = "0"
[filter.settings]
configure = [["read-state", "generation"]]
on-feedback = [["if-text", "too hard", [["fail", "it is too hard"]]], ["set-state", "generation", "seven"]]
on-message = [["if-text", "odd", [["quarantine", "content"]]], ["learned"]]
"#;

fn prepare() -> Server {
    let server = Server::prepare(FILTER);
    std::fs::copy(postwarden_artifacts::guest("puppet"), server.dir.path().join("puppet.wasm")).unwrap();
    let write = |name: &str, text: &str| {
        let file = server.dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write("sorted/1", "Subject: one\n\nhello\n");
    write("sorted/2", "Subject: two\n\nhello\n");
    write("sorted/cmds", "mv 1 2\n");
    write("sorted/box", "From a@b Mon Jan 1\nSubject: three\n\nFrom me\n\nFrom c@d Tue Jan 2\nSubject: four\n\nx\n");
    write("hard", "Subject: too hard\n\n");
    server
}

fn say(server: &Server, subject: &str) {
    let mut client = server.connect("mx");
    client.ehlo();
    assert_eq!(
        client.message("bob@example.org", "alice@example.com", &format!("Subject: {subject}\r\n\r\n")).code,
        250
    );
}

#[test]
fn sorted_mail_is_learned_and_counts_at_once() {
    let mut server = prepare();
    server.launch();
    say(&server, "before");
    assert!(server.logs().contains("learned nothing") && !server.logs().contains("learned seven"));
    let folder = server.dir.path().join("sorted");
    let path = |path: &Path| path.display().to_string();
    let output = server.cli(&["spam", "learn", "spam", &path(&folder)]);
    let text = said(&output);
    assert!(output.status.success() && text.contains("4 messages learned as spam"), "{text}");
    assert!(text.contains("1 file passed over"), "{text}");
    assert_eq!(server.logs().matches("learn Class::Spam").count(), 4, "{}", server.logs());
    say(&server, "after");
    wait_for("what was learned", || server.logs().contains("learned seven").then_some(()));

    // What cannot be learned or read is named, and the rest goes on.
    let (hard, absent, commands) = (path(&server.dir.path().join("hard")), "/none/there", path(&folder.join("cmds")));
    let output = server.cli(&["spam", "learn", "ham", &hard, absent, &commands, &path(&folder.join("1"))]);
    let text = said(&output);
    for words in [
        &format!("{hard}: own: "),
        "it is too hard",
        "/none/there: ",
        &format!("{commands}: is no message"),
        "1 message learned as ham",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert_eq!(output.status.code(), Some(1), "{text}");
}

#[test]
fn held_mail_is_learned_without_a_server_too() {
    let mut server = prepare();
    server.launch();
    for subject in ["odd 1", "odd 2", "odd 3"] {
        say(&server, subject);
    }
    let held = server.cli_json(&["quarantine", "list"]);
    let ids: Vec<String> =
        held.as_array().expect("a list").iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), 3);
    let told = server.cli_ok(&["quarantine", "learn", "spam", &ids[0]]);
    assert!(told.contains("learned as spam"), "{told}");
    server.cli_ok(&["quarantine", "release", "--learn", &ids[1]]);
    assert!(server.logs().contains("learn Class::Ham"), "{}", server.logs());
    server.wait_mails("alice@example.com", 1);
    server.stop();

    let output = server.cli(&["quarantine", "delete", "--learn", &ids[2]]);
    assert!(output.status.success() && said(&output).contains("working on the store itself"), "{}", said(&output));
    let left = server.cli_json(&["quarantine", "list"]);
    assert_eq!(left.as_array().map(Vec::len), Some(1));
    let file = server.dir.path().join("sorted/1").display().to_string();
    let output = server.cli(&["spam", "learn", "ham", &file]);
    assert!(said(&output).contains("1 message learned as ham"), "{}", said(&output));
    server.launch();
    say(&server, "after");
    wait_for("what was learned", || server.logs().contains("learned seven").then_some(()));
}

#[test]
fn where_no_filter_learns_a_command_says_what_to_add() {
    let server = Server::start("");
    let output = server.cli(&["spam", "learn", "ham", "/etc/hostname", "postwarden.toml"]);
    assert!(said(&output).contains("no filter learns: add a [[filter]]"), "{}", said(&output));
    let output = server.cli(&["spam", "stats"]);
    assert!(said(&output).contains("builtin:spam"), "{}", said(&output));
}
