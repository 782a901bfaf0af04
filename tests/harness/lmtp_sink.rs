//! A next hop of a few lines: takes LMTP or SMTP, keeps what it was given, and can be made to hang at the dot.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A message that the sink answered with 250 and one of its recipients.
#[derive(Clone, Debug)]
pub struct Taken {
    pub sender: String,
    pub recipient: String,
    pub content: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    taken: Mutex<Vec<Taken>>,
    hang: AtomicBool,
    hanging: AtomicUsize,
    stop: AtomicBool,
}

pub struct Sink {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Sink {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let inner = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if inner.stop.load(Ordering::SeqCst) {
                    return;
                }
                let inner = inner.clone();
                std::thread::spawn(move || drop(session(&inner, stream)));
            }
        });
        Self { address, shared }
    }

    /// From now on the sink does (not) answer to the dot.
    pub fn hang(&self, on: bool) {
        self.shared.hang.store(on, Ordering::SeqCst);
    }

    /// How many messages wait for the answer to their dot.
    pub fn hanging(&self) -> usize {
        self.shared.hanging.load(Ordering::SeqCst)
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().expect("a lock").clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn session(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(300)))?;
    let mut input = BufReader::new(stream.try_clone()?);
    let mut output = stream;
    output.write_all(b"220 sink\r\n")?;
    let (mut lmtp, mut sender, mut recipients) = (false, String::new(), Vec::new());
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or("").to_uppercase();
        match verb.as_str() {
            "LHLO" | "EHLO" => {
                lmtp = verb == "LHLO";
                output.write_all(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n")?;
            }
            "MAIL" => {
                sender = path(&line);
                output.write_all(b"250 2.1.0 ok\r\n")?;
            }
            "RCPT" => {
                recipients.push(path(&line));
                output.write_all(b"250 2.1.5 ok\r\n")?;
            }
            "DATA" => {
                output.write_all(b"354 go\r\n")?;
                let content = content(&mut input)?;
                shared.hanging.fetch_add(1, Ordering::SeqCst);
                while shared.hang.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                shared.hanging.fetch_sub(1, Ordering::SeqCst);
                let replies = if lmtp { recipients.len() } else { 1 };
                // A client that went away while we hung did not see the reply: nothing was taken.
                if gone(&output) {
                    return Ok(());
                }
                let mut taken = shared.taken.lock().expect("a lock");
                for recipient in recipients.drain(..) {
                    taken.push(Taken { sender: sender.clone(), recipient, content: content.clone() });
                }
                drop(taken);
                output.write_all("250 2.0.0 taken\r\n".repeat(replies).as_bytes())?;
            }
            "RSET" => {
                recipients.clear();
                output.write_all(b"250 2.0.0 ok\r\n")?;
            }
            "QUIT" => {
                output.write_all(b"221 2.0.0 bye\r\n")?;
                return Ok(());
            }
            _ => output.write_all(b"250 2.0.0 ok\r\n")?,
        }
    }
}

fn gone(stream: &TcpStream) -> bool {
    let mut byte = [0];
    let _ = stream.set_nonblocking(true);
    let gone = match stream.peek(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    };
    let _ = stream.set_nonblocking(false);
    gone
}

fn path(line: &str) -> String {
    line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(String::new(), |(path, _)| path.to_owned())
}

fn content(input: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(content);
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
