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

/// Nanoseconds of the contract.
pub(super) fn duration(nanoseconds: Option<u64>) -> Option<Duration> {
    nanoseconds.map(Duration::from_nanos)
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
