//! DANE (RFC 7672 section 3): whether the certificate of a host is the one that its TLSA records name.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256, Sha512};

use crate::dns::Tlsa;

/// Usages: the host's own certificate, and one that signed it. Those that also ask for a public authority
/// (0 and 1) say nothing for mail (section 3.1.3).
const TRUST_ANCHOR: u8 = 2;
const END_ENTITY: u8 = 3;
/// What is compared: the certificate or its key, and how.
const WHOLE: u8 = 0;
const KEY: u8 = 1;
const EXACT: u8 = 0;
const SHA256: u8 = 1;
const SHA512: u8 = 2;

/// Asks for one of the records. With none that can be used: TLS, and any certificate (section 2.2).
#[derive(Debug)]
pub(super) struct Dane {
    records: Vec<Tlsa>,
    provider: Arc<CryptoProvider>,
}

impl Dane {
    pub(super) fn new(records: &[Tlsa], provider: Arc<CryptoProvider>) -> Self {
        let usable = |record: &&Tlsa| {
            matches!(record.usage, TRUST_ANCHOR | END_ENTITY)
                && matches!(record.selector, WHOLE | KEY)
                && matches!(record.matching, EXACT | SHA256 | SHA512)
        };
        Self { records: records.iter().filter(usable).cloned().collect(), provider }
    }

    fn names(&self, usage: u8, certificate: &CertificateDer<'_>) -> bool {
        self.records.iter().any(|record| record.usage == usage && matches(record, certificate))
    }
}

fn matches(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let whole = certificate.as_ref();
    let compared = match record.selector {
        WHOLE => whole,
        _ => match x509_parser::parse_x509_certificate(whole) {
            Ok((_, parsed)) => parsed.tbs_certificate.subject_pki.raw,
            Err(_) => return false,
        },
    };
    match record.matching {
        EXACT => record.data == compared,
        SHA256 => record.data == Sha256::digest(compared).as_slice(),
        _ => record.data == Sha512::digest(compared).as_slice(),
    }
}

impl ServerCertVerifier for Dane {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The record binds the key to the host: names and dates in the certificate do not count.
        if self.records.is_empty() || self.names(END_ENTITY, end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let anchors = intermediates.iter().filter(|certificate| self.names(TRUST_ANCHOR, certificate));
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(anchors.cloned());
        if roots.is_empty() {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    /// A certificate for `mx.example`, and the authority that signed it.
    fn chain() -> (CertificateDer<'static>, CertificateDer<'static>) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let own = CertificateParams::new(vec!["mx.example".to_owned()]).unwrap();
        let own = own.signed_by(&KeyPair::generate().unwrap(), &Issuer::new(params, key)).unwrap();
        (own.der().clone(), authority.der().clone())
    }

    fn record(usage: u8, selector: u8, matching: u8, certificate: &CertificateDer<'_>) -> Tlsa {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).unwrap();
        let bytes = if selector == WHOLE { certificate.as_ref() } else { parsed.tbs_certificate.subject_pki.raw };
        let data = match matching {
            EXACT => bytes.to_vec(),
            SHA256 => Sha256::digest(bytes).to_vec(),
            _ => Sha512::digest(bytes).to_vec(),
        };
        Tlsa { usage, selector, matching, data }
    }

    fn good(records: &[Tlsa], host: &str, own: &CertificateDer<'_>, authority: &CertificateDer<'_>) -> bool {
        let dane = Dane::new(records, Arc::new(rustls::crypto::ring::default_provider()));
        let name = ServerName::try_from(host.to_owned()).unwrap();
        dane.verify_server_cert(own, std::slice::from_ref(authority), &name, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn certificates_and_records() {
        let (own, authority) = chain();
        let (other, _) = chain();
        for selector in [WHOLE, KEY] {
            for matching in [EXACT, SHA256, SHA512] {
                let own_record = record(END_ENTITY, selector, matching, &own);
                assert!(good(std::slice::from_ref(&own_record), "mx.example", &own, &authority));
                assert!(
                    good(std::slice::from_ref(&own_record), "another.example", &own, &authority),
                    "the name does not count"
                );
                assert!(!good(std::slice::from_ref(&own_record), "mx.example", &other, &authority));
                let authority_record = record(TRUST_ANCHOR, selector, matching, &authority);
                assert!(good(std::slice::from_ref(&authority_record), "mx.example", &own, &authority));
                assert!(
                    !good(std::slice::from_ref(&authority_record), "another.example", &own, &authority),
                    "here it does"
                );
                assert!(!good(std::slice::from_ref(&authority_record), "mx.example", &other, &authority));
                assert!(good(&[record(END_ENTITY, KEY, SHA256, &other), own_record], "mx.example", &own, &authority));
            }
        }
        // Its own certificate named as an authority, and the other way round.
        assert!(!good(&[record(END_ENTITY, KEY, SHA256, &authority)], "mx.example", &own, &authority));
        // Nothing that can be used: TLS with anybody.
        for (usage, selector, matching) in [(0, 0, 0), (1, 1, 1), (3, 2, 1), (3, 1, 3), (255, 255, 255)] {
            let odd = Tlsa { usage, selector, matching, data: vec![1] };
            assert!(good(&[odd], "mx.example", &other, &authority));
        }
    }
}
