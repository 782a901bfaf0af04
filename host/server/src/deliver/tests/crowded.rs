//! A host that lets only so many connections stand: the mail goes over those, and nothing is put off.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const CONNECTIONS: usize = 2;
const MESSAGES: usize = 300;

async fn greet(mut stream: TcpStream, standing: Arc<AtomicUsize>, taken: Arc<AtomicUsize>) -> Option<()> {
    if standing.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS {
        standing.fetch_sub(1, Ordering::SeqCst);
        return stream.write_all(b"421 4.7.0 too many connections from you\r\n").await.ok();
    }
    let mut stream = BufReader::new(stream);
    let mut greeting = stream.write_all(b"220 here\r\n").await;
    let mut content = false;
    while greeting.is_ok() {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok().is_none_or(|read| read == 0) {
            break;
        }
        let reply = match line.trim_end() {
            "." if content => {
                content = false;
                tokio::time::sleep(Duration::from_millis(2)).await;
                taken.fetch_add(1, Ordering::SeqCst);
                "250 taken\r\n"
            }
            _ if content => continue,
            "DATA" => {
                content = true;
                "354 go\r\n"
            }
            _ => "250 ok\r\n",
        };
        greeting = stream.write_all(reply.as_bytes()).await;
    }
    standing.fetch_sub(1, Ordering::SeqCst);
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn further_connections_are_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut bench = Bench::new(&format!("smarthost = \"{}\"", listener.local_addr().unwrap())).await;
    let (standing, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&taken);
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(greet(stream, Arc::clone(&standing), Arc::clone(&count)));
        }
    });
    for _ in 0..MESSAGES {
        bench.accept(Mail { recipients: &["x@example.net"], ..Mail::default() }).await;
    }
    bench.start();
    bench.empty().await;
    assert_eq!(taken.load(Ordering::SeqCst), MESSAGES);
    let history = bench.history().await;
    assert!(history.iter().all(|record| record.event == "delivered"), "{:?}", history.last());
    bench.stop().await;
    server.abort();
}
