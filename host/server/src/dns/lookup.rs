//! Any question to the DNS, for filters: records, how long they may be kept, and what went wrong.

use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::proto::serialize::binary::BinEncodable;
use postwarden_sandbox::{DnsAnswer, DnsError, DnsRecord};

use super::{Dns, written};

impl Dns {
    /// The records of that type, in the order of the answer; CNAMEs on the way are followed and left out.
    pub async fn lookup(&self, name: &str, record_type: u16) -> Result<DnsAnswer, DnsError> {
        let mut asked = Name::from_utf8(name).map_err(|_| DnsError::InvalidName)?;
        // As it stands, never with a search domain of this machine.
        asked.set_fqdn(true);
        let record_type = RecordType::from(record_type);
        let lookup = match self.resolver.lookup(asked, record_type).await {
            Ok(lookup) => lookup,
            Err(error) if error.is_nx_domain() => return Err(DnsError::NoSuchName),
            Err(error) if error.is_no_records_found() => return nothing(&error),
            Err(NetError::Timeout) => return Err(DnsError::Timeout),
            // SERVFAIL, REFUSED and what else a server says that has no answer.
            Err(NetError::Dns(hickory_resolver::net::DnsError::ResponseCode(_))) => {
                return Err(DnsError::ServerFailure);
            }
            Err(error) => return Err(DnsError::Other(error.to_string())),
        };
        let records = lookup.answers().iter().filter(|record| record.record_type() == record_type);
        let ttl = records.clone().map(|record| record.ttl).min().unwrap_or(0);
        Ok(DnsAnswer { records: records.map(|record| of(&record.data)).collect(), ttl, authenticated: false })
    }
}

/// An answer without records: the name may exist, or the server may have failed.
fn nothing(error: &NetError) -> Result<DnsAnswer, DnsError> {
    match error {
        NetError::Dns(hickory_resolver::net::DnsError::NoRecordsFound(found)) => match found.response_code {
            ResponseCode::NXDomain => Err(DnsError::NoSuchName),
            ResponseCode::NoError => {
                Ok(DnsAnswer { records: Vec::new(), ttl: found.negative_ttl.unwrap_or(0), authenticated: false })
            }
            _ => Err(DnsError::ServerFailure),
        },
        _ => Err(DnsError::ServerFailure),
    }
}

fn of(data: &RData) -> DnsRecord {
    let name = |name: &Name| DnsRecord::Name(written(&name.to_string()));
    match data {
        RData::A(address) => DnsRecord::Address(address.0.into()),
        RData::AAAA(address) => DnsRecord::Address(address.0.into()),
        RData::PTR(target) => name(&target.0),
        RData::CNAME(target) => name(&target.0),
        RData::NS(target) => name(&target.0),
        RData::MX(mx) => DnsRecord::Mx(mx.preference, written(&mx.exchange.to_string())),
        RData::TXT(text) => DnsRecord::Txt(text.txt_data.iter().flat_map(|part| part.iter().copied()).collect()),
        other => DnsRecord::Other(other.to_bytes().unwrap_or_default()),
    }
}
