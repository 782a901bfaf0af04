//! The fields this server puts before a message: `Received` and `Return-Path` (RFC 5321 section 4.4).
//! Every string may come from a client; none of them can end the field or begin another.

use std::net::IpAddr;

use crate::address::{word, written};
use crate::date::rfc5322;

/// A HELO argument, a host name or an id is cut after this many bytes.
const WORD_BYTES_MAX: usize = 255;
/// Longer lines are folded where the grammar allows it (RFC 5322 section 2.1.1).
const LINE_BYTES: usize = 78;

/// What a `Received` field tells.
#[derive(Clone, Debug, Default)]
pub struct Received<'a> {
    /// The argument of HELO or EHLO.
    pub from: &'a str,
    pub client_ip: &'a str,
    /// The confirmed reverse name of the client.
    pub reverse_name: Option<&'a str>,
    /// This host.
    pub by: &'a str,
    /// From [`with_keyword`]. One that begins with `UTF8` lets addresses keep what is not ASCII.
    pub with: &'a str,
    pub id: &'a str,
    /// The recipient, where there is just one: several would betray each other.
    pub for_: Option<&'a str>,
    /// Milliseconds since the Unix epoch.
    pub date: i64,
    /// Version and cipher.
    pub tls: Option<(&'a str, &'a str)>,
}

/// One `Received` field, folded, with CRLF at its end.
pub fn received(trace: &Received) -> Vec<u8> {
    let utf8 = trace.with.starts_with("UTF8");
    let word = |text: &str| {
        let text = word(text, utf8, WORD_BYTES_MAX);
        if text.is_empty() { "unknown".to_owned() } else { text }
    };
    let client = match trace.client_ip.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => format!("[{ip}]"),
        Ok(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        Err(_) => format!("[{}]", word(trace.client_ip)),
    };
    let client = match trace.reverse_name {
        Some(name) => format!("({} {client})", word(name)),
        None => format!("({client})"),
    };
    let mut clauses = vec![format!("from {}", word(trace.from)), client];
    if let Some((version, cipher)) = trace.tls {
        clauses.push(format!("({} cipher {})", word(version), word(cipher)));
    }
    clauses.push(format!("by {}", word(trace.by)));
    clauses.push(format!("with {} id {}", word(trace.with), word(trace.id)));
    if let Some(recipient) = trace.for_ {
        clauses.push(format!("for <{}>", written(recipient, utf8)));
    }
    if let Some(last) = clauses.last_mut() {
        last.push(';');
    }
    clauses.push(rfc5322(trace.date));
    fold("Received:", &clauses)
}

/// `Return-Path: <sender>` with CRLF; the null sender is empty. Only final delivery adds it.
pub fn return_path(sender: &str) -> Vec<u8> {
    format!("Return-Path: <{}>\r\n", written(sender, true)).into_bytes()
}

/// `Delivered-To: address` with CRLF.
pub fn delivered_to(address: &str) -> Vec<u8> {
    format!("Delivered-To: {}\r\n", written(address, true)).into_bytes()
}

/// The keyword after `with` (RFC 3848, RFC 6531 section 4.3). `extended`: the client said EHLO.
pub fn with_keyword(lmtp: bool, extended: bool, tls: bool, auth: bool, smtputf8: bool) -> &'static str {
    match (lmtp, smtputf8, tls, auth) {
        (true, false, false, false) => "LMTP",
        (true, false, false, true) => "LMTPA",
        (true, false, true, false) => "LMTPS",
        (true, false, true, true) => "LMTPSA",
        (true, true, false, false) => "UTF8LMTP",
        (true, true, false, true) => "UTF8LMTPA",
        (true, true, true, false) => "UTF8LMTPS",
        (true, true, true, true) => "UTF8LMTPSA",
        (false, true, false, false) => "UTF8SMTP",
        (false, true, false, true) => "UTF8SMTPA",
        (false, true, true, false) => "UTF8SMTPS",
        (false, true, true, true) => "UTF8SMTPSA",
        (false, false, true, true) => "ESMTPSA",
        (false, false, true, false) => "ESMTPS",
        (false, false, false, true) => "ESMTPA",
        (false, false, false, false) if extended => "ESMTP",
        (false, false, false, false) => "SMTP",
    }
}

/// Puts clauses on lines of at most [`LINE_BYTES`] where a clause is not longer by itself.
fn fold(name: &str, clauses: &[String]) -> Vec<u8> {
    let mut text = String::with_capacity(256);
    text.push_str(name);
    let mut line = name.len();
    for clause in clauses {
        if line + 1 + clause.len() > LINE_BYTES && line > name.len() {
            text.push_str("\r\n\t");
            line = 1;
        } else {
            text.push(' ');
            line += 1;
        }
        text.push_str(clause);
        line += clause.len();
    }
    text.push_str("\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sample() -> Received<'static> {
        Received {
            from: "client.example",
            client_ip: "192.0.2.7",
            reverse_name: Some("mail.client.example"),
            by: "mx.example.com",
            with: "ESMTPS",
            id: "0abcdefghijkm",
            for_: Some("alice@example.com"),
            date: 1_795_473_970_000,
            tls: Some(("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
        }
    }

    fn text(trace: &Received) -> String {
        String::from_utf8(received(trace)).unwrap()
    }

    #[test]
    fn the_whole_field() {
        assert_eq!(
            text(&sample()),
            "Received: from client.example (mail.client.example [192.0.2.7])\r\n\
             \t(TLSv1.3 cipher TLS_AES_256_GCM_SHA384) by mx.example.com\r\n\
             \twith ESMTPS id 0abcdefghijkm for <alice@example.com>;\r\n\
             \tMon, 23 Nov 2026 22:46:10 +0000\r\n"
        );
    }

    #[test]
    fn the_shortest_field() {
        let trace = Received { client_ip: "::ffff:192.0.2.7", by: "mx", with: "SMTP", id: "1", ..Received::default() };
        assert_eq!(
            text(&trace),
            "Received: from unknown ([192.0.2.7]) by mx with SMTP id 1;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
        );
        let six = Received { client_ip: "2001:db8::1", ..trace };
        assert!(text(&six).contains("([IPv6:2001:db8::1])"));
    }

    #[test]
    fn no_client_string_leaves_its_place() {
        let evil = "x\r\nBcc: v@example.net\r\n\r\n(<;,\"\\)\0\u{1b}\u{2028}ü";
        let trace = Received {
            from: evil,
            client_ip: evil,
            reverse_name: Some(evil),
            by: evil,
            with: evil,
            id: evil,
            for_: Some(evil),
            date: 0,
            tls: Some((evil, evil)),
        };
        let text = text(&trace);
        assert!(text.is_ascii());
        assert!(!text.contains("\nBcc"), "{text}");
        assert_eq!(crate::header::fields(text.as_bytes()).count(), 1);
        assert!(text.lines().skip(1).all(|line| line.starts_with('\t')));
        assert!(!text.bytes().any(|b| b.is_ascii_control() && !matches!(b, b'\r' | b'\n' | b'\t')));
        let path = String::from_utf8(return_path(evil)).unwrap();
        assert_eq!(path.matches("\r\n").count(), 1);
    }

    #[test]
    fn long_words_keep_lines_below_998() {
        let long = "x".repeat(5000);
        let trace = Received { from: &long, reverse_name: Some(&long), for_: Some(&long), id: &long, ..sample() };
        assert!(text(&trace).lines().all(|line| line.len() < 998));
    }

    #[test]
    fn utf8_only_in_utf8_transactions() {
        let trace = Received { for_: Some("jörg@example.com"), ..sample() };
        assert!(text(&trace).contains("<j?rg@example.com>"));
        let trace = Received { with: with_keyword(false, true, true, false, true), ..trace };
        assert!(text(&trace).contains("with UTF8SMTPS id 0abcdefghijkm for <jörg@example.com>"));
    }

    #[test]
    fn return_paths() {
        assert_eq!(return_path(""), b"Return-Path: <>\r\n");
        assert_eq!(return_path("a b@c"), b"Return-Path: <\"a b\"@c>\r\n");
    }

    #[test]
    fn keywords() {
        assert_eq!(with_keyword(false, false, false, false, false), "SMTP");
        assert_eq!(with_keyword(false, true, false, false, false), "ESMTP");
        assert_eq!(with_keyword(false, true, true, true, false), "ESMTPSA");
        assert_eq!(with_keyword(true, true, false, false, false), "LMTP");
        assert_eq!(with_keyword(false, true, true, true, true), "UTF8SMTPSA");
    }
}
