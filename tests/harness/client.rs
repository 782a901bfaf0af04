//! A raw SMTP client: lines out, reply lines in, TLS by rustls. It checks nothing by itself, so that
//! a test can say anything a bad client says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A reply that does not come within this time is a failure, not slowness.
pub const REPLY_WAIT: Duration = Duration::from_secs(60);
/// More than any reply line may hold; keeps a runaway server from filling the test's memory.
const LINE_BYTES_MAX: usize = 64 * 1024;

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// One connection.
pub struct Client {
    stream: Option<Stream>,
    input: Vec<u8>,
    /// What was said so far, for the failure's message.
    pub transcript: String,
}

/// A whole reply, all its lines.
#[derive(Clone, Debug)]
pub struct Reply {
    pub code: u16,
    /// Without code and separator.
    pub lines: Vec<String>,
}

impl Reply {
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Whether one of the lines is this keyword or begins with it and a space.
    pub fn has(&self, keyword: &str) -> bool {
        self.lines.iter().any(|line| line == keyword || line.starts_with(&format!("{keyword} ")))
    }
}

impl Client {
    /// Connects and reads nothing.
    pub fn raw(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(REPLY_WAIT))?;
        stream.set_write_timeout(Some(REPLY_WAIT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Some(Stream::Plain(stream)), input: Vec::new(), transcript: String::new() })
    }

    /// Connects and reads the greeting, which must be 220.
    pub fn connect(address: SocketAddr) -> Self {
        let mut client = Self::raw(address).expect("the server listens");
        client.expect(220);
        client
    }

    /// Connects, greets and turns TLS on by STARTTLS.
    pub fn starttls(address: SocketAddr, certificate: &[u8]) -> Self {
        let mut client = Self::connect(address);
        client.ehlo();
        client.send("STARTTLS");
        client.expect(220);
        client.handshake(certificate);
        client.ehlo();
        client
    }

    /// [`Client::starttls`] on the submission port; `None` where the server turns us away before that.
    pub fn starttls_try(server: &super::Server) -> Option<Self> {
        let mut client = Self::raw(server.address("submission")).ok()?;
        if client.try_reply().ok()?.code != 220 {
            return None;
        }
        client.ehlo();
        client.send("STARTTLS");
        client.expect(220);
        client.handshake(super::template::certificate_der());
        client.ehlo();
        Some(client)
    }

    /// Turns TLS on now. `certificate`: the DER of the only one that is trusted.
    pub fn handshake(&mut self, certificate: &[u8]) {
        self.try_handshake(certificate).expect("TLS handshake");
    }

    pub fn try_handshake(&mut self, certificate: &[u8]) -> std::io::Result<()> {
        let Some(Stream::Plain(tcp)) = self.stream.take() else { panic!("TLS is on already") };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(certificate.to_vec())).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("mx.example.com").expect("a name");
        let mut tls = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
        let mut tcp = tcp;
        // Bytes that came with the reply to STARTTLS belong to the handshake.
        let early = std::mem::take(&mut self.input);
        let mut input = std::io::Cursor::new(early);
        while tls.is_handshaking() {
            while tls.wants_write() {
                tls.write_tls(&mut tcp)?;
            }
            if !tls.is_handshaking() {
                break;
            }
            let read = if input.position() < input.get_ref().len() as u64 {
                tls.read_tls(&mut input)?
            } else {
                tls.read_tls(&mut tcp)?
            };
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            tls.process_new_packets().map_err(std::io::Error::other)?;
        }
        while tls.wants_write() {
            tls.write_tls(&mut tcp)?;
        }
        self.stream = Some(Stream::Tls(Box::new(StreamOwned::new(tls, tcp))));
        self.transcript.push_str("-- TLS --\n");
        Ok(())
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).escape_debug().to_string();
        self.transcript.push_str(&format!("C: {shown}\n"));
        match self.stream.as_mut() {
            Some(Stream::Plain(stream)) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Some(Stream::Tls(stream)) => stream.write_all(bytes).and_then(|()| stream.flush()),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        }
    }

    /// Writes one line with CRLF.
    pub fn send(&mut self, line: &str) {
        if let Err(error) = self.bytes(format!("{line}\r\n").as_bytes()) {
            panic!("cannot send {line:?}: {error}\n{}", self.transcript);
        }
    }

    /// Reads one line without its CRLF. A bare LF in a reply is an error; end of input is `None`.
    pub fn try_line(&mut self) -> std::io::Result<Option<String>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.input) {
                let mut line: Vec<u8> = self.input.drain(..=at).collect();
                line.pop();
                if line.pop() != Some(b'\r') {
                    return Err(std::io::Error::other("a reply line with a bare LF"));
                }
                let line = String::from_utf8(line).map_err(std::io::Error::other)?;
                self.transcript.push_str(&format!("S: {line}\n"));
                return Ok(Some(line));
            }
            if self.input.len() > LINE_BYTES_MAX {
                return Err(std::io::Error::other("a reply line without an end"));
            }
            let mut chunk = [0; 4096];
            let read = match self.stream.as_mut() {
                Some(Stream::Plain(stream)) => stream.read(&mut chunk),
                Some(Stream::Tls(stream)) => match stream.read(&mut chunk) {
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(0),
                    other => other,
                },
                None => Err(std::io::ErrorKind::NotConnected.into()),
            };
            match read {
                Ok(0) => return Ok(None),
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// A whole reply, or an error where none comes.
    pub fn try_reply(&mut self) -> std::io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let Some(line) = self.try_line()? else { return Err(std::io::ErrorKind::UnexpectedEof.into()) };
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let (Some(code), Some(separator)) = (code, line.as_bytes().get(3).copied().or(Some(b' '))) else {
                return Err(std::io::Error::other(format!("not a reply line: {line:?}")));
            };
            lines.push(line.get(4..).unwrap_or("").to_owned());
            if separator == b' ' {
                return Ok(Reply { code, lines });
            }
        }
    }

    pub fn reply(&mut self) -> Reply {
        match self.try_reply() {
            Ok(reply) => reply,
            Err(error) => panic!("no reply: {error}\n{}", self.transcript),
        }
    }

    /// A reply with this code, or failure with the whole conversation.
    pub fn expect(&mut self, code: u16) -> Reply {
        let reply = self.reply();
        assert_eq!(reply.code, code, "unexpected reply in\n{}", self.transcript);
        reply
    }

    pub fn command(&mut self, line: &str) -> Reply {
        self.send(line);
        self.reply()
    }

    pub fn ehlo(&mut self) -> Reply {
        self.send("EHLO client.example.org");
        self.expect(250)
    }

    /// AUTH PLAIN with an initial response.
    pub fn login(&mut self, user: &str, password: &str) {
        let token = STANDARD.encode(format!("\0{user}\0{password}"));
        self.send(&format!("AUTH PLAIN {token}"));
        self.expect(235);
    }

    /// One message to one recipient; the reply to the dot. `content` has CRLF line ends and no dot lines.
    pub fn message(&mut self, sender: &str, recipient: &str, content: &str) -> Reply {
        self.send(&format!("MAIL FROM:<{sender}>"));
        self.expect(250);
        self.send(&format!("RCPT TO:<{recipient}>"));
        self.expect(250);
        self.send("DATA");
        self.expect(354);
        self.bytes(format!("{content}.\r\n").as_bytes()).expect("content is taken");
        self.reply()
    }

    /// Whether the server closed without another word.
    pub fn closed(&mut self) -> bool {
        matches!(self.try_line(), Ok(None))
    }
}
