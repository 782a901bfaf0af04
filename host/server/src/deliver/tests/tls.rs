//! TLS with the next host: what is asked by the configuration, by the message, and by the host's TLSA records in a
//! signed zone.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

use super::exchangers::{SENDER, config, fits, outcomes};
use super::hosts::{Host, Tls, free_port};
use super::zone::{Dns, Zone};
use super::*;

const QUICK: Duration = Duration::ZERO;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_asks() {
    let dns = Dns::start(Zone::parse(
        "good.test MX 10 good.example
         good.example A 127.0.3.1
         broken.test MX 10 broken.example
         broken.example A 127.0.3.2
         clear.test MX 10 clear.example
         clear.example A 127.0.3.3
         x.good.test MX 10 good.example
         x.clear.test MX 10 clear.example
         off.test MX 10 good.example
         must.test MX 10 must.example
         must.example A 127.0.3.1",
    ));
    let port = free_port();
    let good = Host::with("127.0.3.1", port, QUICK, Tls::new("good.example").0).await;
    let broken = Host::with("127.0.3.2", port, QUICK, Tls::Broken).await;
    let clear = Host::start("127.0.3.3", port, QUICK).await;
    let routes = "routes = { \".good.test\" = { tls = \"required\" }, \".clear.test\" = { tls = \"required\" }, \"off.test\" = { tls = \"off\" } }";
    let mut bench = Bench::new(&format!("{}{routes}", config(&dns, port))).await;
    let expected = [
        ("good.test", "delivered*"),
        ("broken.test", "delivered*"),
        ("clear.test", "delivered*"),
        ("off.test", "delivered*"),
        // Nobody signed its certificate.
        ("x.good.test", "deferred TLS with good.example failed: invalid peer certificate: *"),
        ("x.clear.test", "deferred clear.example offers no TLS, which is required"),
    ];
    for (domain, _) in expected {
        bench.accept(Mail { sender: SENDER, recipients: &[&format!("x@{domain}")], ..Mail::default() }).await;
    }
    // The sender asks for it (RFC 8689): neither TLS that is not verified nor none will do.
    let envelope = Envelope { require_tls: true, ..Envelope::default() };
    bench.accept(Mail { sender: SENDER, recipients: &["x@must.test"], envelope, ..Mail::default() }).await;
    bench.start();
    let found = outcomes(&bench, expected.len() + 1).await;
    for (domain, wanted) in expected {
        let got = found.get(&format!("x@{domain}")).unwrap();
        assert!(fits(wanted, got), "{domain}: {got}");
    }
    assert!(found["x@must.test"].starts_with("deferred TLS with must.example failed"), "{found:?}");
    let mut at_good = good.taken();
    at_good.sort();
    assert_eq!(at_good, ["x@good.test+", "x@off.test"]);
    assert_eq!((broken.taken(), clear.taken()), (vec!["x@broken.test".to_owned()], vec!["x@clear.test".to_owned()]));
    bench.stop().await;
}

/// A zone that is signed, and the file that makes its key trusted.
fn signed(text: &str) -> (Zone, tempfile::NamedTempFile) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let anchors = tempfile::NamedTempFile::new().unwrap();
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &public);
    std::fs::write(anchors.path(), format!(". 3600 IN DNSKEY 257 3 15 {key}\n")).unwrap();
    (Zone::parse(text).sign(&public, Arc::new(move |bytes| pair.sign(bytes).as_ref().to_vec())), anchors)
}

fn sha256(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tlsa_records_ask() {
    let port = free_port();
    let (right, certificate) = Tls::new("whatever.example");
    let (wrong, _) = Tls::new("wrong.example");
    let record = format!("TLSA 3 0 1 {}", sha256(&certificate));
    let mut text = String::new();
    for (number, name) in ["right", "wrong", "clear", "odd", "none", "forged", "lost"].iter().enumerate() {
        text.push_str(&format!("{name}.test MX 10 {name}.example\n{name}.example A 127.0.4.{}\n", number + 1));
        match *name {
            "none" | "lost" => {}
            "odd" => text.push_str(&format!("_{port}._tcp.odd.example TLSA 0 0 1 00\n")),
            _ => text.push_str(&format!("_{port}._tcp.{name}.example {record}\n")),
        }
    }
    text.push_str(&format!("_{port}._tcp.forged.example UNSIGNED\n_{port}._tcp.lost.example SERVFAIL\n"));
    let (zone, anchors) = signed(&text);
    let dns = Dns::start(zone);
    let hosts = [
        Host::with("127.0.4.1", port, QUICK, right).await,
        Host::with("127.0.4.2", port, QUICK, wrong.clone()).await,
        Host::start("127.0.4.3", port, QUICK).await,
        Host::with("127.0.4.4", port, QUICK, wrong.clone()).await,
        Host::start("127.0.4.5", port, QUICK).await,
        Host::with("127.0.4.6", port, QUICK, wrong.clone()).await,
        Host::with("127.0.4.7", port, QUICK, wrong).await,
    ];
    let delivery = format!("{}trust-anchors = \"{}\"\n", config(&dns, port), anchors.path().display());
    let mut bench = Bench::new(&delivery).await;
    let expected = [
        ("right.test", "delivered*", "x@right.test+"),
        ("wrong.test", "deferred TLS with wrong.example failed*", ""),
        ("clear.test", "deferred clear.example offers no TLS, which is required", ""),
        // Records that say nothing for mail: TLS with anybody.
        ("odd.test", "delivered*", "x@odd.test+"),
        ("none.test", "delivered*", "x@none.test"),
        // Without a signature, or without an answer, the records may ask for anything.
        ("forged.test", "deferred cannot find the mail exchangers of forged.test*", ""),
        ("lost.test", "deferred cannot find the mail exchangers of lost.test*", ""),
    ];
    for (domain, ..) in expected {
        bench.accept(Mail { sender: SENDER, recipients: &[&format!("x@{domain}")], ..Mail::default() }).await;
    }
    bench.start();
    let found = outcomes(&bench, expected.len()).await;
    for ((domain, wanted, taken), host) in expected.iter().zip(&hosts) {
        let got = found.get(&format!("x@{domain}")).unwrap();
        assert!(fits(wanted, got), "{domain}: {got}");
        assert_eq!(host.taken().concat(), *taken, "{domain}");
    }
    bench.stop().await;
}

/// The same records in a zone that is not signed do not count.
#[tokio::test(flavor = "multi_thread")]
async fn without_signatures_tlsa_records_say_nothing() {
    let port = free_port();
    let dns = Dns::start(Zone::parse(&format!(
        "plain.test MX 10 plain.example\nplain.example A 127.0.5.1\n_{port}._tcp.plain.example TLSA 3 0 1 00"
    )));
    let host = Host::with("127.0.5.1", port, QUICK, Tls::new("plain.example").0).await;
    let mut bench = Bench::new(&config(&dns, port)).await;
    bench.accept(Mail { sender: SENDER, recipients: &["x@plain.test"], ..Mail::default() }).await;
    bench.start();
    bench.empty().await;
    assert_eq!(host.taken(), ["x@plain.test+"]);
    bench.stop().await;
}
