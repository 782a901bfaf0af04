//! Who really sent it, end to end: results in the header, policies in both profiles, DKIM keys and signatures, senders
//! of forwarded mail. The name server is the tests' own; clients come through PROXY, since loopback is not judged.

use std::process::Command;

use crate::harness::dns::{Dns, Zone};
use crate::harness::lmtp_sink::Sink;
use crate::harness::process::{run, said};
use crate::harness::{Client, Server, mail, peer, wait_for};

const ZONE: &str = "
good.example            TXT  v=spf1 ip4:192.0.2.1 -all
_dmarc.good.example     TXT  v=DMARC1; p=reject
soft.example            TXT  v=spf1 ~all
broken.example          SERVFAIL
_dmarc.broken.example   SERVFAIL
1.2.0.192.in-addr.arpa  PTR  mail.good.example
mail.good.example       A    192.0.2.1
";

/// A server whose clients say where they come from, and `extra`.
fn start(dns: &Dns, extra: &str) -> Server {
    let mut server = prepare(dns, extra);
    server.launch();
    server
}

/// The same, not started.
fn prepare(dns: &Dns, extra: &str) -> Server {
    let listener = "[[listener]]\nname = \"mx\"\nbind = [\"127.0.0.1:0\"]\nrole = \"mx\"\nproxy-protocol = [\"127.0.0.0/8\"]\n\
                    [[listener]]\nname = \"submission\"\nbind = [\"127.0.0.1:0\"]\nrole = \"submission\"\n";
    let delivery = match extra.contains("[delivery]") {
        true => extra.replace("[delivery]", &format!("[delivery]\nresolver = [\"{}\"]", dns.address)),
        false => format!("{extra}\n[delivery]\nresolver = [\"{}\"]\n", dns.address),
    };
    Server::prepare(&format!("{listener}{delivery}"))
}

fn from(server: &Server, client: &str) -> Client {
    let mut connection = Client::raw(server.address("mx")).unwrap();
    connection.bytes(format!("PROXY TCP4 {client} 127.0.0.1 40000 25\r\n").as_bytes()).unwrap();
    connection.expect(220);
    connection.ehlo();
    connection
}

fn letter(author: &str) -> String {
    format!("From: <{author}>\r\nSubject: hello\r\n\r\nthe text\r\n")
}

/// The first field, unfolded: ours stands at the top.
fn results(message: &[u8]) -> String {
    let header = mail::header(message);
    let start = header.find("Authentication-Results:").expect("a field with results");
    let lines: Vec<&str> = header[start..].lines().collect();
    let folded = lines.iter().skip(1).take_while(|line| line.starts_with(['\t', ' ']));
    std::iter::once(lines[0]).chain(folded.map(|line| line.trim_start())).collect::<Vec<_>>().join(" ")
}

#[test]
fn results_stand_at_the_top_and_claims_of_others_are_gone() {
    let dns = Dns::start(Zone::parse(ZONE));
    let server = start(&dns, "");
    let forged = "Authentication-Results: MX.example.com; dmarc=pass\r\n\
                  authentication-results:\r\n\t(so (nested)) \"mx.example.com\" 1;\r\n\tspf=pass\r\n\
                  Authentication-Results: other.example; spf=pass\r\n";
    let content = format!("{forged}{}", letter("a@good.example"));
    assert_eq!(from(&server, "192.0.2.1").message("a@good.example", "alice@example.com", &content).code, 250);
    let mails = server.wait_mails("alice@example.com", 1);
    assert_eq!(
        results(&mails[0]),
        "Authentication-Results: mx.example.com; iprev=pass policy.iprev=192.0.2.1; \
         spf=pass smtp.mailfrom=a@good.example; dkim=none; \
         dmarc=pass header.from=good.example policy.dmarc=reject"
    );
    let header = mail::header(&mails[0]);
    assert_eq!(header.matches("mx.example.com;").count(), 1, "{header}");
    assert!(header.contains("Authentication-Results: other.example; spf=pass"), "{header}");
    assert!(header.find("Authentication-Results").unwrap() < header.find("Received:").unwrap(), "{header}");
    let history = server.cli_ok(&["history", "find", "--sender", "a@good.example", "--json"]);
    assert!(history.contains("spf=pass") && history.contains("dmarc=pass"), "{history}");
    // Own mail is not judged, and claims in our name go there too.
    let mut client = server.submit_as("alice@example.com");
    let content = format!("{forged}{}", letter("alice@example.com"));
    assert_eq!(client.message("alice@example.com", "bob@example.com", &content).code, 250);
    let header = mail::header(&server.wait_mails("bob@example.com", 1)[0]);
    assert_eq!(header.matches("uthentication-").count(), 1, "{header}");
}

#[test]
fn what_fails_is_told_and_taken() {
    let dns = Dns::start(Zone::parse(ZONE));
    let server = start(&dns, "");
    for (count, (client, sender, expected)) in [
        ("192.0.2.9", "a@good.example", "iprev=permerror policy.iprev=192.0.2.9; spf=fail smtp.mailfrom=a@good.example; dkim=none; dmarc=fail header.from=good.example policy.dmarc=reject"),
        ("192.0.2.1", "a@soft.example", "spf=softfail smtp.mailfrom=a@soft.example; dkim=none; dmarc=none header.from=soft.example"),
        ("192.0.2.1", "a@broken.example", "spf=temperror smtp.mailfrom=a@broken.example; dkim=none; dmarc=temperror (the DNS does not answer) header.from=broken.example"),
        ("192.0.2.1", "", "spf=none smtp.helo=client.example.org; dkim=none; dmarc=fail header.from=good.example policy.dmarc=reject"),
    ]
    .into_iter()
    .enumerate()
    {
        let author = if sender.is_empty() { "a@good.example" } else { sender };
        assert_eq!(from(&server, client).message(sender, "alice@example.com", &letter(author)).code, 250);
        let mails = server.wait_mails("alice@example.com", count + 1);
        assert!(mails.iter().any(|mail| results(mail).ends_with(expected)), "{expected}\n{}", mails.iter().map(|mail| results(mail)).collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn the_operator_decides_what_a_failure_is_worth() {
    let dns = Dns::start(Zone::parse(ZONE));
    for profile in ["merak", "rfc"] {
        let policy = format!(
            "[smtp]\nreplies = \"{profile}\"\n[authentication]\nspf = {{ fail = \"reject\" }}\ndmarc = {{ fail = \"policy\" }}\n\
             exempt = [\"192.0.2.77\"]"
        );
        let server = start(&dns, &policy);
        let answer = |client: &str, sender: &str, author: &str| {
            let reply = from(&server, client).message(sender, "alice@example.com", &letter(author));
            format!("{} {}", reply.code, reply.text())
        };
        assert!(
            answer("192.0.2.9", "a@good.example", "x@other.example").starts_with("550 5.7.23 SPF validation failed")
        );
        let refused = answer("192.0.2.9", "x@other.example", "a@good.example");
        assert!(refused.starts_with("550 5.7.26 Multiple authentication checks failed"), "{refused}");
        assert!(answer("192.0.2.1", "a@good.example", "a@good.example").starts_with("250"));
        // No DNS is no reason; nor is a client that is not judged.
        assert!(answer("192.0.2.9", "a@broken.example", "a@broken.example").starts_with("250"));
        assert!(answer("192.0.2.77", "a@good.example", "a@good.example").starts_with("250"));
        server.wait_mails("alice@example.com", 3);
        let told = server.cli_ok(&["explain", &refused]);
        assert!(told.contains("dmarc-failed"), "{told}");
    }
}

#[test]
fn points_join_the_sum_and_quarantine_holds() {
    let dns = Dns::start(Zone::parse(ZONE));
    let policy = "[authentication]\nspf = { fail = \"score\", score = 6.0 }\ndmarc = { fail = \"score\", score = 6.0 }";
    let server = start(&dns, policy);
    let mut client = from(&server, "192.0.2.9");
    let reply = client.message("a@good.example", "alice@example.com", &letter("x@other.example"));
    assert_eq!(reply.code, 250);
    let header = mail::header(&server.wait_mails("alice@example.com", 1)[0]);
    assert!(header.contains("X-Spam-Score: 6.0"), "{header}");
    let reply = client.message("a@good.example", "alice@example.com", &letter("a@good.example"));
    assert!(reply.code == 554 && reply.text().contains("spam rejection"), "{}", reply.text());
    let server = start(&dns, "[authentication]\nspf = { fail = \"quarantine\" }");
    let reply = from(&server, "192.0.2.9").message("a@good.example", "alice@example.com", &letter("a@good.example"));
    assert_eq!(reply.code, 250);
    wait_for("the held message", || server.cli_ok(&["quarantine", "list"]).contains("SPF failed").then_some(()));
    assert!(server.mails("alice@example.com").is_empty());
}

/// What was found is told to filters: a rule of the content filter asks for it.
#[test]
fn filters_know_who_sent_it() {
    let dns = Dns::start(Zone::parse(ZONE));
    let filter =
        "[[filter]]\nname = \"content\"\ncomponent = \"builtin:content\"\nsettings = { rules = \"content.toml\" }\n";
    let mut server = prepare(&dns, filter);
    let rule = "[[rule]]\nname = \"forged\"\nwhen = { dmarc = \"fail\", spf = \"fail\" }\naction = \"reject\"\n";
    std::fs::write(server.dir.path().join("content.toml"), rule).unwrap();
    server.launch();
    let mut client = from(&server, "192.0.2.9");
    let reply = client.message("a@good.example", "alice@example.com", &letter("a@good.example"));
    assert!(reply.code == 554 && reply.text().contains("content filter rejection"), "{}", reply.text());
    let reply = client.message("a@soft.example", "alice@example.com", &letter("a@soft.example"));
    assert_eq!(reply.code, 250, "{}", reply.text());
}

/// Keys by `dkim new`, signatures on the way out, verified by our own receiving server and by dkimpy.
#[test]
fn signed_mail_is_believed_by_others() {
    let sink = Sink::start();
    let mut sender = Server::prepare("");
    let made: Vec<serde_json::Value> = [("s1", "ed25519"), ("s2", "rsa")]
        .iter()
        .map(|(selector, kind)| {
            sender.cli_json(&["dkim", "new", "example.com", "--selector", selector, "--type", kind])
        })
        .collect();
    let again = sender.cli(&["dkim", "new", "example.com"]);
    assert!(!again.status.success() && said(&again).contains("--selector"), "{}", said(&again));
    let keys: Vec<String> = made
        .iter()
        .map(|key| key["config"].as_str().unwrap().trim_start_matches("dkim = [").trim_end_matches(']').to_owned())
        .collect();
    let config = format!("[delivery]\nsmarthost = \"{}\"\ndkim = [{}]", sink.address, keys.join(", "));
    sender.write_config(&crate::harness::config::text(&config, crate::harness::server::free_port()));
    sender.launch();
    let content = format!(
        "Bcc: secret@far.example\r\nTo: x@far.example\r\n{}.. dots\r\n  spaces  \r\n\r\n",
        letter("alice@example.com")
    );
    let reply = sender.submit_as("alice@example.com").message(
        "alice@example.com",
        "x@far.example",
        &content.replace("\r\n..", "\r\n..."),
    );
    assert_eq!(reply.code, 250);
    let taken = wait_for("the signed message", || sink.taken().pop());
    let text = String::from_utf8_lossy(&taken.content).into_owned();
    assert!(text.starts_with("DKIM-Signature:") && text.matches("DKIM-Signature:").count() == 2, "{text}");
    assert!(!text.contains("secret"), "{text}");

    let records: Vec<String> = made
        .iter()
        .map(|key| format!("{} TXT {}", key["name"].as_str().unwrap(), key["record"].as_str().unwrap()))
        .collect();
    let zone = format!("{}\n_dmarc.example.com TXT v=DMARC1; p=reject", records.join("\n"));
    let dns = Dns::start(Zone::parse(&zone));
    let receiver = start(&dns, "[domains.\"far.example\"]\n[authentication]\ndmarc = { fail = \"policy\" }");
    assert!(receiver.cli_ok(&["alias", "add", "x@far.example", "bob@example.com"]).contains("x@far.example"));
    let stuffed = text.replace("\r\n.", "\r\n..");
    let reply = from(&receiver, "192.0.2.50").message("", "x@far.example", &stuffed);
    assert_eq!(reply.code, 250, "{}", reply.text());
    let found = results(&receiver.wait_mails("bob@example.com", 1)[0]);
    for expected in [
        "dkim=pass header.d=example.com header.s=s1 header.a=ed25519-sha256",
        "dkim=pass header.d=example.com header.s=s2 header.a=rsa-sha256",
        "dmarc=pass header.from=example.com",
    ] {
        assert!(found.contains(expected), "{found}");
    }
    // One byte of the body changed.
    let reply = from(&receiver, "192.0.2.50").message("", "x@far.example", &stuffed.replace("the text", "the next"));
    assert!(reply.code == 550 && reply.text().contains("5.7.26"), "{}", reply.text());

    assert_eq!(dkimpy(&[], &made, &taken.content).as_deref().unwrap_or("2"), "2");
}

/// What dkimpy says about a message, with these keys; none: it is not here.
fn dkimpy(options: &[&str], made: &[serde_json::Value], message: &[u8]) -> Option<String> {
    let python = peer::need("python3")?;
    let mut here = Command::new(&python);
    here.args(["-c", "import dkim, nacl"]);
    if !run(here, b"").status.success() {
        peer::skip("python3-dkim and python3-nacl are not installed");
        return None;
    }
    let text = |key: &serde_json::Value, name: &str| key[name].as_str().unwrap().to_owned();
    let mut command = Command::new(python);
    command.arg(peer::script("dkim_verify.py")).args(options);
    command.args(made.iter().map(|key| format!("{}={}", text(key, "name"), text(key, "record"))));
    let output = run(command, message);
    assert!(output.status.success(), "{}", said(&output));
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Mail of strangers that an alias passes on: sealed with what was found, as our own checks and dkimpy understand it.
#[test]
fn passed_on_mail_is_sealed() {
    let (dns, sink) = (Dns::start(Zone::parse(ZONE)), Sink::start());
    let mut server = prepare(&dns, &format!("[delivery]\nsmarthost = \"{}\"", sink.address));
    let key = server.cli_json(&["dkim", "new", "example.com", "--type", "rsa"]);
    let line = key["config"].as_str().unwrap();
    let config = std::fs::read_to_string(server.config()).unwrap();
    server.write_config(&config.replace("[delivery]", &format!("[delivery]\n{line}")));
    server.launch();
    server.cli_ok(&["alias", "add", "away@example.com", "alice@far.example"]);
    let reply = from(&server, "192.0.2.1").message("a@good.example", "away@example.com", &letter("a@good.example"));
    assert_eq!(reply.code, 250);
    let sealed = wait_for("the sealed message", || sink.taken().pop()).content;
    let text = String::from_utf8_lossy(&sealed).into_owned();
    assert!(text.starts_with("ARC-Seal: i=1; a=rsa-sha256;") && !text.contains("DKIM-Signature"), "{text}");
    assert!(text.contains("ARC-Authentication-Results: i=1; mx.example.com;"), "{text}");
    assert_eq!(dkimpy(&["--arc"], std::slice::from_ref(&key), &sealed).as_deref().unwrap_or("pass"), "pass");
}

#[test]
fn forwarded_mail_gets_a_sender_that_leads_back() {
    let (dns, sink) = (Dns::start(Zone::parse(ZONE)), Sink::start());
    let server = start(&dns, &format!("[delivery]\nsmarthost = \"{}\"", sink.address));
    server.cli_ok(&["alias", "add", "away@example.com", "alice@far.example"]);
    let mut client = from(&server, "192.0.2.1");
    assert_eq!(client.message("Bob@good.example", "away@example.com", &letter("bob@good.example")).code, 250);
    let forwarded = wait_for("the forwarded message", || sink.taken().pop());
    assert_eq!(forwarded.recipient, "alice@far.example");
    let sender = forwarded.sender;
    assert!(sender.starts_with("SRS0=") && sender.ends_with("=good.example=Bob@example.com"), "{sender}");
    // A bounce finds its way; nothing else does, and nobody else's.
    assert_eq!(client.message("", &sender, "Subject: it came back\r\n\r\n").code, 250);
    wait_for("the bounce", || {
        sink.taken().iter().any(|taken| taken.recipient == "Bob@good.example" && taken.sender.is_empty()).then_some(())
    });
    client.send("MAIL FROM:<x@other.example>");
    client.expect(250);
    client.send(&format!("RCPT TO:<{sender}>"));
    client.expect(550);
    client.send("RSET");
    client.expect(250);
    client.send("MAIL FROM:<>");
    client.expect(250);
    client.send(&format!("RCPT TO:<{}>", sender.replace("good.example", "victim.example")));
    client.expect(550);
}

#[test]
fn what_users_send_is_completed() {
    let server = Server::start("");
    let mut client = server.submit_as("alice@example.com");
    let content = "Subject: bare\r\nBcc: x@far.example,\r\n\ty@far.example\r\n\r\nthe text\r\n";
    assert_eq!(client.message("alice@example.com", "bob@example.com", content).code, 250);
    let first = String::from_utf8_lossy(&server.wait_mails("bob@example.com", 1)[0]).into_owned();
    for field in ["\nDate: ", "\nMessage-ID: <", "\nFrom: <alice@example.com>", "\nSubject: bare"] {
        assert!(first.contains(field), "{first}");
    }
    assert!(!first.contains("far.example") && first.contains("\nthe text"), "{first}");
    assert_eq!(client.message("alice@example.com", "bob@example.com", &letter("carol@example.com")).code, 250);
    let mails = server.wait_mails("bob@example.com", 2);
    assert!(mails.iter().any(|mail| mail::header(mail).contains("Sender: <alice@example.com>")));
    let strict = Server::start("[submission]\nforeign-from = \"reject\"");
    let mut client = strict.submit_as("alice@example.com");
    let reply = client.message("alice@example.com", "bob@example.com", &letter("carol@example.com"));
    assert_eq!((reply.code, reply.text().contains("You are not allowed to send.")), (501, true), "{}", reply.text());
    // An alias that leads to her is hers.
    assert_eq!(client.message("alice@example.com", "bob@example.com", &letter("sales@example.com")).code, 250);
}

#[test]
fn mail_beyond_a_limit_is_held_and_told_of() {
    let sink = Sink::start();
    let config = format!(
        "[domains.\"example.com\"]\nsend-limit = {{ messages = 1, exceeded = \"hold\" }}\n[delivery]\nsmarthost = \"{}\"",
        sink.address
    );
    let server = Server::start(&config);
    let mut client = server.submit_as("alice@example.com");
    for _ in 0..3 {
        assert_eq!(client.message("alice@example.com", "x@far.example", &letter("alice@example.com")).code, 250);
    }
    wait_for("the first message", || (sink.taken().len() == 1).then_some(()));
    server.wait_queued(2);
    let listed = server.cli_ok(&["queue", "list", "--state", "held"]);
    assert_eq!(listed.matches("x@far.example").count(), 2, "{listed}");
    let history = server.cli_json(&["history", "find", "--sender", "alice@example.com"]).to_string();
    assert_eq!(history.matches("has used up its send limit").count(), 1, "{history}");
    assert!(server.logs().contains("has used up its send limit"));
}
