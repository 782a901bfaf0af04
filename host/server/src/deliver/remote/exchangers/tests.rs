//! Which hosts are left of what the DNS said. Written as `PREFERENCE NAME ADDRESS…`; `?` is no answer.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn own() -> Own {
    let config = crate::config::Delivery::default();
    Own {
        hostname: "mx.example.com".to_owned(),
        listens: vec!["192.0.2.25:25".parse().unwrap(), "192.0.2.26:587".parse().unwrap()],
        port: 25,
        refused: config.mx_refused,
    }
}

fn asked(text: &str) -> Vec<Asked> {
    let host = |line: &str| {
        let mut words = line.split_whitespace();
        let (preference, name) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned());
        let addresses: Vec<&str> = words.collect();
        let addresses = match addresses[..] {
            ["?"] => Err(Temporary("timeout".to_owned())),
            _ => Ok(Found {
                addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
                demand: Demand::Nothing,
                proven: false,
            }),
        };
        (preference, name, addresses)
    };
    text.split(',').map(host).collect()
}

/// Names that are left, or kind and status of the verdict.
fn left(text: &str) -> String {
    match choose("example.org", asked(text), &own()) {
        Ok(hosts) => {
            hosts.iter().map(|host| format!("{} {:?}", host.name, host.addresses)).collect::<Vec<_>>().join(", ")
        }
        Err(Verdict::Failed(said)) => format!("failed {}", said.status),
        Err(Verdict::Deferred(said)) => format!("deferred {}", said.status),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_is_left() {
    for (text, expected) in [
        ("10 a 198.51.100.1 2001:db8::1", "a [198.51.100.1, 2001:db8::1]"),
        // No address now is no address: the others are tried. None of them is not "no such host".
        ("10 a ?, 20 b 198.51.100.2", "b [198.51.100.2]"),
        ("10 a ?, 20 b", "deferred 4.4.3"),
        ("10 a, 20 b", "failed 5.4.4"),
        // Our own address among them: the better ones only.
        ("10 a 198.51.100.1, 20 b 192.0.2.25, 20 c 198.51.100.3, 30 d 198.51.100.4", "a [198.51.100.1]"),
        ("10 a 192.0.2.25, 20 b 198.51.100.2", "failed 5.4.6"),
        ("10 a ?, 20 b 192.0.2.25", "deferred 4.4.3"),
        // Another port is another server.
        ("10 a 192.0.2.26", "a [192.0.2.26]"),
        // Where nobody else can be.
        ("10 a 127.0.0.1", "failed 5.4.4"),
        ("10 a 0.0.0.0, 20 b ::1, 30 c ::ffff:127.0.0.1, 40 d 224.0.0.1, 50 e ::", "failed 5.4.4"),
        ("10 a 127.0.0.1 198.51.100.1", "a [198.51.100.1]"),
    ] {
        assert_eq!(left(text), expected, "{text}");
    }
}

#[test]
fn own_name_and_order() {
    let all = |text: &[(u16, &str)]| text.iter().map(|(preference, name)| (*preference, (*name).to_owned())).collect();
    let found =
        before_own("example.org", all(&[(30, "c"), (10, "a"), (20, "MX.example.com"), (20, "b")]), "mx.example.com");
    assert_eq!(found.unwrap(), [(10, "a".to_owned())]);
    let looped = before_own("example.org", all(&[(10, "mx.example.com"), (10, "a")]), "mx.example.com");
    assert!(matches!(looped, Err(Verdict::Failed(said)) if said.status == "5.4.6"));
    let many: Vec<(u16, String)> = (0..100).map(|number| (5, format!("h{number}"))).collect();
    let one = before_own("example.org", many.clone(), "own").unwrap();
    assert_eq!(one.len(), EXCHANGERS_MAX);
    let differs = (0..20).any(|_| before_own("example.org", many.clone(), "own").unwrap() != one);
    assert!(differs, "equal preferences always come in the same order");
}

#[test]
fn address_literals() {
    for (text, expected) in [
        ("192.0.2.1", Some("192.0.2.1")),
        ("IPv6:2001:db8::1", Some("2001:db8::1")),
        ("ipv6:2001:db8::1", Some("2001:db8::1")),
        ("x:y", None),
        ("tag:192.0.2.1", None),
        ("ü", None),
    ] {
        assert_eq!(literal_address(text), expected.map(|address| address.parse().unwrap()), "{text}");
    }
}
