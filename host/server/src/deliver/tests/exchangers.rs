//! Mail exchangers found by a name server of the tests' own, with true answers and every kind of broken one.

use std::collections::BTreeMap;

use super::hosts::{Host, free_port};
use super::zone::{Dns, Zone};
use super::*;

/// `[delivery]` for hosts on loopback.
pub(super) fn config(dns: &Dns, port: u16) -> String {
    format!("resolver = [\"{}\"]\nport = {port}\nmx-refused = []\nretry = [\"20s\"]\n", dns.address)
}

/// Event and detail of each recipient's first try.
pub(super) async fn outcomes(bench: &Bench, wanted: usize) -> BTreeMap<String, String> {
    let mut outcomes = BTreeMap::new();
    bench
        .until("an outcome for each", async || {
            outcomes.clear();
            for record in bench.history().await {
                if matches!(record.event.as_str(), "delivered" | "deferred" | "bounced") && record.sender == SENDER {
                    for recipient in &record.recipients {
                        outcomes.entry(recipient.clone()).or_insert(format!("{} {}", record.event, record.detail));
                    }
                }
            }
            outcomes.len() >= wanted
        })
        .await;
    outcomes
}

/// Nobody is told of its bounces: no such mailbox.
pub(super) const SENDER: &str = "nobody@example.com";

const ZONE: &str = "
    host.example          A      127.0.0.2
    both.example          A      127.0.0.2
    both.example          AAAA   2001:db8::1
    closed.example        A      127.0.0.99
    alias.example         CNAME  host.example

    mx.test               MX     10 host.example
    a-only.test           A      127.0.0.2
    mx-to-alias.test      MX     10 alias.example
    is-alias.test         CNAME  mx.test
    second.test           MX     10 closed.example
    second.test           MX     20 host.example
    half-dead.test        MX     10 broken.test
    half-dead.test        MX     20 host.example
    no-v6-here.test       MX     10 both.example
    backup.test           MX     10 host.example
    backup.test           MX     20 mx.example.com

    null.test             MX     0 .
    void.test             MX     10 nowhere.example
    empty.test            TXT    no mail here
    ours.test             MX     10 mx.example.com
    worse.test            MX     10 MX.example.com
    worse.test            MX     20 host.example
    bad-alias.test        CNAME  nowhere.example

    closed.test           MX     10 closed.example
    broken.test           SERVFAIL
    refused.test          REFUSED
    notimp.test           NOTIMP
    silent.test           SILENT
    lame.test             LAME
    garbage.test          GARBAGE
    truncated.test        TRUNCATED
    foreign.test          FOREIGN
    broken-mx.test        MX:SERVFAIL
    broken-mx.test        A      127.0.0.2
    host-broken.test      MX     10 broken.test
    host-silent.test      MX     10 silent.test
    ring-one.test         CNAME  ring-two.test
    ring-two.test         CNAME  ring-one.test
";

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_the_dns() {
    let many: String = (0..20).map(|number| format!("many.test MX {} host.example\n", number % 3)).collect();
    let dns = Dns::start(Zone::parse(&format!("{ZONE}{many}")));
    let port = free_port();
    let host = Host::start("127.0.0.2", port, Duration::ZERO).await;
    let mut bench = Bench::new(&config(&dns, port)).await;
    let loops = "bounced mail for *loops back to this server*";
    let expected = [
        ("mx.test", "delivered*"),
        ("a-only.test", "delivered*"),
        ("mx-to-alias.test", "delivered*"),
        ("is-alias.test", "delivered*"),
        ("second.test", "delivered*"),
        ("half-dead.test", "delivered*"),
        ("no-v6-here.test", "delivered*"),
        ("backup.test", "delivered*"),
        ("many.test", "delivered*"),
        ("[127.0.0.2]", "delivered*"),
        ("null.test", "bounced null.test takes no mail*"),
        ("void.test", "bounced no mail exchanger of void.test has an address"),
        ("empty.test", "bounced no mail exchanger of empty.test has an address"),
        ("nosuch.test", "bounced there is no domain nosuch.test in the DNS"),
        ("bad-alias.test", "bounced *"),
        ("ours.test", loops),
        ("worse.test", loops),
        ("closed.test", "deferred cannot connect to closed.example, 127.0.0.99:*: Connection refused"),
        ("broken.test", "deferred cannot find the mail exchangers of broken.test: *"),
        ("refused.test", "deferred cannot find*"),
        ("notimp.test", "deferred cannot find*"),
        ("silent.test", "deferred cannot find*"),
        ("lame.test", "deferred cannot find*"),
        ("garbage.test", "deferred cannot find*"),
        ("truncated.test", "deferred cannot find*"),
        ("foreign.test", "deferred cannot find*"),
        ("broken-mx.test", "deferred cannot find*"),
        ("host-broken.test", "deferred cannot find*"),
        ("host-silent.test", "deferred cannot find*"),
        ("ring-one.test", "deferred cannot find*"),
    ];
    for (domain, _) in expected {
        bench.accept(Mail { sender: SENDER, recipients: &[&format!("x@{domain}")], ..Mail::default() }).await;
    }
    bench.start();
    let found = outcomes(&bench, expected.len()).await;
    let wrong: Vec<_> = expected
        .iter()
        .map(|(domain, wanted)| (*domain, *wanted, found.get(&format!("x@{domain}")).cloned().unwrap_or_default()))
        .filter(|(_, wanted, got)| !fits(wanted, got))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(host.taken().len(), expected.iter().filter(|(_, wanted)| *wanted == "delivered*").count());
    bench.stop().await;
}

/// With `*` for anything.
pub(super) fn fits(wanted: &str, got: &str) -> bool {
    let mut rest = got;
    let parts: Vec<&str> = wanted.split('*').collect();
    let open_end = wanted.ends_with('*');
    for (place, part) in parts.iter().enumerate() {
        match rest.find(part) {
            Some(at) if place > 0 || at == 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    open_end || rest.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_exchanger_on_loopback_is_none() {
    let dns = Dns::start(Zone::parse("trap.test MX 10 me.test\nme.test A 127.0.0.1\nme.test AAAA ::1"));
    let mut bench = Bench::new(&format!("resolver = [\"{}\"]", dns.address)).await;
    for address in ["x@trap.test", "x@[127.0.0.1]", "x@[IPv6:::1]"] {
        bench.accept(Mail { sender: SENDER, recipients: &[address], ..Mail::default() }).await;
    }
    bench.start();
    let found = outcomes(&bench, 3).await;
    assert!(found.values().all(|outcome| outcome.starts_with("bounced the mail exchanger of")), "{found:?}");
    bench.stop().await;
}

/// Domains with the same exchangers share a connection; the DNS is asked once.
#[tokio::test(flavor = "multi_thread")]
async fn many_domains_of_one_host() {
    let zone: String = (0..50).map(|number| format!("d{number}.test MX 10 host.example\n")).collect();
    let dns = Dns::start(Zone::parse(&format!("{zone}host.example A 127.0.0.3")));
    let port = free_port();
    let host = Host::start("127.0.0.3", port, Duration::ZERO).await;
    let mut bench = Bench::new(&format!("{}max-connections-per-destination = 1\n", config(&dns, port))).await;
    for number in 0..500 {
        let address = format!("x@d{}.test", number % 50);
        bench.accept(Mail { sender: SENDER, recipients: &[&address], ..Mail::default() }).await;
    }
    bench.start();
    bench.empty().await;
    assert_eq!(host.taken().len(), 500);
    assert!(bench.history().await.iter().all(|record| record.event == "delivered"));
    // MX for each domain, A and AAAA for the host; the resolver may ask twice what was asked at the same time.
    assert!(dns.queries() < 50 + 120, "{} questions", dns.queries());
    bench.stop().await;
}

/// B15, B16: mail behind dead hosts and silent name servers, and how fast the others get theirs.
#[tokio::test(flavor = "multi_thread")]
async fn the_dead_do_not_hold_up_the_living() {
    const LIVING: usize = 10;
    const EACH: usize = 200;
    const DEAD: usize = 30;
    // A host takes 20 messages a second over each of two connections: time goes by in waits, not in work.
    let rest = Duration::from_millis(50);
    let mut zone = "dead.example A 127.0.1.1\n".to_owned();
    for number in 0..LIVING {
        zone.push_str(&format!(
            "living{number}.test MX 10 host{number}.example\nhost{number}.example A 127.0.2.{}\n",
            number + 1
        ));
    }
    for number in 0..DEAD {
        zone.push_str(&format!("dead{number}.test MX 10 dead.example\nsilent{number}.test SILENT\n"));
    }
    let dns = Dns::start(Zone::parse(&zone));
    let port = free_port();
    // It takes connections and never says a word.
    let _dead = tokio::net::TcpListener::bind(("127.0.1.1", port)).await.unwrap();
    let mut hosts = Vec::new();
    for number in 0..LIVING {
        hosts.push(Host::start(&format!("127.0.2.{}", number + 1), port, rest).await);
    }
    let mut times = Vec::new();
    for dead in [false, true] {
        let mut bench = Bench::new(&format!("{}max-connections-per-destination = 2\n", config(&dns, port))).await;
        let before: usize = hosts.iter().map(|host| host.taken().len()).sum();
        for number in (0..DEAD * 20).filter(|_| dead) {
            for kind in ["dead", "silent"] {
                let address = format!("x@{kind}{}.test", number % DEAD);
                bench.accept(Mail { sender: SENDER, recipients: &[&address], ..Mail::default() }).await;
            }
        }
        for number in 0..LIVING * EACH {
            let address = format!("x@living{}.test", number % LIVING);
            bench.accept(Mail { sender: SENDER, recipients: &[&address], ..Mail::default() }).await;
        }
        let started = Instant::now();
        bench.start();
        bench
            .until("mail of the living", async || {
                hosts.iter().map(|host| host.taken().len()).sum::<usize>() - before == LIVING * EACH
            })
            .await;
        times.push(started.elapsed());
        bench.stop().await;
    }
    println!("{} messages: {:?} alone, {:?} behind {} to the dead", LIVING * EACH, times[0], times[1], DEAD * 40);
    assert!(times[1].as_secs_f64() * 0.9 <= times[0].as_secs_f64(), "{times:?}");
}
