//! Who handed the message over: the client of this session or, where that is one of the operator's own machines, the one
//! that its trace field names.

use std::net::IpAddr;

use postwarden_filter::{IpAddress, Session, Transaction};

use crate::mail::Mail;
use crate::received::{Hop, is_public};

/// Completes what the message says of its way with what the server knows, as its own trace field will have it.
pub(crate) fn complete(mail: &mut Mail, session: &Session, transaction: &Transaction) {
    if mail.envelope.is_none() {
        mail.envelope = Some(transaction.get_sender());
    }
    let address = address(&session.get_remote_address());
    if is_public(address) && !is_authorised(session) {
        let lower = |name: String| name.to_ascii_lowercase();
        let (helo, name) = (session.get_helo().map(lower), session.get_reverse_name().map(lower));
        mail.hops
            .insert(0, Hop { helo, name, address: Some(address), with: Some("esmtp".to_owned()), ..Hop::default() });
    }
}

pub(crate) fn address(address: &IpAddress) -> IpAddr {
    match *address {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => IpAddr::from([a, b, c, d, e, f, g, h]).to_canonical(),
    }
}

/// Own people and machines: what is said of strangers' clients does not hold for them.
pub(crate) fn is_authorised(session: &Session) -> bool {
    session.get_user().is_some() || session.get_attribute("session.authorised").as_deref() == Some("true")
}
