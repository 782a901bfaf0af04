//! Postfix' smtp-sink as a next hop that fails at each stage in each way: what is tried again, what comes back, and
//! that nothing is lost.

use std::collections::BTreeSet;
use std::process::Command;

use crate::harness::process::Guard;
use crate::harness::server::{entries, free_port};
use crate::harness::{Client, Server, peer, wait_for};

/// Options of smtp-sink: a hard error, a soft one, a connection closed without a word, and after a 421.
const FAULTS: [(&str, &str); 4] = [("hard", "-f"), ("soft", "-r"), ("close", "-q"), ("tired", "-Q")];
const STAGES: [(&str, &str); 6] =
    [("connect", "connect"), ("hello", "ehlo"), ("mail", "mail"), ("rcpt", "rcpt"), ("data", "data"), ("dot", ".")];

/// A refusal of the message is final; one of the connection is not; EHLO may be refused, HELO is left.
const BOUNCED: [&str; 4] = ["hard-mail", "hard-rcpt", "hard-data", "hard-dot"];
const DELIVERED: [&str; 1] = ["hard-hello"];

#[test]
fn faults_at_each_stage() {
    let Some(smtp_sink) = peer::need("smtp-sink") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut sinks, mut routes, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (fault, option) in FAULTS {
        for (stage, command) in STAGES {
            let (name, port) = (format!("{fault}-{stage}"), free_port());
            let mut sink = Command::new(&smtp_sink);
            sink.args([option, command]);
            if peer::is_root() {
                sink.args(["-u", "nobody"]);
            }
            sink.arg(format!("127.0.0.1:{port}")).arg("100");
            sinks.push(Guard::start(sink, &name, dir.path()));
            wait_for("smtp-sink listens", || Client::raw(([127, 0, 0, 1], port).into()).ok());
            routes.push(format!("\"{name}.example\" = {{ smarthost = \"127.0.0.1:{port}\" }}"));
            names.insert(name);
        }
    }
    let server = Server::start(&format!("[delivery]\nretry = [\"1h\"]\nroutes = {{ {} }}", routes.join(", ")));
    let mut client = server.submit_as("alice@example.com");
    for name in &names {
        let content = "Subject: into the wall\r\n\r\nhello\r\n";
        assert_eq!(client.message("alice@example.com", &format!("x@{name}.example"), content).code, 250);
    }
    let waiting = names.len() - BOUNCED.len() - DELIVERED.len();
    let left: BTreeSet<String> = wait_for("an outcome for each", || {
        let queue = entries(&server.cli_json(&["queue", "list"]));
        let recipients: Vec<_> = queue.iter().map(|entry| entry["recipients"][0].clone()).collect();
        let tried = recipients.iter().all(|recipient| recipient["attempts"] == 1 && recipient["last_error"] != "");
        (tried && recipients.len() == waiting).then(|| {
            let address = |recipient: &serde_json::Value| recipient["address"].as_str().unwrap().to_owned();
            recipients.iter().map(|one| address(one).replace("x@", "").replace(".example", "")).collect()
        })
    });
    let gone: Vec<&str> = names.iter().filter(|name| !left.contains(*name)).map(String::as_str).collect();
    let mut expected = [&BOUNCED[..], &DELIVERED[..]].concat();
    expected.sort_unstable();
    assert_eq!(gone, expected);
    let bounces = server.wait_mails("alice@example.com", BOUNCED.len());
    for name in BOUNCED {
        let told = bounces.iter().any(|mail| String::from_utf8_lossy(mail).contains(&format!("x@{name}.example")));
        assert!(told, "no bounce for {name}");
    }
}
