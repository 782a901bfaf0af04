//! The commands of the sending side as lines, and what the server's EHLO reply offers.

use super::{Offers, Reply};
use crate::question::{BodyType, Ret};
use crate::xtext;

/// A longer address is not sent (RFC 5321 section 4.5.3.1.3 allows 256 octets with brackets).
const ADDRESS_BYTES_MAX: usize = 1024;

/// Nine digits (RFC 2852 section 4).
const DELIVER_BY_SECONDS_MAX: i64 = 999_999_999;

/// Envelope of a message to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Without brackets and without quoting of the local part; empty: the null sender.
    pub sender: String,
    /// Bytes of the content, for SIZE.
    pub size: u64,
    pub body: BodyType,
    /// An address or a header field is not ASCII.
    pub smtputf8: bool,
    pub require_tls: bool,
    pub ret: Option<Ret>,
    pub envid: Option<String>,
    /// DELIVERBY: seconds that are left, and whether to notify (else return) after them.
    pub deliver_by: Option<(i64, bool)>,
    /// MT-PRIORITY; 0 is not sent.
    pub priority: i8,
    pub recipients: Vec<Recipient>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// Like [`Envelope::sender`].
    pub address: String,
    /// NOTIFY as in the command: `NEVER`, `SUCCESS,FAILURE`.
    pub notify: Option<String>,
    /// ORCPT: address type and address, not yet encoded.
    pub original: Option<(String, String)>,
}

/// Asked for, or made necessary by an address, whatever the envelope says.
fn needs_smtputf8(envelope: &Envelope) -> bool {
    let plain = envelope.sender.is_ascii() && envelope.recipients.iter().all(|recipient| recipient.address.is_ascii());
    envelope.smtputf8 || !plain
}

/// Why this message must not be sent to this server at all: enhanced code and text.
pub(super) fn unsuitable(envelope: &Envelope, offers: &Offers, tls: bool) -> Option<(&'static str, String)> {
    if needs_smtputf8(envelope) && !offers.smtputf8 {
        return Some(("5.6.7", "the next server does not take internationalised addresses (SMTPUTF8)".into()));
    }
    if envelope.require_tls && !(tls && offers.require_tls) {
        return Some(("5.7.30", "the sender asked for REQUIRETLS, which the next server does not offer".into()));
    }
    if matches!(envelope.deliver_by, Some((_, false))) && !offers.deliver_by {
        let text = "the sender wants it back if it is late, which the next server cannot promise (DELIVERBY)";
        return Some(("5.4.7", text.into()));
    }
    if envelope.body == BodyType::BinaryMime {
        return Some(("5.6.1", "the message is BINARYMIME, which is not passed on".into()));
    }
    if let Some(limit) = offers.size.filter(|limit| *limit > 0 && envelope.size > *limit) {
        return Some(("5.3.4", format!("the message has {} bytes, the next server takes {limit}", envelope.size)));
    }
    if !envelope.sender.is_empty() && written(&envelope.sender).is_none() {
        return Some(("5.1.7", "the sender's address cannot be written in SMTP".into()));
    }
    None
}

pub(super) fn mail(envelope: &Envelope, offers: &Offers) -> Vec<u8> {
    let mut line = format!("MAIL FROM:<{}>", written(&envelope.sender).unwrap_or_default());
    if offers.size.is_some() {
        line.push_str(&format!(" SIZE={}", envelope.size));
    }
    if offers.eight_bit_mime && envelope.body == BodyType::EightBitMime {
        line.push_str(" BODY=8BITMIME");
    }
    if needs_smtputf8(envelope) {
        line.push_str(" SMTPUTF8");
    }
    if envelope.require_tls {
        line.push_str(" REQUIRETLS");
    }
    if let Some((seconds, notify)) = envelope.deliver_by.filter(|_| offers.deliver_by) {
        // Late already: nothing below 1 may be said with R (RFC 2852 section 4.1.4.1).
        let mode = if notify { 'N' } else { 'R' };
        let seconds = seconds.clamp(if notify { -DELIVER_BY_SECONDS_MAX } else { 1 }, DELIVER_BY_SECONDS_MAX);
        line.push_str(&format!(" BY={seconds};{mode}"));
    }
    if offers.mt_priority && envelope.priority != 0 {
        line.push_str(&format!(" MT-PRIORITY={}", envelope.priority.clamp(-9, 9)));
    }
    if offers.dsn {
        match envelope.ret {
            Some(Ret::Full) => line.push_str(" RET=FULL"),
            Some(Ret::Headers) => line.push_str(" RET=HDRS"),
            None => {}
        }
        if let Some(envid) = &envelope.envid {
            line.push_str(&format!(" ENVID={}", xtext::encode(envid)));
        }
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// None if the address cannot be written.
pub(super) fn rcpt(recipient: &Recipient, offers: &Offers) -> Option<Vec<u8>> {
    let mut line = format!("RCPT TO:<{}>", written(&recipient.address)?);
    if offers.dsn {
        if let Some(notify) =
            recipient.notify.as_deref().filter(|text| text.bytes().all(|b| b.is_ascii_uppercase() || b == b','))
        {
            line.push_str(&format!(" NOTIFY={notify}"));
        }
        if let Some((kind, address)) = &recipient.original {
            line.push_str(&format!(" ORCPT={};{}", xtext::encode(kind), xtext::encode(address)));
        }
    }
    line.push_str("\r\n");
    Some(line.into_bytes())
}

/// The address with its local part quoted where it must be; none if it holds what no command may hold.
fn written(address: &str) -> Option<String> {
    if address.is_empty() || address.len() > ADDRESS_BYTES_MAX || address.chars().any(char::is_control) {
        return (address.is_empty()).then(String::new);
    }
    let (local, domain) = address.rsplit_once('@')?;
    if local.is_empty() || domain.is_empty() || domain.contains([' ', '<', '>', '"']) {
        return None;
    }
    let atext = |char: char| char.is_ascii_alphanumeric() || !char.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(char);
    if local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext)) {
        return Some(address.to_owned());
    }
    let mut quoted = String::from("\"");
    for char in local.chars() {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    Some(format!("{quoted}\"@{domain}"))
}

/// Reads the lines of a reply to EHLO or LHLO; unknown keywords are passed over.
pub(super) fn offers(reply: &Reply) -> Offers {
    let mut offers = Offers::default();
    for line in reply.lines.iter().skip(1) {
        let mut words = line.split_ascii_whitespace();
        match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "PIPELINING" => offers.pipelining = true,
            "8BITMIME" => offers.eight_bit_mime = true,
            "SMTPUTF8" => offers.smtputf8 = true,
            "DSN" => offers.dsn = true,
            "STARTTLS" => offers.starttls = true,
            "REQUIRETLS" => offers.require_tls = true,
            "DELIVERBY" => offers.deliver_by = true,
            "MT-PRIORITY" => offers.mt_priority = true,
            "SIZE" => offers.size = Some(words.next().and_then(|word| word.parse().ok()).unwrap_or(0)),
            _ => {}
        }
    }
    offers
}
