//! Which of the hosts that lists name (`a:`) is the client. Asks for all of them at once, and once a connection.

use std::net::IpAddr;

use postwarden_filter::{IpAddress, Session, dns};

use crate::list::client;

/// What the connection is told about, for the next recipient.
const NOTE: &str = "hosts";
/// Record types of the DNS.
const A: u16 = 1;
const AAAA: u16 = 28;

#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// The client has an address of theirs.
    client: Vec<String>,
    /// The DNS did not tell.
    unsure: Vec<String>,
}

impl Hosts {
    /// Asks nothing if `names` is empty.
    pub(crate) fn of(session: &Session, names: &[String]) -> Self {
        if names.is_empty() {
            return Self::default();
        }
        if let Some(note) = session.get_note(NOTE) {
            let client = String::from_utf8_lossy(&note).lines().map(str::to_owned).collect();
            return Self { client, unsure: Vec::new() };
        }
        let hosts = Self::ask(client(session), names);
        if hosts.unsure.is_empty() {
            // Without the note the next recipient asks again, and the server's cache answers.
            let _ = session.set_note(NOTE, hosts.client.join("\n").as_bytes());
        }
        hosts
    }

    fn ask(client: IpAddr, names: &[String]) -> Self {
        let client = client.to_canonical();
        let record_type = if client.is_ipv4() { A } else { AAAA };
        let question = |name: &String| dns::Question { name: name.clone(), record_type };
        let questions: Vec<_> = names.iter().map(question).collect();
        let mut hosts = Self::default();
        for (name, answer) in names.iter().zip(dns::resolve_all(&questions)) {
            match answer {
                Ok(answer) if answer.records.iter().any(|record| is(record, client)) => hosts.client.push(name.clone()),
                Ok(_) | Err(dns::Error::NoSuchName | dns::Error::InvalidName) => {}
                Err(_) => hosts.unsure.push(name.clone()),
            }
        }
        hosts
    }

    pub(crate) fn is_client(&self, name: &str) -> bool {
        self.client.iter().any(|known| known == name)
    }

    pub(crate) fn unsure(&self, name: &str) -> Option<&str> {
        self.unsure.iter().find(|known| *known == name).map(String::as_str)
    }
}

fn is(record: &dns::RecordData, client: IpAddr) -> bool {
    match record {
        dns::RecordData::Address(IpAddress::Ipv4((a, b, c, d))) => IpAddr::from([*a, *b, *c, *d]) == client,
        dns::RecordData::Address(IpAddress::Ipv6((a, b, c, d, e, f, g, h))) => {
            IpAddr::from([*a, *b, *c, *d, *e, *f, *g, *h]) == client
        }
        _ => false,
    }
}
