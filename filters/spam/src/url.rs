//! Addresses of the web: found in text, taken apart, without a request to anywhere.

use std::net::Ipv4Addr;

/// Bytes of one address that are looked at.
const URL_BYTES_MAX: usize = 500;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: String,
    pub(crate) userinfo: Option<String>,
    /// Lower case, percent-decoded; for `mailto:` the whole address.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// From the slash on, with the query, as written.
    pub(crate) path: String,
    /// The host was written with `%xx`.
    pub(crate) escaped_host: bool,
}

impl Url {
    /// None for what names no host: relative links, `cid:`, `javascript:`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches('"');
        let text = text.get(..text.floor_char_boundary(URL_BYTES_MAX)).unwrap_or_default();
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ if starts_with_ignoring_case(text, "www.") => ("http".to_owned(), text),
            _ => return None,
        };
        if scheme == "mailto" {
            let address = rest.split(['?', ',', ' ']).next().unwrap_or_default();
            return Some(Self { scheme, host: address.to_ascii_lowercase(), ..Self::default() });
        }
        if !matches!(scheme.as_str(), "http" | "https" | "ftp") {
            return None;
        }
        // Readers take backslashes for slashes, and any number of them.
        let rest = rest.trim_start_matches(['/', '\\']);
        let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo.to_owned()), host),
            None => (None, authority),
        };
        let (host, port) = match host.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().ok()),
            None => (host, None),
        };
        let escaped_host = host.contains('%');
        let host = percent_decoded(host).trim_matches('.').to_lowercase();
        if host.is_empty() || host.contains(char::is_whitespace) {
            return None;
        }
        Some(Self { scheme, userinfo, host, port, path: path.to_owned(), escaped_host })
    }

    /// The host is an IPv4 address, in dots, as one number or in hexadecimal.
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        if let Ok(address) = self.host.parse() {
            return Some(address);
        }
        let mut octets = Vec::new();
        for part in self.host.split('.') {
            let number = match part.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok()?,
                None => part.parse::<u32>().ok()?,
            };
            octets.push(number);
        }
        match octets.as_slice() {
            [whole] if *whole > 0xff_ffff => Some(Ipv4Addr::from(*whole)),
            [a, b, c, d] if octets.iter().all(|octet| *octet < 256) => {
                Some(Ipv4Addr::from((a << 24) | (b << 16) | (c << 8) | d))
            }
            _ => None,
        }
    }

    pub(crate) fn is_web(&self) -> bool {
        self.scheme != "mailto"
    }
}

/// The part of a host name that somebody has registered: `shop.example.co.uk` gives `example.co.uk`. By rule of thumb,
/// without the public suffix list: a second label of at most three letters below a country counts as a suffix.
pub(crate) fn registered(host: &str) -> &str {
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return host };
    let tld = host.len().saturating_sub(last).saturating_sub(1);
    let below = last.saturating_sub(second).saturating_sub(1);
    let start = if tld == 2 && below <= 3 {
        dots.next().map_or(0, |dot| dot.saturating_add(1))
    } else {
        second.saturating_add(1)
    };
    host.get(start..).unwrap_or(host)
}

/// Finds addresses in running text.
pub(crate) fn find(text: &str, most: usize, found: &mut Vec<Url>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while found.len() < most {
        let Some(hit) = next_mark(bytes, at) else { return };
        let start = hit.start;
        let end = bytes.get(start..).unwrap_or_default().iter().take(URL_BYTES_MAX).position(|byte| ends(*byte));
        let end =
            end.map_or(bytes.len().min(start.saturating_add(URL_BYTES_MAX)), |length| start.saturating_add(length));
        if let Some(piece) = text.get(start..text.floor_char_boundary(end)) {
            let piece = piece.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'']);
            found.extend(Url::parse(piece));
        }
        at = end.max(hit.behind);
    }
}

struct Mark {
    start: usize,
    behind: usize,
}

/// `://` with its scheme before it, `www.` at the start of a word, or `mailto:`.
fn next_mark(bytes: &[u8], from: usize) -> Option<Mark> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        let step = rest.iter().position(|byte| matches!(byte, b':' | b'w' | b'W'))?;
        at = at.saturating_add(step);
        let here = bytes.get(at..).unwrap_or_default();
        if here.starts_with(b"://") {
            let scheme = bytes.get(from..at).unwrap_or_default().iter().rev().take(10);
            let length = scheme.take_while(|byte| byte.is_ascii_alphabetic()).count();
            return Some(Mark { start: at.saturating_sub(length), behind: at.saturating_add(3) });
        }
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let begins =
            before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'/' | b'@' | b'-'));
        if begins && here.get(..4).is_some_and(|www| www.eq_ignore_ascii_case(b"www.")) {
            return Some(Mark { start: at, behind: at.saturating_add(4) });
        }
        if here.first() == Some(&b':') {
            let start = at.saturating_sub(6).max(from);
            if bytes.get(start..at).is_some_and(|word| word.eq_ignore_ascii_case(b"mailto")) {
                return Some(Mark { start, behind: at.saturating_add(1) });
            }
        }
        at = at.saturating_add(1);
    }
}

fn ends(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || byte.is_ascii_control()
        || matches!(byte, b'<' | b'>' | b'"' | b'`' | b'{' | b'}' | b'|')
}

fn is_scheme(text: &str) -> bool {
    (2..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let pair = behind.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
