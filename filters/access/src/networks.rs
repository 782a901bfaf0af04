//! A set of addresses and networks: one lookup for each prefix length in use, however many networks there are.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::names::Table;

/// Networks of one family: by prefix length, then by the masked address.
type Lengths<T> = BTreeMap<u8, Table<u128, T>>;

#[derive(Debug)]
pub(crate) struct Networks<T> {
    v4: Lengths<T>,
    v6: Lengths<T>,
}

impl<T> Default for Networks<T> {
    fn default() -> Self {
        Self { v4: Lengths::new(), v6: Lengths::new() }
    }
}

impl<T> Networks<T> {
    /// `length` bits of `address` count; more than the family has are all.
    pub(crate) fn insert(&mut self, address: IpAddr, length: u8, value: T) {
        let (lengths, bits, width) = match address.to_canonical() {
            IpAddr::V4(address) => (&mut self.v4, u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (&mut self.v6, address.to_bits(), 128),
        };
        let length = length.min(width);
        lengths.entry(length).or_default().entry(masked(bits, length, width)).or_insert(value);
    }

    /// The widest network that has the address.
    pub(crate) fn find(&self, address: IpAddr) -> Option<&T> {
        let (lengths, bits, width) = match address.to_canonical() {
            IpAddr::V4(address) => (&self.v4, u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (&self.v6, address.to_bits(), 128),
        };
        lengths.iter().find_map(|(&length, networks)| networks.get(&masked(bits, length, width)))
    }
}

fn masked(bits: u128, length: u8, width: u8) -> u128 {
    let drop = u32::from(width.saturating_sub(length));
    bits.checked_shr(drop).and_then(|kept| kept.checked_shl(drop)).unwrap_or(0)
}

/// `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`. None if it is no address at all; the error is for one that is wrong.
pub(crate) fn parse(text: &str) -> Option<Result<(IpAddr, u8), String>> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let Some(length) = length else { return Some(Ok((address, width))) };
    Some(match length.parse::<u8>() {
        Ok(length) if length <= width => Ok((address, length)),
        _ => Err(format!("/{length} is no prefix length: write a number from 0 to {width}")),
    })
}
