//! Delivery status notifications: a `multipart/report` with a part for people, a part for programs
//! and the original message or its header (RFC 3461 to 3464, RFC 6522, RFC 6533). No I/O, no clock.

mod words;

use std::fmt::Write as _;

use crate::address::{visible, word, written};
use crate::date::rfc5322;
use crate::header;

/// An original above this many bytes comes back as its header only, also with `RET=FULL`.
pub const FULL_BYTES_MAX: usize = 1 << 20;
/// A header section is cut after this many bytes.
pub const HEADERS_BYTES_MAX: usize = 64 << 10;
/// A reply of another host is cut after this many bytes.
const DIAGNOSTIC_BYTES_MAX: usize = 1000;
/// Lines are folded at spaces where they are longer (RFC 5322 section 2.1.1).
const LINE_BYTES: usize = 78;

/// What a notification tells.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// This host.
    pub hostname: &'a str,
    /// Queue id of the notification; unique, so that Message-ID and boundary are.
    pub id: &'a str,
    /// Queue id of the original message.
    pub original_id: &'a str,
    /// The sender of the original, who gets this.
    pub to: &'a str,
    /// Milliseconds since the Unix epoch.
    pub date: i64,
    /// When the original arrived.
    pub arrived: i64,
    /// ENVID of the original, decoded.
    pub envid: Option<&'a str>,
    /// At least one.
    pub recipients: &'a [Recipient<'a>],
    /// The original message, or as much of its beginning as is at hand.
    pub original: &'a [u8],
    /// Whether `original` is the whole message.
    pub complete: bool,
    /// `RET=FULL`: the whole message comes back, if it is not above [`FULL_BYTES_MAX`].
    pub full: bool,
    /// The original was an SMTPUTF8 message: addresses may stay what they are (RFC 6533).
    pub smtputf8: bool,
}

/// What became of one recipient.
#[derive(Clone, Debug)]
pub struct Recipient<'a> {
    /// ORCPT as `type;address`.
    pub original: Option<&'a str>,
    /// The address delivery was tried to.
    pub address: &'a str,
    pub action: Action,
    /// `5.1.1`
    pub status: &'a str,
    /// The host that answered.
    pub remote: Option<&'a str>,
    /// What the other host, or this one, said: `550 5.1.1 Unknown user local`.
    pub diagnostic: Option<&'a str>,
    /// Milliseconds since the Unix epoch.
    pub last_attempt: Option<i64>,
    /// For [`Action::Delayed`].
    pub retry_until: Option<i64>,
}

/// RFC 3464 section 2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Failed,
    Delayed,
    Expanded,
    Relayed,
    Delivered,
}

impl Action {
    fn keyword(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Expanded => "expanded",
            Self::Relayed => "relayed",
            Self::Delivered => "delivered",
        }
    }
}

/// A notification, ready to be queued with the null sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub bytes: Vec<u8>,
    /// Needs BODY=8BITMIME.
    pub eight_bit: bool,
    /// Needs SMTPUTF8.
    pub smtputf8: bool,
}

/// Writes the whole notification, with CRLF line ends.
pub fn notification(report: &Report) -> Notification {
    let utf8 = report.smtputf8;
    let returned = Returned::choose(report);
    let eight_bit = utf8 || !returned.bytes.is_ascii();
    let encoding = if eight_bit { "Content-Transfer-Encoding: 8bit\r\n" } else { "" };
    let boundary = boundary(report.id, returned.bytes);
    let hostname = word(report.hostname, utf8, 255);
    let mut out = String::with_capacity(4096 + returned.bytes.len());

    let _ = write!(
        out,
        "Date: {}\r\nFrom: Mail delivery <postmaster@{hostname}>\r\nTo: <{}>\r\nSubject: {}\r\n\
         Message-ID: <{}@{hostname}>\r\n",
        rfc5322(report.date),
        written(report.to, utf8),
        words::subject(report),
        word(report.id, false, 255),
    );
    if let Some(reference) = message_id(report.original) {
        let _ = write!(out, "References: {reference}\r\n");
    }
    let _ = write!(
        out,
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n{encoding}\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset={}\r\n{encoding}\r\n",
        if utf8 { "utf-8" } else { "us-ascii" },
    );
    words::explain(&mut out, report, returned.whole);
    let kind = if utf8 { "message/global-delivery-status" } else { "message/delivery-status" };
    let _ = write!(out, "\r\n--{boundary}\r\nContent-Type: {kind}\r\n{encoding}\r\n");
    status(&mut out, report, &hostname);
    let kind = match (returned.whole, utf8) {
        (true, true) => "message/global",
        (true, false) => "message/rfc822",
        (false, true) => "message/global-headers",
        (false, false) => "text/rfc822-headers",
    };
    let _ = write!(out, "\r\n--{boundary}\r\nContent-Type: {kind}\r\n{encoding}\r\n");

    let mut bytes = out.into_bytes();
    bytes.extend_from_slice(returned.bytes);
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Notification { bytes, eight_bit, smtputf8: utf8 }
}

/// The per-message and per-recipient fields (RFC 3464 sections 2.2 and 2.3).
fn status(out: &mut String, report: &Report, hostname: &str) {
    let utf8 = report.smtputf8;
    if let Some(envid) = report.envid {
        field(out, "Original-Envelope-Id", &visible(envid, utf8, 255));
    }
    field(out, "Reporting-MTA", &format!("dns; {hostname}"));
    field(out, "Arrival-Date", &rfc5322(report.arrived));
    for recipient in report.recipients {
        out.push_str("\r\n");
        if let Some((kind, address)) = recipient.original.and_then(|original| original.split_once(';')) {
            field(out, "Original-Recipient", &format!("{};{}", word(kind, false, 64), visible(address, utf8, 512)));
        }
        let kind = if recipient.address.is_ascii() || !utf8 { "rfc822" } else { "utf-8" };
        field(out, "Final-Recipient", &format!("{kind};{}", written(recipient.address, utf8)));
        field(out, "Action", recipient.action.keyword());
        field(out, "Status", &word(recipient.status, false, 16));
        if let Some(remote) = recipient.remote {
            field(out, "Remote-MTA", &format!("dns; {}", visible(remote, utf8, 255)));
        }
        if let Some(diagnostic) = recipient.diagnostic {
            field(out, "Diagnostic-Code", &format!("smtp; {}", visible(diagnostic, utf8, DIAGNOSTIC_BYTES_MAX)));
        }
        if let Some(at) = recipient.last_attempt {
            field(out, "Last-Attempt-Date", &rfc5322(at));
        }
        if let (Some(until), Action::Delayed) = (recipient.retry_until, recipient.action) {
            field(out, "Will-Retry-Until", &rfc5322(until));
        }
    }
}

/// One field, folded at spaces.
fn field(out: &mut String, name: &str, value: &str) {
    let start = out.len();
    out.push_str(name);
    out.push(':');
    let mut line = out.len() - start;
    for piece in value.split(' ').filter(|piece| !piece.is_empty()) {
        if line + 1 + piece.len() > LINE_BYTES && line > name.len() + 1 {
            out.push_str("\r\n ");
            line = 1;
        } else {
            out.push(' ');
            line += 1;
        }
        out.push_str(piece);
        line += piece.len();
    }
    out.push_str("\r\n");
}

/// What of the original goes back.
struct Returned<'a> {
    bytes: &'a [u8],
    whole: bool,
}

impl<'a> Returned<'a> {
    fn choose(report: &Report<'a>) -> Self {
        // A NUL or a bare line end cannot travel in this message; it does in the original's BDAT.
        let sendable = !report.original.contains(&0);
        if report.full && report.complete && sendable && report.original.len() <= FULL_BYTES_MAX {
            return Self { bytes: report.original, whole: true };
        }
        let (head, _) = header::split(report.original);
        let bytes = match head.get(..HEADERS_BYTES_MAX) {
            None => head,
            // Cut after a whole field, never inside of one.
            Some(_) => {
                let end = header::fields(head).take_while(|f| f.end <= HEADERS_BYTES_MAX).last().map_or(0, |f| f.end);
                head.get(..end).unwrap_or(head)
            }
        };
        Self { bytes: if bytes.contains(&0) { &[] } else { bytes }, whole: false }
    }
}

/// A boundary that does not occur in what is returned.
fn boundary(id: &str, returned: &[u8]) -> String {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let mut boundary = format!("=_{id}");
    // Whoever guesses the id could plant the boundary; not the longer ones as well in one message
    // of bounded size, because each turn doubles what must be there.
    while memchr::memmem::find(returned, boundary.as_bytes()).is_some() && boundary.len() < 68 {
        boundary.push('x');
    }
    boundary
}

/// The original's Message-ID if it is harmless enough to be repeated.
fn message_id(original: &[u8]) -> Option<String> {
    let text = header::find(original, "Message-ID")?.text();
    let fits = text.len() < 250 && text.starts_with('<') && text.ends_with('>');
    (fits && text.chars().all(|c| c.is_ascii_graphic())).then_some(text)
}

#[cfg(test)]
mod tests;
