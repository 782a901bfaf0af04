//! The virus scanner in the real server: row 27 for attachments, archives and attached messages, also for mail that a
//! list lets skip filters; a changed signature counts at once. The test file is put together here, never kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::harness::{Server, wait_for};

const FILTERS: &str = r#"
[[filter]]
name = "access"
component = "builtin:access"
grants = ["accept"]
settings = { white = "white.txt" }

[[filter]]
name = "virus"
component = "builtin:virus"
always = true
settings = { signatures = "signatures/" }
"#;

fn eicar() -> Vec<u8> {
    let halves = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];
    halves.concat().into_bytes()
}

fn attached(name: &str, data: &[u8]) -> String {
    let encoded = STANDARD.encode(data);
    let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "From: bob@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=edge\r\n\r\n\
         --edge\r\n\r\nSee the attachment.\r\n--edge\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--edge--\r\n",
        lines.join("\r\n")
    )
}

/// A zip of one stored file.
fn zip(name: &str, data: &[u8]) -> Vec<u8> {
    let size = (data.len() as u32).to_le_bytes();
    // Version, flags, method, time, date, checksum (which no scanner needs), both sizes, lengths of name and extra field.
    let common =
        [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0], &[0; 4][..], &size, &size, &[name.len() as u8, 0, 0, 0]].concat();
    let mut archive = [b"PK\x03\x04", common.as_slice(), name.as_bytes(), data].concat();
    let start = archive.len() as u32;
    archive.extend([b"PK\x01\x02\x14\0", common.as_slice(), &[0; 14], name.as_bytes()].concat());
    let length = archive.len() as u32 - start;
    archive
        .extend([b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &length.to_le_bytes()[..], &start.to_le_bytes(), &[0; 2]].concat());
    archive
}

fn answer(server: &Server, sender: &str, message: &str) -> (u16, String) {
    let mut client = server.connect("mx");
    client.ehlo();
    let reply = client.message(sender, "alice@example.com", message);
    (reply.code, reply.text())
}

fn start() -> Server {
    let mut server = Server::prepare(FILTERS);
    std::fs::write(server.dir.path().join("white.txt"), "friend@example.org\n").unwrap();
    std::fs::create_dir(server.dir.path().join("signatures")).unwrap();
    std::fs::write(server.dir.path().join("signatures/own.ndb"), "Own.First:0:*:66697273742076697275732068657265\n")
        .unwrap();
    server.launch();
    server
}

/// Whether the server has logged this, at any time.
fn logged(server: &Server, text: &str) -> bool {
    let read = |name: &str| std::fs::read(server.dir.path().join(name)).unwrap_or_default();
    [read("server.out"), read("server.err")].iter().any(|log| String::from_utf8_lossy(log).contains(text))
}

#[test]
fn infected_mail_is_refused_wherever_it_lies() {
    let server = start();
    let in_zip = zip("a.com", &eicar());
    let forwarded = format!(
        "From: bob@example.org\r\nContent-Type: message/rfc822\r\n\r\n{}",
        attached("outer.zip", &zip("inner.zip", &in_zip))
    );
    for message in [attached("a.com", &eicar()), attached("a.zip", &in_zip), forwarded] {
        let (code, text) = answer(&server, "bob@example.org", &message);
        assert_eq!(code, 554, "{text}");
        assert!(text.contains("5.7.1 Message cannot be accepted, virus found"), "{text}");
    }
    let (code, text) = answer(&server, "friend@example.org", &attached("a.com", &eicar()));
    assert_eq!(code, 554, "a white entry skips no scan: {text}");
    assert_eq!(answer(&server, "bob@example.org", &attached("a.zip", &zip("a.txt", b"fine"))).0, 250);
    assert!(logged(&server, "Eicar-Test-Signature"), "{}", server.logs());
}

#[test]
fn changed_signatures_count_while_mail_flows() {
    let server = start();
    let own = server.dir.path().join("signatures/own.ndb");
    let ask = |text: &str| answer(&server, "bob@example.org", &attached("a.bin", text.as_bytes())).0;
    assert_eq!((ask("a first virus here."), ask("a second virus here.")), (554, 250));

    std::fs::write(&own, "Own.Second:0:*:7365636f6e64207669727573\nno signature\n").unwrap();
    wait_for("the changed signature", || (ask("a second virus here.") == 554).then_some(()));
    assert_eq!(ask("a first virus here."), 250);
    assert!(logged(&server, "own.ndb:2"), "{}", server.logs());

    // A download that broke changes nothing.
    std::fs::write(&own, "<html>Service unavailable</html>\n").unwrap();
    let output = server.cli(&["filter", "reload", "virus"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("own.ndb:1") && said.contains("signature"), "{said}");
    assert_eq!(ask("a second virus here."), 554);
}

#[test]
fn infected_parts_are_stripped_and_the_rest_is_delivered() {
    let server = Server::start(
        "[[filter]]\nname = \"virus\"\ncomponent = \"builtin:virus\"\ngrants = [\"edit\"]\nsettings = { action = \"strip\" }\n",
    );
    assert_eq!(answer(&server, "bob@example.org", &attached("a.com", &eicar())).0, 250);
    let mails = server.wait_mails("alice@example.com", 1);
    let mail = String::from_utf8_lossy(&mails[0]);
    assert!(mail.contains("See the attachment.") && mail.contains("It holds the virus Eicar-Test-Signature"), "{mail}");
    assert!(!mail.contains(STANDARD.encode(eicar()).get(..60).unwrap()), "{mail}");
}
