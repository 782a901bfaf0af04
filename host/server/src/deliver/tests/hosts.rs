//! Hosts of the tests: each takes all mail at its own loopback address, all of them at one port, and
//! notes for whom it came.

use std::sync::{LazyLock, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;

/// What a host does about TLS.
#[derive(Clone)]
pub(super) enum Tls {
    /// It offers none.
    None,
    With(TlsAcceptor),
    /// It offers TLS, and hangs up when it comes to that.
    Broken,
}

impl Tls {
    /// With a certificate for this name that nobody signed; returns it.
    pub(super) fn new(name: &str) -> (Self, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        (Self::of(certificate.clone(), &made.signing_key), certificate)
    }

    /// With a certificate of the authority that the tests trust.
    pub(super) fn trusted(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &AUTHORITY.1).unwrap();
        Self::of(certificate.der().clone(), &key)
    }

    pub(super) fn acceptor(self) -> TlsAcceptor {
        match self {
            Self::With(acceptor) => acceptor,
            Self::None | Self::Broken => panic!("no TLS"),
        }
    }

    fn of(certificate: CertificateDer<'static>, key: &KeyPair) -> Self {
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self::With(TlsAcceptor::from(Arc::new(config)))
    }
}

/// The one authority that the tests trust.
static AUTHORITY: LazyLock<(CertificateDer<'static>, Issuer<'static, KeyPair>)> = LazyLock::new(|| {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().der().clone(), Issuer::new(params, key))
});

pub(in crate::deliver) fn authority() -> CertificateDer<'static> {
    AUTHORITY.0.clone()
}

/// One host. Ends with the test.
pub(super) struct Host {
    taken: Taken,
    task: JoinHandle<()>,
}

/// Recipients of messages that were taken; `+` where they came by TLS.
type Taken = Arc<Mutex<Vec<String>>>;

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Host {
    /// At `address`; after each message it rests for a while.
    pub(super) async fn start(address: &str, port: u16, rest: Duration) -> Self {
        Self::with(address, port, rest, Tls::None).await
    }

    pub(super) async fn with(address: &str, port: u16, rest: Duration, tls: Tls) -> Self {
        let listener = TcpListener::bind((address, port)).await.unwrap();
        let taken = Taken::default();
        let inner = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(greet(stream, Arc::clone(&inner), rest, tls.clone()));
            }
        });
        Self { taken, task }
    }

    pub(super) fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

async fn greet(mut stream: TcpStream, taken: Taken, rest: Duration, tls: Tls) -> Option<()> {
    stream.write_all(b"220 here\r\n").await.ok()?;
    let mut stream = BufReader::new(stream);
    let offer = if matches!(tls, Tls::None) { "" } else { "250-STARTTLS\r\n" };
    if converse(&mut stream, &taken, rest, offer, "").await? {
        return Some(());
    }
    let Tls::With(acceptor) = tls else { return None };
    let stream = acceptor.accept(stream.into_inner()).await.ok()?;
    converse(&mut BufReader::new(stream), &taken, rest, "250-REQUIRETLS\r\n", "+").await?;
    Some(())
}

/// To the end of the conversation, or to STARTTLS: then false.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    taken: &Mutex<Vec<String>>,
    rest: Duration,
    offer: &str,
    mark: &str,
) -> Option<bool> {
    let (mut content, mut recipients) = (false, Vec::new());
    let offers = format!("250-here\r\n{offer}250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n");
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let line = line.trim_end();
        if let Some(path) = line.strip_prefix("RCPT TO:") {
            recipients.push(format!("{}{mark}", path.split(' ').next().unwrap().trim_matches(['<', '>'])));
        }
        let reply = match line {
            "." if content => {
                content = false;
                tokio::time::sleep(rest).await;
                taken.lock().unwrap().append(&mut recipients);
                "250 taken\r\n"
            }
            _ if content => continue,
            "DATA" => {
                content = true;
                "354 go\r\n"
            }
            "STARTTLS" => "220 go\r\n",
            "QUIT" => "221 bye\r\n",
            _ if line.starts_with("EHLO") => &offers,
            _ => "250 ok\r\n",
        };
        stream.write_all(reply.as_bytes()).await.ok()?;
        match line {
            "STARTTLS" => return Some(false),
            "QUIT" => return Some(true),
            _ => {}
        }
    }
}

/// A port that is free at all loopback addresses, most likely.
pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}
