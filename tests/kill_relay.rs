//! kill -9 while mail is passed on: what was acknowledged reaches the next hop, and no kill makes more than one
//! copy too many. The oracle is the next hop, outside the server: it writes down what it answered with 250.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::harness::dns::{Dns, Zone};
use crate::harness::lmtp_sink::Sink;
use crate::harness::{Client, Server, wait_for};

const KILLS: usize = 12;
/// Queued before each kill.
const MESSAGES: usize = 40;

#[test]
fn kills_while_relaying() {
    let sink = Sink::start();
    let dns = Dns::start(Zone::parse("elsewhere.example MX 10 mx.example\nmx.example A 127.0.0.1"));
    let mut server = Server::start(&format!(
        "[relay]\nfrom = [\"127.0.0.0/8\"]\n[log]\nlevel = \"warn\"\n[delivery]\nresolver = [\"{}\"]\nport = {}\n\
         mx-refused = []\nretry = [\"1s\"]\nmax-connections-per-destination = 1\n",
        dns.address,
        sink.address.port()
    ));
    let (mut acknowledged, mut cut) = (0, 0);
    for kill in 0..KILLS {
        let before = sink.taken().len();
        // All of it is queued before the first of it goes out.
        sink.hang(true);
        let mut client = Client::connect(server.address("mx"));
        client.ehlo();
        for _ in 0..MESSAGES {
            acknowledged += 1;
            let content = format!("X-Test-Id: {acknowledged}\r\n\r\nhello\r\n");
            assert_eq!(client.message("bob@example.org", "x@elsewhere.example", &content).code, 250);
        }
        sink.hang(false);
        // Not before mail flows, and each time at another place.
        wait_for("mail at the sink", || (sink.taken().len() > before + kill).then_some(()));
        std::thread::sleep(Duration::from_micros(700 * kill as u64));
        server.kill();
        cut += usize::from(sink.taken().len() < acknowledged);
        server.launch();
    }
    server.wait_queued(0);
    let mut copies: BTreeMap<usize, usize> = BTreeMap::new();
    for taken in sink.taken() {
        let text = String::from_utf8_lossy(&taken.content).into_owned();
        let id = text.lines().find_map(|line| line.strip_prefix("X-Test-Id: ")?.trim().parse().ok());
        *copies.entry(id.expect("an id")).or_default() += 1;
    }
    let lost: Vec<usize> = (1..=acknowledged).filter(|id| !copies.contains_key(id)).collect();
    let duplicates: usize = copies.values().map(|count| count - 1).sum();
    println!(
        "kills {KILLS}, {cut} of them in the middle, acknowledged {acknowledged}, lost {}, duplicates {duplicates}",
        lost.len()
    );
    assert!(lost.is_empty(), "acknowledged and never passed on: {lost:?}");
    assert!(copies.keys().all(|id| *id <= acknowledged), "nobody sent this");
    assert!(cut >= KILLS / 2, "only {cut} kills hit mail on its way");
    assert!(duplicates <= KILLS, "{duplicates} duplicates of {KILLS} kills");
}
