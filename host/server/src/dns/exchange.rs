//! Where mail for a domain goes by the DNS (RFC 5321 section 5.1, RFC 7505): exchangers and their
//! addresses. What the DNS says, not what follows from it.

use std::net::IpAddr;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::{Dns, Temporary, temporary, written};

/// Records of one answer that are looked at.
const RECORDS_MAX: usize = 200;

/// What the DNS says about mail for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Preference and host, as they came. Without MX records the domain itself.
    Hosts(Vec<(u16, String)>),
    /// The domain takes no mail (null MX).
    Never,
    NoSuchDomain,
}

impl Dns {
    /// The mail exchangers of a domain.
    pub async fn exchange(&self, domain: &str) -> Result<Exchange, Temporary> {
        let Some(records) = self.all(domain, RecordType::MX).await? else { return Ok(Exchange::NoSuchDomain) };
        let exchangers: Vec<_> = records
            .iter()
            .filter_map(|record| match &record.data {
                RData::MX(mx) => Some((mx.preference, &mx.exchange)),
                _ => None,
            })
            .collect();
        if exchangers.is_empty() {
            return Ok(Exchange::Hosts(vec![(0, written(domain))]));
        }
        // A null MX stands alone; beside others it is a mistake that says nothing.
        let hosts: Vec<_> = exchangers
            .into_iter()
            .filter(|(_, host)| !host.is_root())
            .map(|(preference, host)| (preference, written(&host.to_string())))
            .collect();
        Ok(if hosts.is_empty() { Exchange::Never } else { Exchange::Hosts(hosts) })
    }

    /// The addresses of a host; none if there is no such host.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Temporary> {
        let (v6, v4) = tokio::join!(self.all(host, RecordType::AAAA), self.all(host, RecordType::A));
        let found = |records: &Result<Option<Vec<Record>>, Temporary>| -> Vec<IpAddr> {
            let records = records.as_ref().ok().and_then(Option::as_ref);
            records.into_iter().flatten().filter_map(|record| record.data.ip_addr()).collect()
        };
        let addresses = [found(&v6), found(&v4)].concat();
        // Half an answer is good enough, no answer is not a "no".
        match (addresses.is_empty(), v6, v4) {
            (false, ..) | (true, Ok(_), Ok(_)) => Ok(addresses),
            (true, Err(error), _) | (true, _, Err(error)) => Err(error),
        }
    }

    /// The TXT records of a name, each in one piece; none if there is no such name.
    pub async fn texts(&self, name: &str) -> Result<Vec<Vec<u8>>, Temporary> {
        let records = self.all(name, RecordType::TXT).await?.unwrap_or_default();
        let text = |record: &Record| match &record.data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        };
        Ok(records.iter().filter_map(text).collect())
    }

    /// The records of a type, CNAMEs followed; none if the name does not exist.
    async fn all(&self, name: &str, wanted: RecordType) -> Result<Option<Vec<Record>>, Temporary> {
        let Ok(mut asked) = Name::from_utf8(name) else { return Ok(None) };
        asked.set_fqdn(true);
        match self.resolver.lookup(asked, wanted).await {
            Ok(lookup) => {
                let records = lookup.answers().iter().filter(|record| record.record_type() == wanted);
                Ok(Some(records.take(RECORDS_MAX).cloned().collect()))
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(found))) => match found.response_code {
                ResponseCode::NXDomain => Ok(None),
                // An empty answer that points elsewhere comes from a server that does not know (lame); one
                // without the zone's SOA may be the end of a ring of aliases. For MX there is a second question.
                ResponseCode::NoError if found.soa.is_none() && (found.ns.is_some() || wanted != RecordType::MX) => {
                    Err(Temporary(format!("an empty answer of nobody's zone for {name}")))
                }
                ResponseCode::NoError => Ok(Some(Vec::new())),
                code => Err(Temporary(format!("{code} for {name}"))),
            },
            Err(error) => Err(temporary(&error)),
        }
    }
}
