//! Mail by MX from end to end: found by a name server of the test's own, and two servers that each think
//! the other one responsible.

use crate::harness::dns::{Dns, Zone};
use crate::harness::lmtp_sink::Sink;
use crate::harness::server::free_port;
use crate::harness::{Server, mail, wait_for};

fn delivery(dns: &Dns, port: u16) -> String {
    format!("resolver = [\"{}\"]\nport = {port}\nmx-refused = []\nretry = [\"1s\"]\n", dns.address)
}

#[test]
fn mail_goes_to_the_exchanger_of_its_domain() {
    let sink = Sink::start();
    let dns = Dns::start(Zone::parse(
        "elsewhere.example MX 10 mx.elsewhere.example
         mx.elsewhere.example A 127.0.0.1
         routed.example MX 10 nowhere.example
         null.example MX 0 .",
    ));
    let routes = format!("routes = {{ \"routed.example\" = {{ smarthost = \"{}\" }} }}", sink.address);
    let server = Server::start(&format!("[delivery]\n{}{routes}", delivery(&dns, sink.address.port())));
    let mut client = server.submit_as("alice@example.com");
    let content = "Subject: by MX\r\n\r\nhello\r\n";
    for recipient in ["one@elsewhere.example", "two@routed.example", "three@null.example"] {
        assert_eq!(client.message("alice@example.com", recipient, content).code, 250);
    }
    wait_for("both at the sink", || (sink.taken().len() == 2).then_some(()));
    let bounces = server.wait_mails("alice@example.com", 1);
    let text = String::from_utf8_lossy(&bounces[0]).into_owned();
    assert!(text.contains("three@null.example") && text.contains("5.1.10"), "{text}");
    server.wait_queued(0);
}

/// B14: each server sends the mail to the other, until the count of hops ends it, with one bounce.
#[test]
fn two_servers_that_send_in_a_circle() {
    const HOPS: usize = 12;
    let ports = [free_port(), free_port()];
    let zone = |other: &str| {
        let text = format!(
            "loop.example MX 10 {other}\nexample.com MX 10 a.example\na.example A 127.0.0.1\nb.example A 127.0.0.1"
        );
        Dns::start(Zone::parse(&text))
    };
    let (zone_a, zone_b) = (zone("b.example"), zone("a.example"));
    let config = |hostname: &str, own: u16, other: u16, dns: &Dns| {
        let submission = "[[listener]]\nname = \"submission\"\nbind = [\"127.0.0.1:0\"]\nrole = \"submission\"\n";
        let listener =
            format!("[[listener]]\nname = \"mx\"\nbind = [\"127.0.0.1:{own}\"]\nrole = \"mx\"\n{submission}");
        let smtp = format!("[smtp]\nmax-hops = {HOPS}\n[relay]\nfrom = [\"127.0.0.0/8\"]\n");
        format!("hostname = \"{hostname}\"\n{listener}{smtp}[delivery]\n{}", delivery(dns, other))
    };
    let a = Server::start(&config("a.example", ports[0], ports[1], &zone_a));
    let mut b = Server::prepare(&config("b.example", ports[1], ports[0], &zone_b));
    // B does not know the sender's domain: its bounces leave too.
    let text = std::fs::read_to_string(b.config()).unwrap().replace("example.com\"]", "elsewhere.example\"]");
    b.write_config(&text);
    b.launch();

    let mut client = a.submit_as("alice@example.com");
    assert_eq!(client.message("alice@example.com", "x@loop.example", "Subject: round\r\n\r\n").code, 250);
    let bounces = a.wait_mails("alice@example.com", 1);
    a.wait_queued(0);
    b.wait_queued(0);
    let text = String::from_utf8_lossy(&bounces[0]).into_owned();
    assert!(mail::header(&bounces[0]).contains("Return-Path: <>"), "{text}");
    assert!(text.contains("x@loop.example") && text.contains("5.4.6"), "{text}");
    let hops = text.lines().filter(|line| line.starts_with("Received:")).count();
    assert!((HOPS..HOPS + 4).contains(&hops), "{hops} hops: {text}");
    assert_eq!(a.mails("alice@example.com").len(), 1, "one bounce");
}
