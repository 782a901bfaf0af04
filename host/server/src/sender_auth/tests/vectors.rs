//! Public vectors of DKIM and ARC, and what DMARC makes of alignment (RFC 9989, before it RFC 7489).

use super::name_server::{NameServer, Zone};
use super::{dns, found, told};
use crate::sender_auth::checks::Dmarc;
use mail_auth::dmarc::Policy;

/// DNS records, an empty line, the message with LF.
async fn vector(text: &str, change: impl Fn(String) -> String) -> Vec<String> {
    let (records, message) = text.split_once("\n\n").unwrap();
    let mut zone = Zone::default();
    for (name, record) in records.lines().map(|line| line.split_once(' ').unwrap()) {
        zone.add(name, "TXT", &record.into());
    }
    let server = NameServer::start(zone).await;
    let message = change(message.replace('\n', "\r\n"));
    told(&found(&dns(&server), "", message.as_bytes()).await)
}

const TWO_ALGORITHMS: &str = include_str!("../../../tests/sender-auth/dkim/rfc8463-a3.txt");
const SIMPLE: &str = include_str!("../../../tests/sender-auth/dkim/simple-with-received.txt");
const TWO_SETS: &str = include_str!("../../../tests/sender-auth/arc/two-sets.txt");

#[tokio::test]
async fn signatures_of_the_rfcs_hold() {
    let said = vector(TWO_ALGORITHMS, |message| message).await;
    assert_eq!(
        said[..2],
        [
            "dkim=pass header.d=football.example.com header.i=@football.example.com header.s=brisbane \
             header.a=ed25519-sha256",
            "dkim=pass header.d=football.example.com header.i=@football.example.com header.s=test header.a=rsa-sha256",
        ]
    );
    let said = vector(SIMPLE, |message| message).await;
    assert!(said[0].starts_with("dkim=pass header.d=example.com header.i=joe@football.example.com"), "{said:?}");
}

#[tokio::test]
async fn a_change_anywhere_breaks_them() {
    for (from, to, why) in [
        ("We lost the game.", "We won the game.", "fail (body was changed)"),
        ("Is dinner ready?", "Is lunch ready?", "fail (signature does not verify)"),
        ("s=brisbane", "s=brighton", "permerror (no key)"),
        ("a=ed25519-sha256", "a=rsa-sha256", "fail (algorithm does not fit the key)"),
        ("a=ed25519-sha256", "a=rsa-sha3", "neutral (unsupported signature)"),
        ("q=dns/txt; s=brisbane;", "q=dns/txt; x=1528637910; s=brisbane;", "fail (signature expired)"),
        ("q=dns/txt; s=brisbane;", "q=dns/txt; l=3; s=brisbane;", "policy (signs a part of the body only)"),
        (
            "i=@football.example.com;\r\n q=dns/txt; s=brisbane",
            "i=@other.example;\r\n q=dns/txt; s=brisbane",
            "fail (i= does not fit d=)",
        ),
    ] {
        let said = vector(TWO_ALGORITHMS, |message| message.replacen(from, to, 1)).await;
        assert!(said.iter().any(|line| line.starts_with(&format!("dkim={why}"))), "{from} -> {to}: {said:?}");
    }
    // A second author below the signed one is not what was signed either.
    let said =
        vector(TWO_ALGORITHMS, |message| message.replacen("To: Suzie", "From: x@evil.example\r\nTo: Suzie", 1)).await;
    assert!(said[0].starts_with("dkim=fail"), "{said:?}");
}

#[tokio::test]
async fn chains_of_forwarders() {
    let said = vector(TWO_SETS, |message| message).await;
    assert!(said.contains(&"arc=pass header.d=manchego.org".to_owned()), "{said:?}");
    for (from, to) in [
        ("Say cheese", "Say butter"),
        ("cv=pass", "cv=none"),
        ("ARC-Seal: i=1", "ARC-Seal: i=3"),
        ("i=1; scamorza.org", "i=1; other.org"),
    ] {
        let said = vector(TWO_SETS, |message| message.replacen(from, to, 1)).await;
        assert!(said.iter().any(|line| line.starts_with("arc=fail")), "{from} -> {to}: {said:?}");
    }
}

#[tokio::test]
async fn dmarc_asks_whether_spf_or_dkim_speaks_for_the_author() {
    let zone = Zone::new(&[
        "example.org TXT v=spf1 ip4:192.0.2.1 -all",
        "mail.example.org TXT v=spf1 ip4:192.0.2.1 -all",
        "_dmarc.example.org TXT v=DMARC1; p=reject; sp=quarantine",
        "strict.example TXT v=spf1 ip4:192.0.2.1 -all",
        "sub.strict.example TXT v=spf1 ip4:192.0.2.1 -all",
        "_dmarc.strict.example TXT v=DMARC1; p=reject; aspf=s",
        "_dmarc.trying.example TXT v=DMARC1; p=reject; t=y",
        "_dmarc.watching.example TXT v=DMARC1; p=none; rua=mailto:a@watching.example",
        "_dmarc.broken.example broken",
        "slow.example broken",
        "_dmarc.slow.example TXT v=DMARC1; p=reject",
    ]);
    let server = NameServer::start(zone).await;
    let dns = dns(&server);
    let fail = |policy| Dmarc::Fail(policy);
    for (sender, from, line, dmarc) in [
        ("a@example.org", "A <a@example.org>", "pass header.from=example.org policy.dmarc=reject", Dmarc::Open),
        ("a@mail.example.org", "a@example.org", "pass header.from=example.org policy.dmarc=reject", Dmarc::Open),
        ("x@other.example", "a@example.org", "fail header.from=example.org policy.dmarc=reject", fail(Policy::Reject)),
        ("", "a@example.org", "fail header.from=example.org policy.dmarc=reject", fail(Policy::Reject)),
        // Below the domain with the record, its sp= counts.
        (
            "x@other.example",
            "a@sub.example.org",
            "fail header.from=sub.example.org policy.dmarc=quarantine",
            fail(Policy::Quarantine),
        ),
        (
            "a@sub.strict.example",
            "a@strict.example",
            "fail header.from=strict.example policy.dmarc=reject",
            fail(Policy::Reject),
        ),
        ("a@strict.example", "a@strict.example", "pass header.from=strict.example policy.dmarc=reject", Dmarc::Open),
        // In a test the wish is one step milder.
        (
            "x@other.example",
            "a@trying.example",
            "fail header.from=trying.example policy.dmarc=quarantine",
            fail(Policy::Quarantine),
        ),
        (
            "x@other.example",
            "a@watching.example",
            "fail header.from=watching.example policy.dmarc=none",
            fail(Policy::None),
        ),
        ("x@other.example", "a@nothing.example", "none header.from=nothing.example", Dmarc::Open),
        (
            "x@other.example",
            "a@broken.example",
            "temperror (the DNS does not answer) header.from=broken.example",
            Dmarc::Open,
        ),
        // SPF may still pass when the DNS is back.
        (
            "a@slow.example",
            "a@slow.example",
            "temperror (the DNS does not answer) header.from=slow.example policy.dmarc=reject",
            Dmarc::Open,
        ),
    ] {
        let message = format!("From: {from}\r\nSubject: x\r\n\r\nhello\r\n");
        let checked = found(&dns, sender, message.as_bytes()).await;
        assert_eq!(told(&checked).last().unwrap(), &format!("dmarc={line}"), "{sender} {from}");
        assert_eq!(checked.dmarc, dmarc, "{sender} {from}");
        assert_eq!(told(&checked)[0], "dkim=none");
    }
}
