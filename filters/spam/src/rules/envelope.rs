//! Rules about the client and the way the message came: greetings and names that do not fit.

use std::net::Ipv4Addr;

use crate::mail::Mail;
use crate::received::Hop;
use crate::rules::Found;
use crate::symbols::Symbol::*;
use crate::url::registered;

/// Providers whose servers have names in their own domain.
const PROVIDERS: &[&str] = &[
    "yahoo.com",
    "hotmail.com",
    "aol.com",
    "msn.com",
    "gmail.com",
    "google.com",
    "outlook.com",
    "excite.com",
    "lycos.com",
    "compuserve.com",
    "earthlink.net",
    "mail.com",
    "netscape.net",
    "juno.com",
    "microsoft.com",
    "apple.com",
    "amazon.com",
];
const LINES: &[&str] =
    &["dial", "dsl", "ppp", "cable", "dhcp", "dyn", "pool", "client", "modem", "dip", "cpe", "catv", "broadband"];

pub(super) fn find(mail: &Mail, found: &mut Found) {
    if let Some(client) = mail.entry() {
        if let Some(helo) = &client.helo {
            greeting(helo, client, found);
        }
        match &client.name {
            None => found.add(CLIENT_NO_NAME),
            Some(name) => found.add_if(is_line(name), CLIENT_DYNAMIC),
        }
    }
    found.add_if(mail.values("received").any(is_forged), RECEIVED_FORGED);
}

fn greeting(helo: &str, client: &Hop, found: &mut Found) {
    let name = helo.trim_matches(['[', ']']);
    if name.parse::<Ipv4Addr>().is_ok() {
        // `[192.0.2.1]` is what RFC 5321 asks of a client without a name.
        return found.add_if(!helo.starts_with('['), HELO_ADDRESS);
    }
    let name = name.to_ascii_lowercase();
    if name == "localhost" || name.starts_with("localhost.") {
        return found.add(HELO_LOCALHOST);
    }
    found.add_if(!name.contains('.') && !name.contains(':'), HELO_NO_DOMAIN);
    let claimed = registered(&name);
    let is_other = client.name.as_deref().is_none_or(|name| registered(name) != claimed);
    found.add_if(PROVIDERS.contains(&claimed) && is_other, HELO_FORGED);
}

fn is_line(name: &str) -> bool {
    let host = name.strip_suffix(registered(name)).unwrap_or(name).to_ascii_lowercase();
    let digits = host.bytes().filter(u8::is_ascii_digit).count();
    digits >= 3 && LINES.iter().any(|word| host.contains(word)) || digits >= 8
}

/// Octets above 255, or nothing a server writes.
fn is_forged(value: &str) -> bool {
    let mut words = value.split(|c: char| !(c.is_ascii_digit() || c == '.')).take(100);
    words.any(|word| {
        let octets: Vec<&str> = word.split('.').collect();
        octets.len() == 4
            && octets.iter().all(|octet| (1..=3).contains(&octet.len()))
            && octets.iter().any(|octet| octet.parse::<u16>().is_ok_and(|number| number > 255))
            && value.contains(&format!("[{word}]"))
    })
}
