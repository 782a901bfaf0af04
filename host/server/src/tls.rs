//! Certificates, reloaded when their files change, and the rustls configuration. TLS 1.2 and newer.
//! A broken new file never replaces a certificate that works. No SMTP here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use arc_swap::ArcSwapOption;
use notify::{RecursiveMode, Watcher};
use postwarden_smtp::session::Tls as Facts;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use x509_parser::oid_registry as oids;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;

use crate::config::TlsFiles;

/// A handshake that takes longer is given up.
pub const HANDSHAKE_WAIT_MAX: Duration = Duration::from_secs(10);

/// A certificate or key file above this size is refused unread.
pub const PEM_BYTES_MAX: u64 = 1 << 20;

/// After a change in a folder, time for the writer to put the second file there too.
const CHANGE_SETTLES: Duration = Duration::from_millis(300);

/// The files are also looked at without a sign of change (network file systems give none).
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The certificate in use, if one is configured.
#[derive(Default)]
pub struct Tls {
    current: ArcSwapOption<Loaded>,
    /// Wakes the watcher: the files may be others.
    moved: Notify,
}

struct Loaded {
    files: TlsFiles,
    /// The files' content, to tell a change from a touch.
    content: [u8; 32],
    acceptor: TlsAcceptor,
    /// RFC 5929.
    server_end_point: Option<Vec<u8>>,
}

impl Tls {
    /// Takes the certificate of a new configuration. On an error nothing changes.
    pub fn set(&self, files: Option<&TlsFiles>) -> anyhow::Result<()> {
        let loaded = files.map(load).transpose()?;
        self.current.store(loaded.map(Arc::new));
        self.moved.notify_one();
        Ok(())
    }

    /// Whether `set` would take it.
    pub fn check(&self, files: Option<&TlsFiles>) -> anyhow::Result<()> {
        files.map(load).transpose().map(drop)
    }

    /// Reads the files again; tells whether there was something new.
    pub fn refresh(&self) -> anyhow::Result<bool> {
        let Some(current) = self.current.load_full() else { return Ok(false) };
        let loaded = load(&current.files)?;
        if loaded.content == current.content {
            return Ok(false);
        }
        self.current.store(Some(Arc::new(loaded)));
        Ok(true)
    }

    /// The handshake as the server, within [`HANDSHAKE_WAIT_MAX`].
    pub async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Facts)> {
        let Some(loaded) = self.current.load_full() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no certificate is configured"));
        };
        let handshake = loaded.acceptor.accept(stream);
        let stream = tokio::time::timeout(HANDSHAKE_WAIT_MAX, handshake)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long"))??;
        let facts = facts(stream.get_ref().1, loaded.server_end_point.clone());
        Ok((stream, facts))
    }

    /// Reloads the certificate when its files change, until `stop`.
    pub async fn watch(&self, stop: CancellationToken) {
        let touched = Arc::new(Notify::new());
        while !stop.is_cancelled() {
            let _watcher = self.current.load_full().and_then(|loaded| watcher(&loaded.files, &touched));
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.moved.notified() => break,
                    () = touched.notified() => tokio::time::sleep(CHANGE_SETTLES).await,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                match self.refresh() {
                    Ok(true) => tracing::info!("the certificate was reloaded"),
                    Ok(false) => {}
                    Err(error) => tracing::error!("the changed certificate is not used, the old one stays: {error:#}"),
                }
            }
        }
    }
}

/// Folders are watched, not files: a renewal replaces the file or the link to it.
fn watcher(files: &TlsFiles, touched: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let touched = Arc::clone(touched);
    let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the files is an event too: it must not lead to reading them again.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            touched.notify_one();
        }
    });
    let outcome = made.and_then(|mut watcher| {
        for folder in [folder(&files.certificate), folder(&files.key)] {
            watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    outcome
        .inspect_err(|error| {
            let seconds = LOOK_EVERY.as_secs();
            tracing::warn!("the certificate's folder cannot be watched ({error}); it is looked at every {seconds} s");
        })
        .ok()
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn load(files: &TlsFiles) -> anyhow::Result<Loaded> {
    let chain_pem = read(&files.certificate)?;
    let key_pem = read(&files.key)?;
    let chain = CertificateDer::pem_slice_iter(&chain_pem)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{}: not a PEM certificate chain", files.certificate.display()))?;
    let leaf = chain.first().with_context(|| format!("{}: no certificate in it", files.certificate.display()))?;
    let server_end_point = server_end_point(leaf)
        .with_context(|| format!("{}: the first certificate cannot be read", files.certificate.display()))?;
    let key = PrivateKeyDer::from_pem_slice(&key_pem)
        .map_err(|error| anyhow!("{}: no PEM private key (PKCS #8, SEC 1 or PKCS #1): {error}", files.key.display()))?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("{} and {} do not go together", files.certificate.display(), files.key.display()))?;
    // A new certificate takes new ticket keys: a resumed session always belongs to the certificate in use.
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});

    let content = Sha256::new().chain_update(&chain_pem).chain_update([0]).chain_update(&key_pem).finalize().into();
    Ok(Loaded { files: files.clone(), content, acceptor: TlsAcceptor::from(Arc::new(config)), server_end_point })
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(file).with_context(|| format!("{} cannot be read", file.display()))?.len();
    if size > PEM_BYTES_MAX {
        return Err(anyhow!("{} is too large for a PEM file ({size} bytes)", file.display()));
    }
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn facts(connection: &ServerConnection, server_end_point: Option<Vec<u8>>) -> Facts {
    let version = connection.protocol_version();
    let exporter = match version {
        Some(ProtocolVersion::TLSv1_3) => {
            connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok()
        }
        _ => None,
    };
    let version = match version {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    };
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
    // The IANA name of a TLS 1.3 suite does not hold the version.
    let cipher = match cipher.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => cipher.to_owned(),
    };
    Facts { version: version.to_owned(), cipher, exporter, server_end_point }
}

/// RFC 5929 section 4.1: the certificate's hash by the hash of its own signature, SHA-256 in place
/// of MD5 and SHA-1. None where the signature has no single hash (Ed25519): the binding is undefined.
fn server_end_point(certificate: &CertificateDer<'_>) -> anyhow::Result<Option<Vec<u8>>> {
    let (_, parsed) = X509Certificate::from_der(certificate)?;
    let algorithm = &parsed.signature_algorithm;
    let pss = match SignatureAlgorithm::try_from(algorithm) {
        Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) => Some(parameters),
        _ => None,
    };
    let name = match &pss {
        Some(parameters) => parameters.hash_algorithm_oid(),
        None => &algorithm.algorithm,
    };
    let sha256 = [
        oids::OID_PKCS1_MD5WITHRSAENC,
        oids::OID_PKCS1_SHA1WITHRSA,
        oids::OID_SHA1_WITH_RSA,
        oids::OID_HASH_SHA1,
        oids::OID_PKCS1_SHA256WITHRSA,
        oids::OID_SIG_ECDSA_WITH_SHA256,
        oids::OID_NIST_HASH_SHA256,
    ];
    let sha384 = [oids::OID_PKCS1_SHA384WITHRSA, oids::OID_SIG_ECDSA_WITH_SHA384, oids::OID_NIST_HASH_SHA384];
    let sha512 = [oids::OID_PKCS1_SHA512WITHRSA, oids::OID_SIG_ECDSA_WITH_SHA512, oids::OID_NIST_HASH_SHA512];
    Ok(if sha256.contains(name) {
        Some(Sha256::digest(certificate).to_vec())
    } else if sha384.contains(name) {
        Some(Sha384::digest(certificate).to_vec())
    } else if sha512.contains(name) {
        Some(Sha512::digest(certificate).to_vec())
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn write_certificate(folder: &Path, algorithm: &'static rcgen::SignatureAlgorithm) -> TlsFiles {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let files = TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    fn end_point(tls: &Tls) -> Option<Vec<u8>> {
        tls.current.load_full().unwrap().server_end_point.clone()
    }

    #[test]
    fn the_end_point_is_hashed_as_the_certificate_was_signed() {
        let folder = tempfile::tempdir().unwrap();
        for (algorithm, bytes) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, Some(32)),
            (&rcgen::PKCS_ECDSA_P384_SHA384, Some(48)),
            (&rcgen::PKCS_ED25519, None),
        ] {
            let tls = Tls::default();
            tls.set(Some(&write_certificate(folder.path(), algorithm))).unwrap();
            assert_eq!(end_point(&tls).map(|hash| hash.len()), bytes, "{algorithm:?}");
        }
    }

    #[test]
    fn a_changed_file_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = write_certificate(folder.path(), &rcgen::PKCS_ECDSA_P256_SHA256);
        let tls = Tls::default();
        tls.set(Some(&files)).unwrap();
        let first = end_point(&tls);
        assert!(!tls.refresh().unwrap());

        // The key alone changed: they do not go together.
        let old_chain = std::fs::read(&files.certificate).unwrap();
        write_certificate(folder.path(), &rcgen::PKCS_ECDSA_P256_SHA256);
        let new_chain = std::fs::read(&files.certificate).unwrap();
        std::fs::write(&files.certificate, &old_chain).unwrap();
        assert!(format!("{:#}", tls.refresh().unwrap_err()).contains("do not go together"));
        std::fs::write(&files.certificate, b"half a fi").unwrap();
        assert!(format!("{:#}", tls.refresh().unwrap_err()).contains("certificate.pem"));
        assert_eq!(end_point(&tls), first);

        std::fs::write(&files.certificate, &new_chain).unwrap();
        assert!(tls.refresh().unwrap());
        assert_ne!(end_point(&tls), first);
    }
}
