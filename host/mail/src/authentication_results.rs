//! `Authentication-Results` (RFC 8601): writes this server's field, and tells which fields of others speak in its
//! name. No judgement of what a result means; values of a client cannot end the field or begin another.

use crate::address::visible;

/// Without the colon.
pub const NAME: &str = "Authentication-Results";

/// A value is cut after so many bytes.
const VALUE_BYTES_MAX: usize = 255;

/// Findings that one field names; the rest is left out.
pub const FINDINGS_MAX: usize = 40;

/// What one method found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// `spf`, `dkim`, … as IANA knows them.
    pub method: &'static str,
    /// `pass`, `fail`, …
    pub outcome: &'static str,
    /// Why, in fixed words.
    pub comment: Option<&'static str>,
    /// Pairs such as (`header.d`, `example.com`).
    pub properties: Vec<(&'static str, String)>,
}

impl Finding {
    pub fn new(method: &'static str, outcome: &'static str) -> Self {
        Self { method, outcome, ..Self::default() }
    }

    /// With a property; nothing where the value is empty.
    #[must_use]
    pub fn with(mut self, property: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.properties.push((property, value));
        }
        self
    }

    #[must_use]
    pub fn because(mut self, comment: Option<&'static str>) -> Self {
        self.comment = comment;
        self
    }
}

/// One field with CRLF at its end. `utf8`: what is not ASCII may stay.
pub fn field(host: &str, findings: &[Finding], utf8: bool) -> Vec<u8> {
    format!("{NAME}: {}\r\n", payload(host, findings, utf8)).into_bytes()
}

/// What stands after the colon: also the payload of `ARC-Authentication-Results`.
pub fn payload(host: &str, findings: &[Finding], utf8: bool) -> String {
    let mut text = value(host, utf8);
    if findings.is_empty() {
        text.push_str("; none");
    }
    for finding in findings.iter().take(FINDINGS_MAX) {
        text.push_str(&format!(";\r\n\t{}={}", finding.method, finding.outcome));
        if let Some(comment) = finding.comment {
            text.push_str(&format!(" ({comment})"));
        }
        for (name, raw) in &finding.properties {
            let value = value(raw, utf8);
            // A line of a few long values would pass 998 octets.
            let separator = if value.len() > 40 { "\r\n\t " } else { " " };
            text.push_str(&format!("{separator}{name}={value}"));
        }
    }
    text
}

/// As a token or an address, else quoted.
fn value(raw: &str, utf8: bool) -> String {
    let text = visible(raw, utf8, VALUE_BYTES_MAX);
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}~@/".contains(c) || !c.is_ascii();
    // A `/` or `@` in a bare value is read as part of it everywhere but at its beginning.
    if !text.is_empty() && text.chars().all(plain) && text.matches('@').count() <= 1 && !text.contains('/') {
        return text;
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// Whether the value of such a field claims to be from `host` (RFC 8601 section 5). What cannot be read claims it too:
/// somebody downstream may read it more generously.
pub fn claims(value: &[u8], host: &str) -> bool {
    match service(value) {
        Some(name) => {
            let name = name.strip_suffix(b".").unwrap_or(&name);
            name.eq_ignore_ascii_case(host.as_bytes())
        }
        None => true,
    }
}

/// The authserv-id: a token or a quoted string after white space, folds and comments. None: there is none.
fn service(value: &[u8]) -> Option<Vec<u8>> {
    let rest = skip_comments(value)?;
    let mut name = Vec::new();
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        let mut escaped = false;
        for byte in quoted {
            match byte {
                b'\r' | b'\n' => {}
                _ if escaped => {
                    name.push(*byte);
                    escaped = false;
                }
                b'\\' => escaped = true,
                b'"' => return (!name.is_empty()).then_some(name),
                _ => name.push(*byte),
            }
        }
        return None;
    }
    let end = rest.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b'(' | b'"' | b'/'));
    let token = rest.get(..end.unwrap_or(rest.len()))?;
    (!token.is_empty()).then(|| token.to_vec())
}

/// What follows white space and (nested) comments; none where a comment does not end.
fn skip_comments(value: &[u8]) -> Option<&[u8]> {
    let mut depth = 0usize;
    let mut escaped = false;
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if depth > 0 => escaped = true,
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            _ if depth > 0 || byte.is_ascii_whitespace() => {}
            _ => return value.get(at..),
        }
    }
    (depth == 0).then_some(&[])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_whole_field() {
        let findings = [
            Finding::new("spf", "pass").with("smtp.mailfrom", "bob@example.org"),
            Finding::new("dkim", "fail")
                .because(Some("body hash"))
                .with("header.d", "example.org")
                .with("header.i", ""),
            Finding::new("iprev", "pass").with("policy.iprev", "2001:db8::1"),
        ];
        assert_eq!(
            String::from_utf8(field("mx.example.com", &findings, false)).unwrap(),
            "Authentication-Results: mx.example.com;\r\n\
             \tspf=pass smtp.mailfrom=bob@example.org;\r\n\
             \tdkim=fail (body hash) header.d=example.org;\r\n\
             \tiprev=pass policy.iprev=\"2001:db8::1\"\r\n"
        );
        assert_eq!(field("mx", &[], false), b"Authentication-Results: mx; none\r\n");
    }

    #[test]
    fn no_value_leaves_its_place() {
        let evil = "x\r\nBcc: v@example.net\r\n\r\n;\"\\(dkim=pass\u{2028}ü\0";
        for utf8 in [false, true] {
            let bytes = field("mx", &[Finding::new("spf", "pass").with("smtp.mailfrom", evil)], utf8);
            assert_eq!(crate::header::fields(&bytes).count(), 1);
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.lines().skip(1).all(|line| line.starts_with('\t')), "{text}");
            assert!(text.contains("\"x  Bcc: v@example.net    ;\\\"\\\\(dkim=pass?"), "{text}");
        }
        let long = Finding::new("dkim", "pass").with("header.d", "d".repeat(5000)).with("header.s", "s".repeat(5000));
        let many = vec![long; 100];
        let text = String::from_utf8(field("mx", &many, false)).unwrap();
        assert!(text.lines().all(|line| line.len() < 998));
        assert_eq!(text.matches("dkim=pass").count(), FINDINGS_MAX);
    }

    #[test]
    fn fields_in_our_name_are_known_however_they_are_written() {
        for claim in [
            &b" mx.example.com; spf=pass"[..],
            b" MX.Example.COM; none",
            b"mx.example.com 1; spf=pass",
            b"mx.example.com/1; spf=pass",
            b" mx.example.com.; spf=pass",
            b" (a (nested) comment) mx.example.com (another) 1 (third); spf=pass",
            b"\r\n\tmx.example.com;\r\n\tspf=pass",
            b" (with \\) escape)\r\n \"mx.example.com\"; spf=pass",
            b" \"mx.exa\\mple.com\" 1; spf=pass",
            b"mx.example.com",
            b"mx.example.com(x);spf=pass",
            // Unreadable.
            b"",
            b" (never ends mx.example.com; spf=pass",
            b" \"never ends mx.example.com; spf=pass",
            b" ; spf=pass",
            b" \"\"; spf=pass",
        ] {
            assert!(claims(claim, "mx.example.com"), "{}", String::from_utf8_lossy(claim));
        }
        for other in [
            &b" mx.example.org; spf=pass"[..],
            b" (mx.example.com) other.example; spf=pass",
            b" mx.example.com.evil; spf=pass",
            b" other; (mx.example.com)",
            b" \"mx example com\"; none",
        ] {
            assert!(!claims(other, "mx.example.com"), "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn all_short_values_are_read_without_panic() {
        let alphabet = b"a.(\\)\" ;";
        for mut n in 0..8u32.pow(6) {
            let mut bytes = [0u8; 6];
            for byte in &mut bytes {
                *byte = alphabet.get((n % 8) as usize).copied().unwrap();
                n /= 8;
            }
            claims(&bytes, "a");
        }
    }
}
