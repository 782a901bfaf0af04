//! Between the contract's generated types and the crate's own. No decisions.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::call;
use crate::track_0_1::postwarden::filter::types as wit;

pub(super) fn ip(address: IpAddr) -> wit::IpAddress {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            wit::IpAddress::Ipv4((a, b, c, d))
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = Ipv6Addr::segments(&address);
            wit::IpAddress::Ipv6((a, b, c, d, e, f, g, h))
        }
    }
}

pub(super) fn parameters(parameters: &[call::Parameter]) -> Vec<wit::EsmtpParameter> {
    parameters
        .iter()
        .map(|parameter| wit::EsmtpParameter { keyword: parameter.keyword.clone(), value: parameter.value.clone() })
        .collect()
}

pub(crate) fn recipient(recipient: &call::Recipient) -> wit::Recipient {
    wit::Recipient { address: recipient.address.clone(), parameters: parameters(&recipient.parameters) }
}

pub(super) fn authentication(result: &call::AuthenticationResult) -> wit::AuthenticationResult {
    wit::AuthenticationResult {
        method: result.method.clone(),
        outcome: result.outcome.clone(),
        properties: result.properties.clone(),
    }
}

pub(crate) fn class(class: &call::Class) -> wit::Class {
    match class {
        call::Class::Ham => wit::Class::Ham,
        call::Class::Spam => wit::Class::Spam,
        call::Class::Other(name) => wit::Class::Other(name.clone()),
    }
}

/// Nanoseconds of the contract.
pub(super) fn duration(nanoseconds: Option<u64>) -> Option<Duration> {
    nanoseconds.map(Duration::from_nanos)
}

/// The bytes from `start`, at most so many; nothing beyond the end.
pub(super) fn slice(bytes: &[u8], start: u64, most: usize) -> &[u8] {
    let rest = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    rest.get(..most).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        assert!(matches!(ip(mapped), wit::IpAddress::Ipv4((192, 0, 2, 1))));
    }
}
