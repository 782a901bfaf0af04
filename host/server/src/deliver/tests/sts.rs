//! MTA-STS: policies from a web server of the test's own.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::exchangers::{SENDER, config, fits, outcomes};
use super::hosts::{Host, Tls, free_port};
use super::zone::{Dns, Zone};
use super::*;

/// A web server that gives this one answer to all.
struct Web {
    port: u16,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Web {
    async fn start(address: &str, port: u16, domain: &str, answer: String) -> Self {
        let listener = TcpListener::bind((address, port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = Tls::trusted(&format!("mta-sts.{domain}")).acceptor();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let mut stream = BufReader::new(stream);
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") && stream.read_line(&mut request).await.is_ok_and(|read| read > 0)
                {
                }
                assert!(request.starts_with("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"), "{request}");
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, asked, task }
    }
}

fn policy(mode: &str, mx: &str) -> String {
    let text = format!("version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n");
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_policies_ask() {
    let (port, web) = (free_port(), free_port());
    let large = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{}", "mx: a\r\n".repeat(100_000));
    let cases = [
        ("good", policy("enforce", "*.mx.example"), "delivered*", "x@good.test+"),
        (
            "bad",
            policy("enforce", "bad.mx.example"),
            "deferred TLS with bad.mx.example failed: invalid peer certificate*",
            "",
        ),
        (
            "clear",
            policy("enforce", "clear.mx.example"),
            "deferred clear.mx.example offers no TLS, which is required",
            "",
        ),
        ("other", policy("enforce", "mx.other.example"), "deferred the MTA-STS policy of other.test names none*", ""),
        ("trial", policy("testing", "mx.other.example"), "delivered*", "x@trial.test"),
        ("none", policy("none", "x.example"), "delivered*", "x@none.test"),
        // No policy could be had, so there is none.
        (
            "moved",
            "HTTP/1.1 301 Moved\r\nLocation: https://good.test/\r\n\r\n".to_owned(),
            "delivered*",
            "x@moved.test",
        ),
        ("html", policy("enforce", "a").replace("text/plain", "text/html"), "delivered*", "x@html.test"),
        ("large", large, "delivered*", "x@large.test"),
        ("garbage", "no HTTP at all\r\n\r\n".to_owned(), "delivered*", "x@garbage.test"),
    ];
    let (mut zone, mut webs, mut hosts) = (String::new(), Vec::new(), Vec::new());
    for (number, (name, answer, ..)) in cases.iter().enumerate() {
        let (host, at) = (format!("127.0.6.{}", number + 1), format!("127.0.7.{}", number + 1));
        zone.push_str(&format!(
            "{name}.test MX 10 {name}.mx.example\n{name}.mx.example A {host}\nmta-sts.{name}.test A {at}\n\
             _mta-sts.{name}.test TXT v=STSv1; id=1;\n"
        ));
        webs.push(Web::start(&at, web, &format!("{name}.test"), answer.clone()).await);
        let tls = match *name {
            "good" => Tls::trusted("good.mx.example"),
            "bad" => Tls::new("bad.mx.example").0,
            _ => Tls::None,
        };
        hosts.push(Host::with(&host, port, Duration::ZERO, tls).await);
    }
    let dns = Dns::start(Zone::parse(&zone));
    let mut bench = Bench::new(&format!("{}policy-port = {web}\n", config(&dns, port))).await;
    for (name, ..) in &cases {
        bench.accept(Mail { sender: SENDER, recipients: &[&format!("x@{name}.test")], ..Mail::default() }).await;
    }
    bench.start();
    let found = outcomes(&bench, cases.len()).await;
    for ((name, _, wanted, taken), host) in cases.iter().zip(&hosts) {
        let got = found.get(&format!("x@{name}.test")).unwrap();
        assert!(fits(wanted, got), "{name}: {got}");
        assert_eq!(host.taken().concat(), *taken, "{name}");
    }
    bench.stop().await;
}

/// RFC 8689 with MTA-STS: the host is known, its certificate is right, and it promises to do the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_policy_holds_without_the_dns() {
    let port = free_port();
    let web = Web::start("127.0.8.1", 0, "kept.test", policy("enforce", "mx.kept.test")).await;
    let all = "mta-sts.kept.test A 127.0.8.1\nmx.kept.test A 127.0.8.2\nthief.example A 127.0.8.3\n";
    let first =
        Dns::start(Zone::parse(&format!("{all}kept.test MX 10 mx.kept.test\n_mta-sts.kept.test TXT v=STSv1; id=1;")));
    let host = Host::with("127.0.8.2", port, Duration::ZERO, Tls::trusted("mx.kept.test")).await;
    let thief = Host::with("127.0.8.3", port, Duration::ZERO, Tls::trusted("thief.example")).await;
    let mut bench = Bench::new(&format!("{}policy-port = {}\n", config(&first, port), web.port)).await;
    let envelope = Envelope { require_tls: true, ..Envelope::default() };
    bench.accept(Mail { sender: SENDER, recipients: &["one@kept.test"], envelope, ..Mail::default() }).await;
    bench.start();
    bench.empty().await;
    bench.stop().await;
    assert_eq!(host.taken(), ["one@kept.test+"]);

    // Somebody answers in place of the DNS: other exchangers, and no word of a policy.
    let forged = Dns::start(Zone::parse(&format!("{all}kept.test MX 10 thief.example\n_mta-sts.kept.test SERVFAIL")));
    let mut config = bench.node.config.load().as_ref().clone();
    config.delivery.resolver = vec![forged.address];
    bench.node.dns.store(Arc::new(crate::dns::Dns::new(&config).unwrap()));
    bench.accept(Mail { sender: SENDER, recipients: &["two@kept.test"], ..Mail::default() }).await;
    bench.start();
    let found = outcomes(&bench, 2).await;
    assert!(found["two@kept.test"].starts_with("deferred the MTA-STS policy of kept.test names none"), "{found:?}");
    assert_eq!((host.taken().len(), thief.taken().len()), (1, 0));
    assert_eq!(web.asked.load(Ordering::SeqCst), 1, "fetched once");
    bench.stop().await;
}
