//! Other servers, played from text: `tests/delivery/*.txt`. First what is configured and sent, then one
//! conversation after the other, then what became of each recipient.
//!
//! ```text
//! hop lmtp | smtp            what the server is to us
//! from SENDER, to RECIPIENT  one message; several `to`; `then` begins the next message
//! ---                        the next connection
//! S: TEXT                    said by the other server
//! C: TEXT                    what must come; `*` at its end takes the rest of the line
//! DATA                       everything up to the dot
//! CLOSE, HANG, ENDLESS       the connection is closed, left alone, or fed without end
//! ===
//! delivered|deferred|bounced RECIPIENT TEXT    `*` at the end takes the rest
//! ```

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::admin::operation::{Operation as _, Parts};

/// Fed without end means: so many bytes.
const ENDLESS_BYTES: usize = 16 << 20;

struct Script {
    lmtp: bool,
    messages: Vec<(String, Vec<String>)>,
    connections: VecDeque<Vec<String>>,
    outcomes: Vec<String>,
}

fn parse(text: &str) -> Script {
    let mut script =
        Script { lmtp: false, messages: vec![Default::default()], connections: VecDeque::new(), outcomes: Vec::new() };
    let mut part = 0;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (part, line.split_once(' ').unwrap_or((line, ""))) {
            (_, ("===", _)) => part = 2,
            (_, ("---", _)) => {
                part = 1;
                script.connections.push_back(Vec::new());
            }
            (0, ("hop", hop)) => script.lmtp = hop == "lmtp",
            (0, ("from", sender)) => script.messages.last_mut().unwrap().0 = sender.trim_matches(['<', '>']).to_owned(),
            (0, ("to", recipient)) => script.messages.last_mut().unwrap().1.push(recipient.to_owned()),
            (0, ("then", _)) => script.messages.push(Default::default()),
            (1, _) => script.connections.back_mut().unwrap().push(line.to_owned()),
            (2, _) => script.outcomes.push(line.to_owned()),
            _ => panic!("{line}"),
        }
    }
    script
}

/// Plays one connection; what went wrong is the error.
async fn play(stream: TcpStream, lines: &[String]) -> Result<(), String> {
    let mut stream = BufReader::new(stream);
    for line in lines {
        let (verb, text) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "S:" => stream.write_all(format!("{text}\r\n").as_bytes()).await.map_err(|error| error.to_string())?,
            "C:" => {
                let got = read_line(&mut stream).await?;
                if !fits(text, &got) {
                    return Err(format!("wanted {text:?}, got {got:?}"));
                }
            }
            "DATA" => while read_line(&mut stream).await? != "." {},
            "CLOSE" => return Ok(()),
            "HANG" => tokio::time::sleep(WAIT_MAX).await,
            "ENDLESS" => {
                let chunk = b"250-and so on\r\n".repeat(4096);
                for _ in 0..ENDLESS_BYTES / chunk.len() {
                    if stream.write_all(&chunk).await.is_err() {
                        return Ok(());
                    }
                }
                return Err("took all of it".to_owned());
            }
            _ => panic!("{line}"),
        }
    }
    // Left to the client: it may wait for more work, and says QUIT.
    match read_line(&mut stream).await {
        Ok(line) if line != "QUIT" => Err(format!("wanted QUIT, got {line:?}")),
        _ => Ok(()),
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Result<String, String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.map_err(|error| error.to_string())?;
    line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| format!("cut off: {line:?}"))
}

fn fits(wanted: &str, got: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == got, |start| got.starts_with(start))
}

async fn run(name: &str, text: &str) {
    let mut script = parse(text);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let delivery = match script.lmtp {
        true => format!("local = {{ lmtp = \"{address}\" }}"),
        false => format!("smarthost = \"{address}\""),
    };
    let mut bench = Bench::new(&format!("{delivery}\nmax-connections-per-destination = 1")).await;
    let faults = Arc::new(Mutex::new(Vec::new()));
    let connections = std::mem::take(&mut script.connections);
    let count = connections.len();
    let server = {
        let faults = Arc::clone(&faults);
        tokio::spawn(async move {
            for lines in connections {
                let (stream, _) = listener.accept().await.unwrap();
                if let Err(fault) = play(stream, &lines).await {
                    faults.lock().unwrap().push(fault);
                }
            }
            listener
        })
    };
    for (sender, recipients) in &script.messages {
        let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
        bench.accept(Mail { sender, recipients: &recipients, ..Mail::default() }).await;
    }
    bench.start();
    let wanted: usize = script.messages.iter().map(|(_, recipients)| recipients.len()).sum();
    let mut outcomes = Vec::new();
    bench
        .until(name, async || {
            outcomes.clear();
            for record in bench.history().await {
                for recipient in &record.recipients {
                    let asked = script.messages.iter().any(|(_, recipients)| recipients.contains(recipient));
                    if asked && matches!(record.event.as_str(), "delivered" | "deferred" | "bounced") {
                        let detail = record.facts.get(recipient).and_then(|detail| detail.as_str());
                        outcomes.push(format!("{} {recipient} {}", record.event, detail.unwrap_or(&record.detail)));
                    }
                }
            }
            outcomes.len() >= wanted
        })
        .await;
    outcomes.sort();
    script.outcomes.sort();
    let same = outcomes.len() == script.outcomes.len()
        && script.outcomes.iter().zip(&outcomes).all(|(wanted, got)| fits(wanted, got));
    assert!(same, "{name}: wanted {:#?}, got {outcomes:#?}", script.outcomes);
    bench.stop().await;
    let done = tokio::time::timeout(WAIT_MAX, server).await;
    assert!(done.is_ok(), "{name}: fewer than {count} connections");
    assert!(faults.lock().unwrap().is_empty(), "{name}: {:?}", faults.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_conversations() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/delivery");
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() > 10);
    for path in names {
        run(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut bench = Bench::new(&format!("smarthost = \"{address}\"")).await;
    for _ in 0..50 {
        bench.accept(Mail { recipients: &["x@example.net"], ..Mail::default() }).await;
    }
    bench.start();
    let error = bench.deferred().await;
    assert!(error.starts_with(&format!("cannot connect to {address}: Connection refused")), "{error}");
    bench
        .until("all put off", async || {
            bench.queue().await.iter().flat_map(|message| &message.recipients).all(|one| one.attempts == 1)
        })
        .await;
    bench.stop().await;
}

/// Who says "queue retry" gets a try, not what is remembered of the last one.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_in_a_hurry() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut bench = Bench::new(&format!("smarthost = \"{address}\"\nretry = [\"1h\"]")).await;
    bench.accept(Mail { recipients: &["x@example.net"], ..Mail::default() }).await;
    bench.start();
    bench.deferred().await;
    let listener = TcpListener::bind(address).await.unwrap();
    let server = tokio::spawn(async move { take_all(listener.accept().await.unwrap().0).await });
    let retry = crate::admin::queue::ChangeQueue {
        ids: Vec::new(),
        filter: QueueFilter::default(),
        change: crate::admin::queue::Change::Retry,
        all: true,
        dry_run: false,
    };
    retry.run(&Parts::of(&bench.node)).await.unwrap();
    bench.empty().await;
    assert!(bench.history().await.iter().any(|record| record.event == "delivered"));
    bench.stop().await;
    server.abort();
}

/// B16: a host that takes connections and says nothing holds its share, and others are served.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_host_does_not_hold_up_the_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut bench = Bench::new(&format!("smarthost = \"{}\"", listener.local_addr().unwrap())).await;
    for _ in 0..600 {
        bench.accept(Mail { recipients: &["x@example.net"], ..Mail::default() }).await;
    }
    bench.accept(Mail::default()).await;
    bench.start();
    bench.until("the local message", async || bench.messages("alice").len() == 1).await;
    // The message lies in the mailbox a moment before the queue has forgotten it.
    bench.until("the queue without it", async || bench.node.store.count().await.unwrap().0 == 600).await;
    // The stop waits for no greeting, and what waited in memory is as it was.
    let stopping = Instant::now();
    bench.stop().await;
    assert!(stopping.elapsed() < crate::deliver::dispatch::STOP_LIMIT);
    assert!(bench.queue().await[0].recipients[0].attempts == 0);
}

/// A busy host slows delivery down; nothing is put off.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_takes_all_gets_all_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut bench = Bench::new(&format!("smarthost = \"{}\"", listener.local_addr().unwrap())).await;
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(take_all(stream));
        }
    });
    for _ in 0..1500 {
        bench.accept(Mail { recipients: &["x@example.net"], ..Mail::default() }).await;
    }
    bench.start();
    bench.empty().await;
    let history = bench.history().await;
    assert!(history.iter().all(|record| record.event == "delivered"), "{:?}", history.last());
    bench.stop().await;
    server.abort();
}

async fn take_all(stream: TcpStream) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await.ok()?;
    let mut content = false;
    loop {
        let line = read_line(&mut stream).await.ok()?;
        let reply = match line.as_str() {
            "." => {
                content = false;
                "250 taken\r\n"
            }
            _ if content => continue,
            "DATA" => {
                content = true;
                "354 go\r\n"
            }
            _ if line.starts_with("EHLO") => "250-here\r\n250 PIPELINING\r\n",
            _ => "250 ok\r\n",
        };
        stream.write_all(reply.as_bytes()).await.ok()?;
    }
}
