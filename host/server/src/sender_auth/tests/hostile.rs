//! What a sender may try: floods of signatures, endless lists, garbage, poisoned memory; and what the work costs.

use std::fmt::Write;
use std::time::Instant;

use super::name_server::{NameServer, Zone};
use super::{dns, found, spf, told};
use crate::sender_auth::checks::Dmarc;

async fn nothing() -> NameServer {
    NameServer::start(Zone::default()).await
}

fn signature(number: usize, names: &str) -> String {
    // The hash of an empty body in relaxed form: the key is asked for.
    format!(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=d{number}.example; s=s; h={names};\r\n\
         \tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj\r\n"
    )
}

#[tokio::test]
async fn a_flood_of_signatures_asks_few_questions() {
    let server = nothing().await;
    let mut message = String::new();
    for number in 0..1000 {
        message.push_str(&signature(number, "from"));
    }
    message.push_str("From: a@example.org\r\n\r\n");
    let checked = found(&dns(&server), "", message.as_bytes()).await;
    let asked = server.asked();
    assert!((8..40).contains(&asked), "{asked} questions");
    assert!(checked.findings.len() <= 18, "{}", checked.findings.len());
}

#[tokio::test]
async fn endless_lists_are_not_followed() {
    let server = nothing().await;
    let mut names = String::from("from");
    for number in 0..20_000 {
        write!(names, ":x-{number}").unwrap();
    }
    let mut fields = String::new();
    for number in 0..1900 {
        write!(fields, "X-{number}: y\r\n").unwrap();
    }
    let message = format!("{}{fields}From: a@example.org\r\n\r\n", signature(1, &names));
    let checked = found(&dns(&server), "", message.as_bytes()).await;
    assert!(told(&checked)[0].starts_with("dkim=neutral"), "{:?}", told(&checked));
    let chain = format!("ARC-Message-Signature: i=1; a=rsa-sha256; d=a.example; s=s; h={names}; bh=YWJj; b=YWJj\r\n");
    let message = format!("{chain}From: a@example.org\r\n\r\n");
    let checked = found(&dns(&server), "", message.as_bytes()).await;
    assert!(told(&checked).contains(&"arc=fail (malformed)".to_owned()), "{:?}", told(&checked));
    let before = server.asked();
    let message = format!("{}{}From: a@example.org\r\n\r\n", signature(1, "from"), fields.repeat(2));
    let checked = found(&dns(&server), "", message.as_bytes()).await;
    assert!(told(&checked)[0].starts_with("dkim=neutral"), "{:?}", told(&checked));
    // DMARC asked; the key was not.
    assert!(server.asked() - before < 6, "{}", server.asked() - before);
}

/// What one question leaves in memory must not answer another.
#[tokio::test]
async fn nobody_poisons_the_memory() {
    let zone = Zone::new(&[
        "_dmarc.victim.example TXT v=DMARC1; p=reject",
        "victim.example TXT v=spf1 -all",
        "evil.example TXT v=spf1 exp=victim.example -all",
        "evil2.example TXT v=spf1 include:_dmarc.victim.example -all",
    ]);
    let server = NameServer::start(zone).await;
    let dns = dns(&server);
    for sender in ["x@_dmarc.victim.example", "x@evil.example", "x@evil2.example"] {
        spf(&dns, "192.0.2.1", "client.example", sender).await;
    }
    assert_eq!(spf(&dns, "192.0.2.1", "client.example", "a@victim.example").await.finding.outcome, "fail");
    let checked = found(&dns, "", b"From: a@victim.example\r\n\r\n").await;
    assert!(matches!(checked.dmarc, Dmarc::Fail(_)), "{:?}", told(&checked));
    // And what was right is remembered.
    let before = server.asked();
    spf(&dns, "192.0.2.1", "client.example", "a@victim.example").await;
    assert_eq!(server.asked(), before);
}

#[tokio::test]
async fn garbage_ends_in_findings() {
    let server = nothing().await;
    let dns = dns(&server);
    let tags = [
        "v=1",
        "a=rsa-sha256",
        "bh=",
        "b=====",
        "h=:::",
        "d=",
        "s=",
        "i=@@",
        "l=99999999999999999999",
        "x=-1",
        "c=/",
        "\0",
    ];
    for name in ["DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results", "From"] {
        for first in tags {
            for second in tags {
                let message = format!("{name}: {first}; {second}\r\nFrom: <@>,,;\r\nFrom: \"\r\n\r\n.");
                found(&dns, "\"@\"@[x]", message.as_bytes()).await;
            }
        }
    }
    for message in
        [&b""[..], b"\r\n", b"no header", b":", b"From:", b"From: a@b@c@\r\n\r\n", b"DKIM-Signature:\r\n", &[0xff; 100]]
    {
        let checked = found(&dns, "", message).await;
        assert!(!checked.findings.is_empty());
    }
}

/// `cargo test -p postwarden cost_of -- --ignored --nocapture`: 5 KB, one RSA and one Ed25519 signature, SPF and
/// DMARC, everything in memory.
#[tokio::test]
#[ignore = "a measurement"]
async fn cost_of_a_message() {
    let (records, message) = include_str!("../../../tests/sender-auth/dkim/rfc8463-a3.txt").split_once("\n\n").unwrap();
    let mut lines: Vec<String> = records.lines().map(|line| line.replacen(' ', " TXT ", 1)).collect();
    lines.push("football.example.com TXT v=spf1 ip4:192.0.2.1 -all".to_owned());
    lines.push("_dmarc.football.example.com TXT v=DMARC1; p=reject; psd=n".to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let server = NameServer::start(Zone::new(&lines)).await;
    let dns = dns(&server);
    // Fields nobody signed make it 5 KB.
    let padding = format!("X-Padding: {}\r\n", "x".repeat(70)).repeat(45);
    let message = format!("{padding}{}", message.replace('\n', "\r\n"));
    found(&dns, "joe@football.example.com", message.as_bytes()).await;
    let (began, rounds) = (Instant::now(), 1000u32);
    for _ in 0..rounds {
        let checked = found(&dns, "joe@football.example.com", message.as_bytes()).await;
        assert!(told(&checked).last().unwrap().starts_with("dmarc=pass"));
    }
    println!("{} bytes: {} µs", message.len(), began.elapsed().as_micros() / u128::from(rounds));
}
