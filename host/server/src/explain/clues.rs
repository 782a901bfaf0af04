//! What a pasted text tells by itself: codes, addresses, IPs, an id, the name of a row.

use std::net::IpAddr;

use postwarden_store::HistoryRecord;

use crate::config::{VERBS, address};

const ID_CHARACTERS: usize = 13;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clues {
    /// `550`
    pub(super) code: Option<String>,
    /// `5.7.1`
    pub(super) enhanced: Option<String>,
    pub(super) ips: Vec<IpAddr>,
    /// Mail addresses, canonical, in their order.
    pub(super) addresses: Vec<String>,
    /// Of a message of this server.
    pub(super) id: Option<String>,
    /// SMTP commands, upper case.
    pub(super) verbs: Vec<&'static str>,
    /// Row keys and errors from the history and the queue, newest last.
    pub(super) told: Vec<String>,
    /// Size in bytes that a record names.
    pub(super) size: Option<u64>,
}

impl Clues {
    pub(super) fn of(text: &str) -> Self {
        let mut clues = Self::default();
        let mut before = "";
        for token in text.split_whitespace() {
            // `relay=mx.example.com[192.0.2.25]:25` and `host mx.example.com[192.0.2.25] said` name this
            // server, not its client.
            let names_server = before == "host" || before == "(host" || token.starts_with("relay=");
            before = token;
            for word in token.split(|c: char| "<>()[]\"',;=".contains(c)).filter(|word| !word.is_empty()) {
                // `550-5.7.1` is how continued lines begin.
                let (first, rest) = word.split_once('-').unwrap_or((word, ""));
                if clues.code.is_none() && is_code(first) {
                    clues.code = Some(first.to_owned());
                }
                for part in [word, rest] {
                    let part = part.trim_matches([':', '.']);
                    if clues.enhanced.is_none() && is_enhanced(part) {
                        clues.enhanced = Some(part.to_owned());
                    }
                }
                clues.add_word(word.trim_end_matches(['.', ':']), !names_server);
            }
        }
        clues
    }

    fn add_word(&mut self, bare: &str, may_be_client: bool) {
        if let Some(ip) = ip(bare)
            && may_be_client
            && !self.ips.contains(&ip)
        {
            self.ips.push(ip);
        }
        // `FROM:<a@b>` is cut at the bracket, `to=a@b` at the sign, `from:a@b` here.
        let after_colon = bare.rsplit_once(':').map_or(bare, |(_, after)| after);
        if after_colon.contains('@') {
            self.add_address(after_colon);
        }
        if self.id.is_none() && is_id(bare) {
            self.id = Some(bare.to_ascii_lowercase());
        }
        if let Some(verb) = VERBS.iter().find(|verb| verb.len() == bare.len() && **verb == bare)
            && !self.verbs.contains(verb)
        {
            self.verbs.push(verb);
        }
    }

    pub(super) fn add_address(&mut self, text: &str) {
        if let Ok(address) = address::mailbox(text)
            && !self.addresses.contains(&address)
        {
            self.addresses.push(address);
        }
    }

    pub(super) fn add_error(&mut self, error: &str) {
        if !error.is_empty() {
            self.told.push(error.to_owned());
        }
    }

    pub(super) fn add_record(&mut self, record: &HistoryRecord) {
        self.add_word(record.client.trim_matches(['[', ']']), true);
        self.add_address(&record.sender);
        record.recipients.iter().for_each(|recipient| self.add_address(recipient));
        if record.size > 0 {
            self.size = Some(record.size);
        }
        // What went well needs no row.
        if record.event != "received" && record.event != "delivered" {
            self.add_error(&record.detail);
            self.add_error(&record.reply);
        }
    }

    /// The domains of the addresses.
    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        self.addresses.iter().filter_map(|address| address.rsplit_once('@')).map(|(_, domain)| domain)
    }
}

fn is_code(word: &str) -> bool {
    word.len() == 3 && word.starts_with(['2', '3', '4', '5']) && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// RFC 3463: `class.subject.detail`.
fn is_enhanced(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let number =
        |part: &str, digits: usize| (1..=digits).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    matches!(parts.as_slice(), [class @ ("2" | "4" | "5"), subject, detail] if number(class, 1) && number(subject, 3) && number(detail, 3))
}

fn ip(word: &str) -> Option<IpAddr> {
    let address = word.strip_prefix("IPv6:").unwrap_or(word);
    if let Ok(ip) = address.parse::<IpAddr>() {
        // A lone `::` is more often punctuation.
        return (address != "::").then_some(ip.to_canonical());
    }
    address.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip().to_canonical())
}

fn is_id(word: &str) -> bool {
    word.len() == ID_CHARACTERS
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && word.to_ascii_lowercase().parse::<postwarden_store::Id>().is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_log_line_tells_much() {
        let clues = Clues::of(
            "to=<carol@Example.NET>, relay=mx.example.com[192.0.2.25]:25, status=bounced (host mx.example.com[192.0.2.25] \
             said: 550 5.7.1 We do not relay (in reply to RCPT TO command))",
        );
        assert_eq!(clues.code.as_deref(), Some("550"));
        assert_eq!(clues.enhanced.as_deref(), Some("5.7.1"));
        assert_eq!(clues.addresses, ["carol@example.net"]);
        assert_eq!(clues.verbs, ["RCPT"]);
        assert_eq!(clues.ips, [] as [IpAddr; 0], "that is the server's own");
    }

    #[test]
    fn forms() {
        assert_eq!(Clues::of("550-5.7.1 no").enhanced.as_deref(), Some("5.7.1"));
        assert_eq!(Clues::of("550-5.7.1 no").code.as_deref(), Some("550"));
        assert_eq!(Clues::of("client=[IPv6:2001:db8::7]").ips, ["2001:db8::7".parse::<IpAddr>().unwrap()]);
        assert_eq!(Clues::of("client=192.0.2.7:4711").ips, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
        assert_eq!(Clues::of("client=unknown[192.0.2.7]: 550").ips.len(), 1);
        assert_eq!(Clues::of("from mail.example.org (192.0.2.7).").ips.len(), 1);
        assert_eq!(Clues::of("99 problems, 1.2.3 and 10.0.0").code, None);
        assert_eq!(Clues::of("10.20.30").enhanced, None);
    }
}
