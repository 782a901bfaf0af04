//! xtext (RFC 3461 section 4) and its relative for UTF-8 addresses (RFC 6533 section 3).

/// Decodes `+HH`. None: malformed, or it hides control characters, which must not reach a header or a log.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => {
                let (high, low) = (char::from(rest.next()?), char::from(rest.next()?));
                bytes.push(u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok()?);
            }
            b'!'..=b'~' if byte != b'=' => bytes.push(byte),
            _ => return None,
        }
    }
    printable(String::from_utf8(bytes).ok()?)
}

/// Encodes what xtext does not allow as `+HH`.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("+{byte:02X}")),
        }
    }
    encoded
}

/// Decodes `\x{HEX}` of `utf-8-addr-xtext`; UTF-8 itself may stand too.
pub(crate) fn decode_unitext(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x{") {
        decoded.push_str(before);
        let (hex, after) = after.split_once('}')?;
        let hex = Some(hex).filter(|hex| (1..=6).contains(&hex.len()))?;
        decoded.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
        rest = after;
    }
    decoded.push_str(rest);
    if rest.contains('\\') { None } else { printable(decoded) }
}

fn printable(text: String) -> Option<String> {
    if text.chars().any(crate::line::is_unprintable) { None } else { Some(text) }
}
