//! What a file is, by its first bytes: which signatures are meant for it and whether it can be opened.

use memchr::memmem;

/// Bytes looked at for text and HTML.
const HEAD_BYTES: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Gzip,
    Tar,
    Mail,
    Html,
    Text,
    /// By its number as a target of signatures; 0 is any other.
    Other(u8),
}

/// Magic bytes at the start and the target of signatures for such files.
const MAGIC: &[(&[u8], u8)] = &[
    (b"MZ", 1),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 2),
    (b"GIF8", 5),
    (b"\x89PNG", 5),
    (b"\xFF\xD8\xFF", 5),
    (b"BM", 5),
    (b"II*\0", 5),
    (b"MM\0*", 5),
    (b"\x7FELF", 6),
    (b"\xCE\xFA\xED\xFE", 9),
    (b"\xCF\xFA\xED\xFE", 9),
    (b"\xFE\xED\xFA\xCE", 9),
    (b"\xFE\xED\xFA\xCF", 9),
    (b"%PDF-", 10),
    (b"FWS", 11),
    (b"CWS", 11),
    (b"ZWS", 11),
    (b"\xCA\xFE\xBA\xBE", 12),
];

/// A text may begin with what is shorter.
const WORDLIKE_BYTES: usize = 4;

/// Header fields that a message begins with.
const MAIL_FIELDS: &[&str] = &[
    "received",
    "return-path",
    "delivered-to",
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "x-originating-ip",
    "x-envelope-from",
    "dkim-signature",
    "arc-seal",
];

impl Kind {
    /// `media_type` is what the sender says, if anybody.
    pub(crate) fn of(data: &[u8], media_type: Option<&str>) -> Self {
        if data.starts_with(b"PK\x03\x04") || data.starts_with(b"PK\x05\x06") {
            return Self::Zip;
        }
        if data.starts_with(b"\x1F\x8B\x08") {
            return Self::Gzip;
        }
        if data.get(257..262) == Some(b"ustar") {
            return Self::Tar;
        }
        let head = data.get(..data.len().min(HEAD_BYTES)).unwrap_or_default();
        let is_printable = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\r' | b'\n' | 0x0C);
        let is_text = !head.is_empty() && head.iter().all(is_printable);
        let magic = MAGIC.iter().find(|(magic, _)| data.starts_with(magic));
        if let Some((_, target)) = magic.filter(|(magic, _)| !is_text || magic.len() >= WORDLIKE_BYTES) {
            return Self::Other(*target);
        }
        if matches!(media_type, Some("message/rfc822" | "message/global")) || is_mail(data) {
            return Self::Mail;
        }
        if media_type == Some("text/html") || is_html(head) {
            return Self::Html;
        }
        if is_text { Self::Text } else { Self::Other(0) }
    }

    /// Whether signatures for this target are meant for this file.
    pub(crate) fn takes(self, target: u8) -> bool {
        target == 0
            || match self {
                Self::Mail => target == 4,
                Self::Html => target == 3,
                Self::Text => target == 7,
                Self::Other(own) => target == own,
                Self::Zip | Self::Gzip | Self::Tar => false,
            }
    }
}

fn is_mail(data: &[u8]) -> bool {
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let name = String::from_utf8_lossy(line.get(..colon).unwrap_or_default()).to_ascii_lowercase();
    MAIL_FIELDS.contains(&name.as_str())
}

fn is_html(head: &[u8]) -> bool {
    let head = head.to_ascii_lowercase();
    ["<html", "<!doctype html", "<head", "<body", "<script", "<iframe"]
        .iter()
        .any(|tag| memmem::find(&head, tag.as_bytes()).is_some())
}
