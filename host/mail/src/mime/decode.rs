//! Transfer encodings, charsets and encoded words, by the library. What does not decode is handed on as well as it can
//! be, and said to be unsound.

use mail_parser::HeaderValue;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::parsers::MessageStream;

/// Bytes of a field that are decoded.
const FIELD_BYTES_MAX: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 7bit, 8bit, binary, or none.
    Plain,
    Base64,
    QuotedPrintable,
    /// Of no name that RFC 2045 knows; read as it stands.
    Unknown,
}

impl Encoding {
    pub(super) fn named(name: &[u8]) -> Self {
        let name = name.trim_ascii().to_ascii_lowercase();
        match name.as_slice() {
            b"" | b"7bit" | b"8bit" | b"binary" => Self::Plain,
            b"base64" => Self::Base64,
            b"quoted-printable" => Self::QuotedPrintable,
            _ => Self::Unknown,
        }
    }

    pub(super) fn defect(self) -> &'static str {
        match self {
            Self::Plain | Self::Unknown => "unknown-encoding",
            Self::Base64 => "bad-base64",
            Self::QuotedPrintable => "bad-quoted-printable",
        }
    }
}

/// The bytes, and whether all of them decoded.
pub(super) fn transfer(raw: &[u8], encoding: Encoding) -> (Vec<u8>, bool) {
    match encoding {
        Encoding::Plain => (raw.to_vec(), true),
        Encoding::Unknown => (raw.to_vec(), false),
        Encoding::Base64 => base64(raw),
        Encoding::QuotedPrintable => match quoted_printable_decode(raw) {
            Some(bytes) => (bytes, is_sound(raw, encoding)),
            None => (raw.to_vec(), false),
        },
    }
}

/// Without decoding.
pub(super) fn is_sound(raw: &[u8], encoding: Encoding) -> bool {
    match encoding {
        Encoding::Plain => true,
        Encoding::Unknown => false,
        Encoding::Base64 => {
            raw.iter().all(|byte| is_base64(*byte) || matches!(byte, b'=' | b'\r' | b'\n' | b' ' | b'\t'))
                && raw.iter().filter(|byte| is_base64(**byte) || **byte == b'=').count().is_multiple_of(4)
        }
        Encoding::QuotedPrintable => {
            let escapes = raw.iter().enumerate().filter(|(_, byte)| **byte == b'=');
            escapes.into_iter().all(|(at, _)| match raw.get(at.saturating_add(1)..).unwrap_or_default() {
                [] | [b'\n', ..] | [b'\r', b'\n', ..] | [b' ' | b'\t', ..] => true,
                [high, low, ..] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
                _ => false,
            })
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// What is no base64 is skipped, as RFC 2045 section 6.8 asks.
fn base64(raw: &[u8]) -> (Vec<u8>, bool) {
    let sound = is_sound(raw, Encoding::Base64);
    if sound && let Some(bytes) = base64_decode(raw) {
        return (bytes, true);
    }
    let mut kept: Vec<u8> = raw.iter().copied().filter(|byte| is_base64(*byte)).collect();
    // A lone character at the end carries no byte.
    if kept.len() % 4 == 1 {
        kept.pop();
    }
    while !kept.len().is_multiple_of(4) {
        kept.push(b'=');
    }
    (base64_decode(&kept).unwrap_or_default(), sound)
}

/// UTF-8; without a charset UTF-8 or, failing that, Windows-1252.
pub(super) fn text(bytes: &[u8], charset: Option<&str>) -> Option<String> {
    let charset = charset.map(|name| name.trim().to_ascii_lowercase());
    match charset.as_deref() {
        None | Some("" | "us-ascii" | "ascii" | "utf-8" | "utf8") => Some(match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => match charset.as_deref().is_some_and(|name| name.starts_with("utf")) {
                true => String::from_utf8_lossy(bytes).into_owned(),
                false => charset_decoder(b"windows-1252")?(bytes),
            },
        }),
        Some(name) => charset_decoder(name.as_bytes()).map(|decode| decode(bytes)),
    }
}

/// The value of a field with its encoded words decoded, on one line.
pub(super) fn words(value: &[u8]) -> String {
    let mut value = value.get(..value.len().min(FIELD_BYTES_MAX)).unwrap_or_default().to_vec();
    value.push(b'\n');
    let text = match MessageStream::new(&value).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    };
    text.replace(['\r', '\n'], " ").trim().to_owned()
}

/// `name; parameter=value`, as in Content-Type and Content-Disposition, RFC 2231 decoded.
pub(super) fn structured(value: &[u8]) -> Option<Structured> {
    let mut value = value.get(..value.len().min(FIELD_BYTES_MAX)).unwrap_or_default().to_vec();
    value.push(b'\n');
    let HeaderValue::ContentType(parsed) = MessageStream::new(&value).parse_content_type() else { return None };
    let parameters = parsed.attributes.unwrap_or_default();
    Some(Structured {
        main: parsed.c_type.trim().to_ascii_lowercase(),
        sub: parsed.c_subtype.map(|sub| sub.trim().to_ascii_lowercase()),
        parameters: parameters
            .into_iter()
            .map(|attribute| (attribute.name.to_ascii_lowercase(), attribute.value.into_owned()))
            .collect(),
    })
}

pub(super) struct Structured {
    pub(super) main: String,
    pub(super) sub: Option<String>,
    pub(super) parameters: Vec<(String, String)>,
}

impl Structured {
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}
