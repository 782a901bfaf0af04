//! Keys of both kinds, which messages they sign, and over which fields. That others verify them is tested end to end.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::os::unix::fs::PermissionsExt;

use postwarden_store::{Draft, Drafts};

use super::*;
use crate::config::read;
use crate::sender_auth;
use crate::sender_auth::tests::name_server::{NameServer, Zone};

const MESSAGE: &str =
    "From: Alice <alice@example.com>\r\nTo: bob@far.example\r\nSubject: x\r\nReply-To: r@example.com\r\n\r\nhello\r\n";

struct Place {
    folder: tempfile::TempDir,
    config: Config,
}

/// With keys `(domain, selector, kind)`.
fn place(keys: &[(&str, &str, Kind)]) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "hostname = \"mx.example.com\"\n[relay]\nfrom = [\"10.0.0.0/8\"]\n[delivery]\ndkim = [\n".to_owned();
    for (domain, selector, kind) in keys {
        Key::make(*kind, &folder.path().join(format!("{selector}.pem"))).unwrap();
        text.push_str(&format!("{{ domain = \"{domain}\", selector = \"{selector}\", key = \"{selector}.pem\" }},\n"));
    }
    text.push_str("]\n");
    let config = read::parse(&text, &folder.path().join("postwarden.toml")).unwrap().config;
    Place { folder, config }
}

fn by(login: Option<&str>, sender: &str) -> Envelope {
    Envelope {
        login: login.map(str::to_owned),
        sender: sender.to_owned(),
        client: "192.0.2.7".to_owned(),
        ..Envelope::default()
    }
}

fn plain(envelope: &Envelope) -> Outgoing<'_> {
    Outgoing { envelope, trace: b"", passed_on_by: None, now: 1_800_000_000_000 }
}

async fn signed(place: &Place, envelope: &Envelope, message: &[u8]) -> String {
    let body = Draft::from(message.to_vec()).body().await.unwrap();
    String::from_utf8(fields(&place.config, &plain(envelope), &body).await.unwrap()).unwrap()
}

#[test]
fn a_key_is_written_for_its_owner_only_and_never_over_another() {
    for kind in [Kind::Ed25519, Kind::Rsa] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/key.pem");
        let made = Key::make(kind, &file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Key::read(&file).unwrap();
        assert_eq!((read.kind(), read.record()), (kind, made.record()));
        let error = Key::make(kind, &file).unwrap_err();
        assert!(error.contains("--selector"), "{error}");
        let line = made.zone_line("s1", "example.com");
        assert!(line.starts_with("s1._domainkey.example.com. IN TXT "), "{line}");
        assert!(line.split('"').skip(1).step_by(2).all(|string| string.len() <= 255), "{line}");
        assert!(!format!("{made:?}").contains("p="));
    }
}

#[test]
fn what_is_no_key_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    assert!(Key::read(&file).unwrap_err().contains("postwarden dkim new"));
    for text in [
        "",
        "no key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
    ] {
        std::fs::write(&file, text).unwrap();
        assert!(Key::read(&file).unwrap_err().contains("holds"), "{text}");
    }
}

#[tokio::test]
async fn whoever_vouches_signs() {
    let place = place(&[("example.com", "s1", Kind::Ed25519), ("other.example", "s2", Kind::Ed25519)]);
    let d = |text: &str| text.split("d=").nth(1).map(|rest| rest.split(';').next().unwrap().to_owned());
    let own = signed(&place, &by(Some("alice@example.com"), "alice@example.com"), MESSAGE.as_bytes()).await;
    assert_eq!(d(&own).as_deref(), Some("example.com"), "{own}");
    // Its own domain, with the null sender.
    assert!(!signed(&place, &by(Some("alice@example.com"), ""), MESSAGE.as_bytes()).await.is_empty());
    // Strangers, forwarded mail.
    assert_eq!(signed(&place, &by(None, "alice@example.com"), MESSAGE.as_bytes()).await, "");
    // A login of one domain does not sign for another one of this server.
    assert_eq!(signed(&place, &by(Some("eve@other.example"), "eve@other.example"), MESSAGE.as_bytes()).await, "");
    // Whom we relay from is believed; a notice of this server is its own.
    let relayed = Envelope { client: "10.1.2.3".to_owned(), ..by(None, "x@other.example") };
    assert_eq!(d(&signed(&place, &relayed, MESSAGE.as_bytes()).await).as_deref(), Some("example.com"));
    let notice = Envelope { generated: true, ..by(None, "") };
    let below = MESSAGE.replace("alice@example.com", "mailer-daemon@mx.example.com");
    assert_eq!(d(&signed(&place, &notice, below.as_bytes()).await).as_deref(), Some("example.com"));
    // Authors of two domains have no one to speak for both; names that only end alike are others.
    for from in ["alice@example.com, eve@other.example", "x@notexample.com", "nobody", ""] {
        let message = MESSAGE.replace("Alice <alice@example.com>", from);
        assert_eq!(signed(&place, &relayed, message.as_bytes()).await, "", "{from}");
    }
}

#[tokio::test]
async fn all_keys_of_the_closest_domain_sign() {
    let place = place(&[
        ("example.com", "e1", Kind::Ed25519),
        ("example.com", "r1", Kind::Rsa),
        ("sub.example.com", "s1", Kind::Ed25519),
    ]);
    let both = signed(&place, &by(Some("alice@example.com"), ""), MESSAGE.as_bytes()).await;
    assert!(both.contains("s=e1;") && both.contains("s=r1;") && !both.contains("s=s1;"), "{both}");
    let sub = MESSAGE.replace("alice@example.com", "alice@sub.example.com");
    let one = signed(&place, &by(Some("alice@sub.example.com"), ""), sub.as_bytes()).await;
    assert!(one.contains("s=s1;") && !one.contains("s=e1;"), "{one}");
    drop(place.folder);
}

#[tokio::test]
async fn what_must_not_be_added_is_named_twice() {
    let place = place(&[("example.com", "s1", Kind::Ed25519)]);
    let field = signed(&place, &by(Some("alice@example.com"), ""), MESSAGE.as_bytes()).await;
    assert_eq!(header::fields(field.as_bytes()).count(), 1);
    let joined: String = field.split_whitespace().collect::<String>().to_lowercase();
    let names: Vec<&str> = joined.split("h=").nth(1).unwrap().split(';').next().unwrap().split(':').collect();
    for (name, times) in
        [("from", 2), ("to", 2), ("subject", 2), ("cc", 1), ("date", 1), ("reply-to", 1), ("sender", 0)]
    {
        assert_eq!(names.iter().filter(|one| **one == name).count(), times, "{name} in {names:?}");
    }
}

#[tokio::test]
async fn a_message_without_a_clear_end_of_its_header_is_not_signed() {
    let place = place(&[("example.com", "s1", Kind::Ed25519)]);
    let envelope = by(Some("alice@example.com"), "");
    for message in ["From: alice@example.com\r\nno field\r\n", "From: alice@example.com\r\n", "", "\r\nbody"] {
        assert_eq!(signed(&place, &envelope, message.as_bytes()).await, "", "{message:?}");
    }
    let endless = format!("{}{MESSAGE}", "X: y\r\n".repeat(HEADER_BYTES_MAX / 6 + 1));
    assert_eq!(signed(&place, &envelope, endless.as_bytes()).await, "");
}

/// A body that lies in a file streams by; the signature is that of the same body in memory.
#[tokio::test]
async fn a_large_body_is_signed_in_pieces() {
    let place = place(&[("example.com", "s1", Kind::Ed25519)]);
    let message = format!("{MESSAGE}{}", "a line of text\r\n".repeat(100_000));
    let drafts = Drafts::new(place.folder.path().join("spool"), 1 << 20).unwrap();
    let mut draft = drafts.open();
    for piece in message.as_bytes().chunks(10_007) {
        draft.append(piece).await.unwrap();
    }
    let envelope = by(Some("alice@example.com"), "");
    let body = draft.body().await.unwrap();
    assert!(body.inline().is_none());
    let streamed = String::from_utf8(fields(&place.config, &plain(&envelope), &body).await.unwrap()).unwrap();
    let hash = |text: &str| {
        let joined: String = text.split_whitespace().collect();
        joined.split("bh=").nth(1).unwrap().split(';').next().unwrap().to_owned()
    };
    assert_eq!(hash(&streamed), hash(&signed(&place, &envelope, message.as_bytes()).await));
}

/// What is passed on is sealed, and sealed again by the next; each chain holds where it arrives.
#[tokio::test]
async fn passed_on_mail_is_sealed() {
    let place = place(&[
        ("example.com", "e1", Kind::Ed25519),
        ("example.com", "r1", Kind::Rsa),
        ("next.example", "n1", Kind::Ed25519),
    ]);
    let records: Vec<String> = place
        .config
        .delivery
        .dkim
        .iter()
        .map(|key| format!("{}._domainkey.{} TXT {}", key.selector, key.domain, key.secret.record()))
        .collect();
    let server = NameServer::start(Zone::new(&records.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let dns = sender_auth::tests::dns(&server);
    let envelope = by(None, "a@far.example");
    let mut message =
        "Subject:  two  words \r\nFrom: a@far.example\r\nDKIM-Signature: v=1; x\r\n\r\nhello \r\n\r\n".to_owned();
    let mut found = "spf=pass smtp.mailfrom=a@far.example".to_owned();
    for (number, (domain, key)) in
        [("example.com", "s=r1"), ("next.example", "s=n1"), ("example.com", "s=r1")].iter().enumerate()
    {
        let trace = format!("Authentication-Results: mx.example.com;\r\n\t{found}\r\nReceived: x\r\n");
        let outgoing = Outgoing { trace: trace.as_bytes(), passed_on_by: Some(domain), ..plain(&envelope) };
        let body = Draft::from(message.clone().into_bytes()).body().await.unwrap();
        let set = String::from_utf8(fields(&place.config, &outgoing, &body).await.unwrap()).unwrap();
        assert_eq!(header::fields(set.as_bytes()).count(), 3, "{set}");
        assert!(set.contains(&format!("i={}; mx.example.com;\r\n\t{found}", number + 1)) && set.contains(key), "{set}");
        message = format!("{set}{trace}{message}");
        let told = sender_auth::tests::told(&sender_auth::tests::found(&dns, "", message.as_bytes()).await);
        found = format!("arc=pass header.d={domain}");
        assert!(told.contains(&found), "{told:?}\n{message}");
    }
    let broken = message.replace("hello", "hallo");
    let told = sender_auth::tests::told(&sender_auth::tests::found(&dns, "", broken.as_bytes()).await);
    assert!(told.iter().any(|line| line.starts_with("arc=fail")), "{told:?}");
    // A broken chain, and what nobody has checked, is not vouched for.
    for trace in ["Authentication-Results: mx.example.com; arc=fail\r\n", "Received: x\r\n", ""] {
        let outgoing = Outgoing { trace: trace.as_bytes(), passed_on_by: Some("example.com"), ..plain(&envelope) };
        let body = Draft::from(message.clone().into_bytes()).body().await.unwrap();
        assert!(fields(&place.config, &outgoing, &body).await.unwrap().is_empty(), "{trace}");
    }
}
