//! Answers that DNSSEC proves, for DANE (RFC 7672). This server validates them itself, by the signatures that the
//! resolver passes on; where the resolver does not pass them on, nothing is ever proven here.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::rr::rdata::TLSA;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::{Dns, Temporary, temporary};

/// Whether the resolver passes signatures on is found out anew after this.
const LOOKED: Duration = Duration::from_secs(10 * 60);
/// TLSA records of one host that are looked at.
const TLSA_MAX: usize = 20;

/// The resolver that validates, and what is known of it.
pub(super) struct Secure {
    resolver: TokioResolver,
    capable: Mutex<Option<(Instant, bool)>>,
}

impl Secure {
    /// `anchors`: a file of DNSKEY records; none: the root keys that are published.
    pub(super) fn new(servers: ResolverConfig, options: ResolverOpts, anchors: Option<&Path>) -> anyhow::Result<Self> {
        let mut builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        builder.options_mut().validate = true;
        if let Some(path) = anchors {
            let anchors = TrustAnchors::from_file(path)
                .with_context(|| format!("delivery.trust-anchors: {} holds no DNSKEY records", path.display()))?;
            builder = builder.with_trust_anchor(Arc::new(anchors));
        }
        let resolver = builder.build().context("the validating resolver cannot be set up")?;
        Ok(Self { resolver, capable: Mutex::new(None) })
    }
}

/// A TLSA record as it came (RFC 6698 section 2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tlsa {
    pub usage: u8,
    pub selector: u8,
    pub matching: u8,
    pub data: Vec<u8>,
}

impl Dns {
    /// Whether anything can be proven here.
    pub async fn proves(&self) -> bool {
        let known = *self.secure.capable.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, capable)) = known
            && at.elapsed() < LOOKED
        {
            return capable;
        }
        let root = self.secure.resolver.lookup(Name::root(), RecordType::SOA).await;
        let capable = match root {
            Ok(lookup) => lookup.answers().iter().any(|record| record.proof.is_secure()),
            Err(NetError::Dns(_)) => false,
            // Silence says nothing about signatures.
            Err(_) => return false,
        };
        if !capable && known.is_none_or(|(_, capable)| capable) {
            tracing::warn!(target: "delivery", "the resolver passes no DNSSEC signatures on: DANE is off");
        }
        *self.secure.capable.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), capable));
        capable
    }

    /// Whether what the DNS says about mail for the domain is proven: its MX records, or that it has none.
    pub async fn proves_exchange(&self, domain: &str) -> Result<bool, Temporary> {
        Ok(self.proven(domain, RecordType::MX).await?.is_some())
    }

    /// The TLSA records of a host at a port, proven; none if DANE does not concern it.
    pub async fn tlsa(&self, host: &str, port: u16) -> Result<Option<Vec<Tlsa>>, Temporary> {
        // An unsigned zone is not asked: some of their servers fail at questions they do not know.
        let (v6, v4) = tokio::join!(self.proven(host, RecordType::AAAA), self.proven(host, RecordType::A));
        let addresses = match (v6, v4) {
            (Ok(Some(v6)), Ok(Some(v4))) => !v6.is_empty() || !v4.is_empty(),
            (Ok(_), Ok(_)) => false,
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        if !addresses {
            return Ok(None);
        }
        let records = self.proven(&format!("_{port}._tcp.{host}"), RecordType::TLSA).await?.unwrap_or_default();
        let found: Vec<Tlsa> = records.iter().filter_map(tlsa).take(TLSA_MAX).collect();
        Ok((!found.is_empty()).then_some(found))
    }

    /// Proven records, or the proof that there are none; none where nothing is proven because the zone is
    /// not signed. What is signed and wrong is no answer.
    async fn proven(&self, name: &str, wanted: RecordType) -> Result<Option<Vec<Record>>, Temporary> {
        let Ok(mut asked) = Name::from_utf8(name) else { return Ok(None) };
        asked.set_fqdn(true);
        match self.secure.resolver.lookup(asked, wanted).await {
            Ok(lookup) => {
                // Also what leads to the records: aliases.
                let counts = |record: &&Record| matches!(record.record_type(), kind if kind == wanted || kind == RecordType::CNAME);
                let secure = lookup.answers().iter().filter(counts).all(|record| record.proof.is_secure());
                let records = lookup.answers().iter().filter(|record| record.record_type() == wanted).cloned();
                Ok(secure.then(|| records.collect()))
            }
            Err(NetError::Dns(DnsError::Nsec { proof, .. })) => Ok(proof.is_secure().then(Vec::new)),
            // Denied, by records that were validated too.
            Err(NetError::Dns(DnsError::NoRecordsFound(found))) => {
                let denies = |record: &&Record| record.record_type() != RecordType::RRSIG;
                let denial: Vec<_> = found.authorities.iter().flat_map(|all| all.iter()).filter(denies).collect();
                let secure = !denial.is_empty() && denial.iter().all(|record| record.proof.is_secure());
                Ok(secure.then(Vec::new))
            }
            Err(NetError::Dns(DnsError::DnssecBogus)) => {
                Err(Temporary(format!("the DNSSEC signatures of {name} are not right")))
            }
            Err(error) => Err(temporary(&error)),
        }
    }
}

fn tlsa(record: &Record) -> Option<Tlsa> {
    let RData::TLSA(TLSA { cert_usage, selector, matching, cert_data, .. }) = &record.data else { return None };
    Some(Tlsa {
        usage: (*cert_usage).into(),
        selector: (*selector).into(),
        matching: (*matching).into(),
        data: cert_data.clone(),
    })
}
