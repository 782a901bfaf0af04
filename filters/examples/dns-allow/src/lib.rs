//! Accepts mail of clients that a DNS list names: an allow list of your own, or of partners.

use postwarden_filter::*;
use serde::Deserialize;

const A: u16 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DnsAllow {
    zone: String,
}

impl Filter for DnsAllow {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, Problems> {
        Ok(settings)
    }

    fn on_message(&self, session: &Session, transaction: &Transaction, _: &Message) -> Answer {
        let question = dns::Question { name: self.question(session.get_remote_address()), record_type: A };
        match dns::resolve(&question) {
            Ok(answer) if !answer.records.is_empty() => accept(),
            Ok(_) | Err(dns::Error::NoSuchName) => pass(),
            // A list that does not answer must not stop mail.
            Err(error) => {
                transaction.add_score("DNS_ALLOW_UNKNOWN", 0.0, Some(&format!("{error:?}")))?;
                pass()
            }
        }
    }
}

impl DnsAllow {
    /// `9.2.0.192.list.example`; IPv6 by its half-bytes (RFC 5782).
    fn question(&self, client: IpAddress) -> String {
        let labels: Vec<String> = match client {
            IpAddress::Ipv4((a, b, c, d)) => [d, c, b, a].iter().map(u8::to_string).collect(),
            IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
                let text: String = [a, b, c, d, e, f, g, h].iter().map(|group| format!("{group:04x}")).collect();
                text.chars().rev().map(String::from).collect()
            }
        };
        format!("{}.{}", labels.join("."), self.zone)
    }
}

export!(DnsAllow: on_message);
