//! TLS over a connection to another server: whose certificate is good enough for what.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Security;
use super::dane::Dane;
use super::transport::Wire;
use crate::dns::Tlsa;

const HANDSHAKE: Duration = Duration::from_secs(30);

/// TLS with `host`. Where it is opportunistic any certificate is good enough: without TLS the mail
/// would go in clear.
pub(super) async fn start(wire: Box<dyn Wire>, host: &str, security: &Security) -> io::Result<Box<dyn Wire>> {
    let parsed = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let (name, config) = match security {
        Security::Required => (parsed.map_err(io::Error::other)?, verifying()?),
        Security::Dane(records) => (parsed.map_err(io::Error::other)?, by_records(records)?),
        // The name is not looked at, only sent where it is one.
        Security::Off | Security::Opportunistic => {
            let unnamed = || ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
            (parsed.unwrap_or_else(|_| unnamed()), trusting()?)
        }
    };
    Ok(Box::new(timeout(HANDSHAKE, TlsConnector::from(config).connect(name, wire)).await??))
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

/// Built once: it holds no secrets and no roots.
fn trusting() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone { provider: provider() }))
        .with_no_client_auth();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

/// Trusts the certificate authorities of this system, as they were at the first use.
pub(super) fn verifying() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    tracing::debug!(target: "delivery", added, ignored, "certificate authorities of this system");
    #[cfg(test)]
    roots.add_parsable_certificates([crate::deliver::tests::authority()]);
    if roots.is_empty() {
        return Err(io::Error::other(
            "this system has no certificate authorities: install ca-certificates, or name a file in SSL_CERT_FILE",
        ));
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

fn by_records(records: &[Tlsa]) -> io::Result<Arc<ClientConfig>> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Dane::new(records, provider())))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Takes every certificate; that the other side holds its key is still checked.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
